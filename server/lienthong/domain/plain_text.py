"""How does a stranger's text reach a terminal without rewriting what a person sees there?"""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """`text` on one line, without control and format characters: escape sequences, bidi overrides."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if unicodedata.category(char)[0] != "C"
        else " "
        if char in "\r\n\t"
        else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
