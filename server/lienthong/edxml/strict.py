"""How is strict edXML laid out as text: prefixes, indentation, escaping?

The deployed peers (.NET XmlSerializer among them) depend on what a namespace-aware reader would not see: the root,
AttachmentEncoded and the attachments' own values un-prefixed, everything in the envelope and ContentTransferEncoded
with the prefix `edXML`. So the text is written here and not by an XML library.
"""

from __future__ import annotations

import binascii
import io
import re
from typing import Final

from lienthong.edxml.fields import normalise
from lienthong.edxml.names import EDXML
from lienthong.errors import Code, Refusal

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE: Final = _TEXT | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})
_PIECE: Final = 3 << 18  # bytes of a file encoded at once: base64 takes them by threes
_DECLARATION: Final = f' xmlns:edXML="{EDXML}"'


class Layout:
    """Collects strict edXML, two blanks per level: `open` and `close` blocks, `leaf` a value, `content` a file."""

    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._write('<?xml version="1.0" encoding="UTF-8"?>\n')
        self._open: list[tuple[str, str]] = []

    def open(self, name: str, attributes: str = "") -> None:
        """Begin a block. `attributes` is markup that begins with a blank, or empty."""
        prefixed = self._prefixed(name)
        if name == "edXML":
            attributes = f' xmlns="{EDXML}"' + attributes
        elif name == "edXMLEnvelope":
            attributes = _DECLARATION + attributes
        self._write(f"{self._indent()}<{prefixed}{attributes}>\n")
        self._open.append((name, prefixed))

    def close(self) -> None:
        """End the latest block."""
        _, prefixed = self._open.pop()
        self._write(f"{self._indent()}</{prefixed}>\n")

    def leaf(self, name: str, text: str | None, attributes: str = "") -> None:
        """A value; nothing when `text` is None. SCHEMA_INVALID for characters XML cannot carry."""
        if text is None:
            return
        prefixed = self._prefixed(name)
        escaped = escape(normalise(text), self.path(name))
        self._write(f"{self._indent()}<{prefixed}{attributes}>{escaped}</{prefixed}>\n")

    def content(self, data: bytes, attributes: str = "") -> None:
        """ContentTransferEncoded: `data` in base64, piece by piece, because it may be nearly all of a big package."""
        prefixed = self._prefixed("ContentTransferEncoded")
        self._write(f"{self._indent()}<{prefixed}{_DECLARATION}{attributes}>")
        view = memoryview(data)
        for begin in range(0, len(view), _PIECE):
            self._out.write(binascii.b2a_base64(view[begin : begin + _PIECE], newline=False))
        self._write(f"</{prefixed}>\n")

    def foreign(self, markup: str) -> None:
        """An element of another namespace, as markup that declares all it needs."""
        self._write(f"{self._indent()}{markup}\n")

    def path(self, name: str) -> str:
        """Where a value would stand, from MessageHeader or its like on."""
        return "/".join([block for block, _ in self._open if not block.startswith("edXML")] + [name])

    def data(self) -> bytes:
        """The file."""
        return self._out.getvalue()  # hands out its buffer without a copy

    def _write(self, text: str) -> None:
        self._out.write(text.encode())

    def _indent(self) -> str:
        return "  " * len(self._open)

    def _prefixed(self, name: str) -> str:
        inside = any(block == "edXMLEnvelope" for block, _ in self._open)
        plain = name != "edXMLEnvelope" and name != "ContentTransferEncoded" and not inside
        return name if plain else f"edXML:{name}"


def escape(text: str, path: str) -> str:
    """`text` as character data. SCHEMA_INVALID with `path` for characters XML cannot carry."""
    if match := _FORBIDDEN.search(text):
        raise Refusal(
            Code.SCHEMA_INVALID,
            field=path,
            detail=f"{path}: the character U+{ord(match.group()):04X} cannot stand in XML",
        )
    return text.translate(_TEXT)


def attribute(name: str, value: str, path: str) -> str:
    """` name="value"`, escaped."""
    escape(value, path)
    return f' {name}="{value.translate(_ATTRIBUTE)}"'
