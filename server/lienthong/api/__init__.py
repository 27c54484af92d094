"""The public interface as generated from proto/lienthong/api: never edited, made again by `make proto`."""

from __future__ import annotations
