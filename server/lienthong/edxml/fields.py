"""How is one field of a package read out of the tree, leniently but never ambiguously?

Lenient (what the field sends): any prefix, any child order, empty blocks and blanks mean absent, NFD text, comments
inside values, three ways to write a date. Never: a single-valued element twice, an element inside a value (readers
would disagree on what it says).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from lxml import etree

from lienthong.edxml.names import is_element, local_name
from lienthong.errors import Code, Refusal

#: edXML writes no zone: +07:00 by convention
VIETNAM: Final = timezone(timedelta(hours=7))

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_TRUTH: Final = {"1": True, "true": True, "0": False, "false": False}
_TIME = (
    r"(?:[T ]+(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?"
    r"\s*(?P<Z>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_MOMENT: Final = (
    re.compile(rf"(?P<y>[0-9]{{4}})(?P<sep>[/-])(?P<m>[0-9]{{1,2}})(?P=sep)(?P<d>[0-9]{{1,2}}){_TIME}"),
    re.compile(rf"(?P<d>[0-9]{{1,2}})(?P<sep>[/-])(?P<m>[0-9]{{1,2}})(?P=sep)(?P<y>[0-9]{{4}}){_TIME}"),
)


def invalid(path: str, why: str, element: etree._Element | None = None) -> Refusal:
    """SCHEMA_INVALID for the field at `path`, with the line where the element stands."""
    number: object = None if element is None else element.sourceline
    line = f", line {number}" if number else ""
    return Refusal(Code.SCHEMA_INVALID, field=path, detail=f"{path}: {why}{line}")


def normalise(text: str) -> str:
    """Stripped and NFC: how text is compared and kept."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFC", text).strip()


def whole_text(element: etree._Element) -> str:
    """All text of a value across comments, not normalised. Elements inside are the caller's concern."""
    if not len(element):
        return element.text or ""
    return "".join([element.text or "", *(child.tail or "" for child in element)])


def says_something(element: etree._Element) -> bool:
    """Whether any text stands in the element or below it."""
    if len(element) == 0:
        text = element.text  # once: a big one is copied each time
        return bool(text and not text.isspace())
    if (first := element[0].text) and not first.isspace() and is_element(element[0]):
        return True
    return any(not text.isspace() for text in element.itertext() if text)


def moment(text: str) -> datetime | None:
    """A date, with or without a time, as senders write it; None if it is none. +07:00 unless a zone is given."""
    for pattern in _MOMENT:
        if match := pattern.fullmatch(text):
            break
    else:
        return None
    part = match.groupdict()
    zone: timezone = VIETNAM
    try:
        if part["Z"]:
            sign = -1 if part["Z"][0] == "-" else 1
            digits = part["Z"][1:].replace(":", "") or "0000"
            zone = timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
        y, m, d = int(part["y"]), int(part["m"]), int(part["d"])
        return datetime(y, m, d, int(part["H"] or 0), int(part["M"] or 0), int(part["S"] or 0), tzinfo=zone)
    except ValueError:
        return None


class Block:
    """One element with children, and the path to it for refusals."""

    __slots__ = ("_found", "_path", "element")

    def __init__(self, element: etree._Element, path: str | tuple[Block, str, int | None]) -> None:
        self.element = element
        self._path = path  #: or a block, the name of its child, and the number among those of the same name
        self._found: dict[str, list[tuple[etree._Element, str | None]]] = {}

    def _children(self) -> dict[str, list[tuple[etree._Element, str | None]]]:
        """Name -> its elements, with their text where they have no children. They are gone through once."""
        found = self._found = {}
        for child in self.element:
            if (name := local_name(child.tag)) is not None:
                entry = (child, None if len(child) else child.text or "")
                if name in found:
                    found[name].append(entry)
                else:
                    found[name] = [entry]
        return found

    @property
    def path(self) -> str:
        """Where the element stands, from MessageHeader or its like on. Written only when somebody asks."""
        if isinstance(self._path, str):
            return self._path
        parent, name, number = self._path
        return parent.at(name) + (f"[{number}]" if number else "")

    def at(self, name: str) -> str:
        """The path of a child."""
        path = self.path
        return f"{path}/{name}" if path else name

    def element_of(self, name: str) -> etree._Element | None:
        """The only child of that name that says something. SCHEMA_INVALID if there are two."""
        if name not in (self._found or self._children()):
            return None
        found = self._filled(name)
        if len(found) > 1:
            raise invalid(self.at(name), "stands more than once", found[1][1])
        return found[0][1] if found else None

    def _filled(self, name: str) -> list[tuple[int, etree._Element, str | None]]:
        """The children of that name that say something; they are numbered with the empty ones."""
        return [
            (number, child, text)
            for number, (child, text) in enumerate((self._found or self._children()).get(name, ()), 1)
            if (says_something(child) if text is None else text and not text.isspace())
        ]

    def block(self, name: str) -> Block | None:
        """The only child block of that name; None when absent or empty."""
        element = self.element_of(name)
        return None if element is None else Block(element, (self, name, None))

    def required_block(self, name: str) -> Block:
        """The only child block of that name. SCHEMA_INVALID when absent or empty."""
        found = self.block(name)
        if found is None:
            raise invalid(self.at(name), "is missing", self.element)
        return found

    def blocks(self, name: str) -> Iterator[Block]:
        """Every child block of that name that says something; indices in paths count the empty ones."""
        for number, element, _ in self._filled(name):
            yield Block(element, (self, name, number))

    def texts(self, name: str) -> tuple[str, ...]:
        """The text of every child of that name that says something."""
        return tuple(
            _text(element, f"{self.at(name)}[{number}]") if text is None else normalise(text)
            for number, element, text in self._filled(name)
        )

    def values(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The texts of several children, under the keys that `fields` has for qualified names; without empty ones."""
        values: dict[str, str] = {}
        for child in self.element:
            key = fields.get(child.tag)
            if key is None:
                continue
            if key in values or len(child):  # twice, or more than a text: nothing for a quick look
                each = {key: self.text(local_name(tag) or "") for tag, key in fields.items()}
                return {key: text for key, text in each.items() if text is not None}
            if text := normalise(child.text or ""):
                values[key] = text
        return values

    def text(self, name: str) -> str | None:
        """The text of a value, normalised; None when absent or empty."""
        found = (self._found or self._children()).get(name)
        if found is None:
            return None
        if len(found) == 1 and (text := found[0][1]) is not None:
            return normalise(text) or None
        element = self.element_of(name)
        return None if element is None else _text(element, self.at(name)) or None

    def required(self, name: str) -> str:
        """The text of a value. SCHEMA_INVALID when absent or empty."""
        text = self.text(name)
        if text is None:
            raise self.missing(name)
        return text

    def missing(self, name: str) -> Refusal:
        """SCHEMA_INVALID for a child that ought to be there."""
        return invalid(self.at(name), "is missing", self.element)

    def integer(self, name: str) -> int | None:
        """A whole number of at most nine digits; None when absent."""
        text = self.text(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise invalid(self.at(name), f"must be a whole number, not {text[:40]!r}", self.element_of(name))
        return int(text)

    def boolean(self, name: str) -> bool | None:
        """0, 1, true or false; None when absent."""
        text = self.text(name)
        if text is None:
            return None
        if text.lower() not in _TRUTH:
            raise invalid(self.at(name), f"must be 0 or 1, not {text[:40]!r}", self.element_of(name))
        return _TRUTH[text.lower()]

    def day(self, name: str) -> date | None:
        """The calendar day as written, whatever time stands beside it; None when absent."""
        found = self._moment(name)
        return None if found is None else found.date()

    def instant(self, name: str) -> datetime:
        """A Timestamp as UTC. SCHEMA_INVALID when absent."""
        found = self._moment(name)
        if found is None:
            raise self.missing(name)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            raise invalid(self.at(name), "is outside the calendar", self.element_of(name)) from None

    def _moment(self, name: str) -> datetime | None:
        text = self.text(name)
        if text is None:
            return None
        found = moment(text)
        if found is None:
            raise invalid(
                self.at(name), f"must be a date yyyy/MM/dd, not {text[:40]!r}", self.element_of(name)
            )
        return found


def _text(element: etree._Element, path: str) -> str:
    for child in element:
        if is_element(child):
            raise invalid(path, f"must hold text only, not the element {etree.QName(child).localname}", child)
    return normalise(whole_text(element))
