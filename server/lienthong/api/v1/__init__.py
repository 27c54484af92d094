"""Version 1 of the public interface, generated."""

from __future__ import annotations
