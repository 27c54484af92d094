"""How Vietnamese text is compared without diacritics, and how agencies are found by it.

The index lives in memory, made once per version of the directory: a national directory (125,000 agencies)
is searched in milliseconds and ranked exactly, which neither database's text search does by itself.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable

from lienthong.domain.agency import Agency, Environment

_WORD = re.compile(r"[^\W_]+")
_D = str.maketrans("đĐ", "dD")  # no combining mark in Unicode, so NFD leaves it


def fold(text: str) -> str:
    """Lower case, no diacritics (đ is d), single spaces: "Huyện Bình  Sơn" -> "huyen binh son"."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(plain.translate(_D).casefold().split())


class AgencySearch:
    """Finds agencies by code prefix or by words of the name; test agencies are never found."""

    def __init__(self, agencies: Iterable[Agency]) -> None:
        self._agencies = sorted(
            (a for a in agencies if a.environment is not Environment.TEST),
            key=lambda a: (fold(a.name), a.code),
        )
        self._codes = sorted(
            (fold(code), place) for place, a in enumerate(self._agencies) for code in (a.code, *a.aliases)
        )
        # a space before each word: " son" matches where a word begins
        self._names = [" " + " ".join(_WORD.findall(fold(a.name))) for a in self._agencies]

    def search(self, text: str, *, limit: int) -> list[Agency]:
        """Best first: the code itself, codes that begin so, names that begin so, names with all the words."""
        code = fold(text)
        wanted = [" " + word for word in _WORD.findall(code)]
        if not wanted or limit <= 0:
            return []
        found: dict[int, None] = {}
        for place in self._by_code(code, limit):
            found.setdefault(place)
        if len(found) < limit:
            for place in self._by_name("".join(wanted), wanted):
                found.setdefault(place)
                if len(found) >= limit:
                    break
        return [self._agencies[place] for place in list(found)[:limit]]

    def _by_code(self, code: str, limit: int) -> list[int]:
        places: list[int] = []
        for at in range(bisect_left(self._codes, (code,)), len(self._codes)):
            if len(places) >= limit or not self._codes[at][0].startswith(code):
                break
            places.append(self._codes[at][1])
        return places

    def _by_name(self, beginning: str, words: list[str]) -> Iterable[int]:
        """Places whose name begins so, then those with a word beginning like each of `words`; by name."""
        rarest = max(words, key=len)
        hits = [place for place, name in enumerate(self._names) if rarest in name]
        others = [word for word in words if word is not rarest]
        hits = [place for place in hits if all(word in self._names[place] for word in others)]
        yield from (place for place in hits if self._names[place].startswith(beginning))
        yield from hits
