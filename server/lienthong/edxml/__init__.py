"""From bytes to what a package says, and back: bounds, lenient reader, strict writer, attachments, repair, rules."""

from __future__ import annotations
