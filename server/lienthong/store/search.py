"""How Vietnamese text is compared without diacritics, and how agencies are found by it.

The index lives in memory, made once per version of the directory: a national directory (125,000 agencies)
is searched in milliseconds and ranked exactly, which neither database's text search does by itself.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain

from lienthong.domain.agency import Agency, Environment

_KEPT = 0x3000  # characters of Vietnamese and its neighbours; whatever else is sent fills no memory


class _Plain(dict[int, str]):
    """Each character's lower-case letters without marks, worked out when first met."""

    def __missing__(self, character: int) -> str:
        plain = "".join(
            c for c in unicodedata.normalize("NFD", chr(character)) if not unicodedata.combining(c)
        )
        folded = plain.casefold()
        if character < _KEPT:
            self[character] = folded
        return folded


class _Letters(_Plain):
    """The same, and a space for what is neither letter nor digit."""

    def __missing__(self, character: int) -> str:
        folded = _PLAIN[character]
        plain = "".join(c if c.isalnum() else " " for c in folded)
        if character < _KEPT:
            self[character] = plain
        return plain


_PLAIN = _Plain({ord("đ"): "d", ord("Đ"): "d"})  # no combining mark in Unicode, so NFD leaves it
_LETTERS = _Letters()


def fold(text: str) -> str:
    """Lower case, no diacritics (đ is d), single spaces: "Huyện Bình  Sơn" -> "huyen binh son"."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(text.translate(_PLAIN).split())


_Entry = tuple[str, Agency]  # the folded words of a name, and whose it is


class AgencySearch:
    """Finds agencies by code prefix or by words of a name, one to come too; test agencies are never found."""

    def __init__(self, agencies: Iterable[Agency]) -> None:
        self._fill(sorted(_entries(agencies), key=_order))

    def _fill(self, entries: list[_Entry]) -> None:
        self._entries = entries
        self._names = [name for name, _ in entries]
        self._codes = sorted(
            (fold(code), place) for place, (_, a) in enumerate(entries) for code in (a.code, *a.aliases)
        )

    def renewed(self, changed: Iterable[Agency]) -> AgencySearch:
        """The index with some agencies added or replaced."""
        given = {agency.code: agency for agency in changed}
        kept = [entry for entry in self._entries if entry[1].code not in given]
        fresh = AgencySearch(())
        fresh._fill(sorted([*kept, *_entries(given.values())], key=_order))
        return fresh

    def search(self, text: str, *, limit: int) -> list[Agency]:
        """Best first: the code itself, codes that begin so, names that begin so, names with all the words."""
        code, wanted = fold(text), _words(text)
        if not wanted or limit <= 0:
            return []
        found: dict[str, Agency] = {}
        for place in chain(self._by_code(code), self._by_beginning(wanted), self._by_words(wanted)):
            agency = self._entries[place][1]
            found.setdefault(agency.code, agency)
            if len(found) >= limit:
                break
        return list(found.values())

    def _by_code(self, code: str) -> Iterator[int]:
        for at in range(bisect_left(self._codes, (code,)), len(self._codes)):
            known, place = self._codes[at]
            if not known.startswith(code):
                return
            yield place

    def _by_beginning(self, name: str) -> Iterator[int]:
        for place in range(bisect_left(self._names, name), len(self._names)):
            if not self._names[place].startswith(name):
                return
            yield place

    def _by_words(self, name: str) -> Iterator[int]:
        """Names in which some word begins like each of the wanted ones; the longest, likely the rarest, first."""
        first, *others = sorted((" " + word for word in name.split()), key=len, reverse=True)
        for place, known in enumerate(self._names):
            if first in known and all(word in known for word in others):
                yield place


def _entries(agencies: Iterable[Agency]) -> Iterator[_Entry]:
    """Each name an agency has or will have."""
    for agency in agencies:
        if agency.environment is not Environment.TEST:
            # a space before each word: " son" is found where a word begins
            yield _words(agency.name), agency
            for name in {change.name for change in agency.changes if change.name} - {agency.name}:
                yield _words(name), agency


def _order(entry: _Entry) -> tuple[str, str]:
    return entry[0], entry[1].code


def _words(text: str) -> str:
    """The folded words, each after a space."""
    words = text.translate(_LETTERS).split()
    return " " + " ".join(words) if words else ""
