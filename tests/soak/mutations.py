"""How somebody with a document, a record or a message in hand may bend it: Hypothesis strategies over bytes.

`bent(originals)` takes one of the originals and applies one to six changes: bytes replaced, put in, taken out or
swapped; slices repeated, moved, or taken from another original; whole elements doubled, moved or exchanged; tokens
that XML, signatures and protobuf care about put anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

TOKENS: tuple[bytes, ...] = (
    b"<!--x-->", b"<?x y?>", b"<!DOCTYPE x>", b"<![CDATA[x]]>", b"&amp;", b"&#10;", b"&#x0;", b"&lt;",
    b' xmlns=""', b' xmlns:a="urn:a"', b' Id="x"', b' ID="x"', b' xml:id="x"', b' xml:space="preserve"',
    b"<a/>", b"<Signature/>", b'<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>',
    b'<Reference URI=""/>', b"H48.11", b"H48.31", b"H48", b"\n", b"\r\n", b"\t", b" ", b"\xc2\xa0", b"\xef\xbb\xbf",
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"0", b"=", b"\x0a\x00", b"\x32\x05H48.1", b"\x80\x80\x80\x80\x10",
)  # fmt: skip

Change = Callable[[bytes], bytes]


@st.composite
def _change(draw: st.DrawFn, others: Sequence[bytes]) -> Change:
    kind = draw(
        st.sampled_from(("byte", "byte", "token", "cut", "repeat", "move", "graft", "element", "swap"))
    )
    place, length = draw(st.floats(0, 1)), draw(st.one_of(st.integers(1, 8), st.integers(1, 3_000)))
    target = draw(st.floats(0, 1))
    if kind == "byte":
        new = draw(st.binary(min_size=0, max_size=3))
        wide = draw(st.integers(0, 3))
        return lambda data: _put(data, _at(data, place), wide, new)
    if kind == "token":
        token = draw(st.sampled_from(TOKENS))
        return lambda data: _put(data, _at(data, place), 0, token)
    if kind == "cut":
        return lambda data: _put(data, _at(data, place), length, b"")
    if kind == "repeat":
        return lambda data: _put(data, _at(data, target), 0, _slice(data, place, length))
    if kind == "move":
        return lambda data: _move(data, place, length, target)
    other = draw(st.sampled_from(others))
    if kind == "graft":
        return lambda data: _put(data, _at(data, target), length, _slice(other, place, length))
    if kind == "swap":
        return lambda data: _exchange(data, other, place)
    return lambda data: _element(data, place, target)


def bent(originals: Sequence[bytes]) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """(the original, what became of it)."""
    return st.tuples(st.sampled_from(originals), st.lists(_change(originals), min_size=1, max_size=6)).map(
        _apply
    )


def _apply(made: tuple[bytes, list[Change]]) -> tuple[bytes, bytes]:
    original, changes = made
    data = original
    for change in changes:
        data = change(data)
    return original, data


def _at(data: bytes, share: float) -> int:
    return int(share * max(0, len(data) - 1))


def _slice(data: bytes, share: float, length: int) -> bytes:
    start = _at(data, share)
    return data[start : start + length]


def _put(data: bytes, at: int, wide: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + wide :]


def _move(data: bytes, share: float, length: int, target: float) -> bytes:
    part = _slice(data, share, length)
    rest = _put(data, _at(data, share), length, b"")
    return _put(rest, _at(rest, target), 0, part)


_TAG = re.compile(rb"<([A-Za-z][\w.:-]*)[^<>]*>")


def _span(data: bytes, share: float) -> tuple[int, int] | None:
    """An element that begins behind the place, from its first to its last byte."""
    found = _TAG.search(data, _at(data, share)) or _TAG.search(data)
    if found is None:
        return None
    end = data.find(b"</" + found[1] + b">", found.end())
    return found.start(), end + len(found[1]) + 3 if end >= 0 else found.end()


def _element(data: bytes, share: float, target: float) -> bytes:
    """An element doubled before another one."""
    one, other = _span(data, share), _span(data, target)
    if one is None or other is None:
        return data
    return data[: other[0]] + data[one[0] : one[1]] + data[other[0] :]


def _exchange(data: bytes, other: bytes, share: float) -> bytes:
    """An element replaced by the other file's element of the same name."""
    one = _span(data, share)
    if one is None:
        return data
    name = _TAG.match(data, one[0])
    assert name is not None
    for found in _TAG.finditer(other):
        if found[1] == name[1]:
            end = other.find(b"</" + found[1] + b">", found.end())
            stop = end + len(found[1]) + 3 if end >= 0 else found.end()
            return data[: one[0]] + other[found.start() : stop] + data[one[1] :]
    return data
