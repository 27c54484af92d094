"""What does a signature state that is written like one before? Its values, put into what is known of its markup.

The signatures of one program differ in their values alone: digests, the value, the certificates, the time. So the
text of a signature is taken apart into markup and values. What the markup means is found out once: random marks in
the values' places go through the parser, `check_shape`, the policy and the canonicaliser like any signature, and
where each mark came out is remembered. Of the next signature with the same markup only the values are looked at:
base64 in its one spelling, nothing to escape.

Text and tree cannot differ here: it is asked of plain files alone (`edxml.bounds`: no comment, CDATA, instruction or
entity), after the tree showed that there is one signature and where it stands, and for signatures that declare each
prefix they use. Any doubt means None, and the tree is asked.
"""

from __future__ import annotations

import binascii
import itertools
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from lienthong.edxml.reader import parse
from lienthong.errors import Refusal
from lienthong.signing.shape import MAX_CERTIFICATE_BYTES, check_shape, find_signature
from lienthong.signing.stated import Digest, Stated, check_algorithms, read_stated

_OPENS: Final = re.compile(rb"<((?:[^\s<>/:]+:)?Signature)[\s>]")
_VALUE: Final = re.compile(rb">([^<]+)<")
_LARGEST: Final = 65_536  #: bytes of a signature; one with a certificate has 3,500
_REMEMBERED: Final = 256

#: markup and what stands between `>` and `<` by turns; None for a value
_Markup = tuple[bytes | None, ...]
#: canonical octets and, where a number stands, that value
_Template = tuple[bytes | int, ...]


class _Form(NamedTuple):
    """A signature with numbers for its values."""

    method: str
    value: int
    signed_info: _Template
    document: tuple[str, int]
    properties: tuple[str, int] | None
    signed_properties: _Template | None
    certificates: tuple[int, ...]
    named: tuple[tuple[str, int], ...]
    time: int | None


class _Unlike(Exception):
    """Not a form, or a value that does not fit into it."""


def recognise(data: bytes) -> Stated | None:
    """What the one signature of a plain, parsed file states, if its markup was seen before and is sound.

    Then steps 4 and 5 of a verification have passed. None says nothing about the signature.
    """
    span = _find(data)
    if span is None or _has_ids(data, 0, span.start) or _has_ids(data, span.stop, len(data)):
        return None
    text = data[span]
    if len(text) > _LARGEST or b"&" in text or b"\r" in text:
        return None
    parts: list[bytes] = _VALUE.split(text)
    values = [value for value in parts[1::2] if not value.isspace()]
    markup = tuple(None if i % 2 and not part.isspace() else part for i, part in enumerate(parts))
    if next(_sightings(markup)) == 0:  # most programs write one form, some never the same twice
        return None
    form = _form(markup)
    if form is None:
        return None
    try:
        return _fill(form, values)
    except (_Unlike, ValueError):
        return None


def _find(data: bytes) -> slice | None:
    """Where the one element named Signature stands."""
    found = data.find(b"<Signature")
    if found < 0:
        found = data.rfind(b"<", 0, max(data.find(b":Signature"), 0))
    opens = _OPENS.match(data, max(found, 0))
    if opens is None:
        return None
    end = b"</" + opens.group(1) + b">"
    closes = data.find(end, opens.end())
    return slice(opens.start(), closes + len(end)) if closes >= 0 else None


def _has_ids(data: bytes, start: int, stop: int) -> bool:
    """Whether an attribute may stand there whose name ends like an id's: the tree then tells if one stands twice."""
    at = data.find(b"=", start, stop)
    while at >= 0:
        name = data[max(at - 32, start) : at].rstrip()
        if len(name) < 2 or name[-2:].lower() == b"id":
            return True
        at = data.find(b"=", at + 1, stop)
    return False


def _fill(form: _Form, values: list[bytes]) -> Stated:
    return Stated(
        method=form.method,
        value=_base64(values[form.value]),
        signed_info=_put(form.signed_info, values),
        document=Digest(form.document[0], _base64(values[form.document[1]])),
        properties=form.properties and Digest(form.properties[0], _base64(values[form.properties[1]])),
        signed_properties=None if form.signed_properties is None else _put(form.signed_properties, values),
        certificates=tuple(_certificate(values[number]) for number in form.certificates),
        named=tuple(Digest(algorithm, values[number].decode()) for algorithm, number in form.named),
        time=None if form.time is None else values[form.time].decode(),
    )


def _put(template: _Template, values: list[bytes]) -> bytes:
    return b"".join([values[part] if isinstance(part, int) else part for part in template])


def _base64(value: bytes) -> str:
    """The value, if it is base64 in its one spelling without white space."""
    if binascii.b2a_base64(binascii.a2b_base64(value), newline=False) != value:
        raise _Unlike
    return value.decode()


@lru_cache(maxsize=2048)
def _certificate(value: bytes) -> bytes:
    """DER; the same object for the same text, as its reader remembers it by."""
    der = binascii.a2b_base64(_base64(value))
    if len(der) > MAX_CERTIFICATE_BYTES:
        raise _Unlike
    return der


@lru_cache(maxsize=_REMEMBERED)
def _sightings(markup: _Markup) -> Iterator[int]:
    """How often this markup was seen before."""
    return itertools.count()


@lru_cache(maxsize=_REMEMBERED)
def _form(markup: _Markup) -> _Form | None:
    """The form of signatures with this markup; None if one would be refused, or leans on what stands around it."""
    marks = [b64encode(secrets.token_bytes(24)) for part in markup if part is None]
    following = iter(marks)
    text = b"".join(
        b">%s<" % (part or next(following)) if i % 2 else part or b"" for i, part in enumerate(markup)
    )
    try:
        root = parse(b"<a>" + text + b"</a>")
        shape = check_shape(root, find_signature(root, root, last=True))
        check_algorithms(shape)
        return _abstract(read_stated(shape), marks)
    except (Refusal, _Unlike):
        return None


def _abstract(stated: Stated, marks: list[bytes]) -> _Form:
    """Numbers in the places of marks."""
    numbers = {mark.decode(): number for number, mark in enumerate(marks)}

    def number_of(text: str) -> int:
        if text not in numbers:
            raise _Unlike
        return numbers[text]

    def digest(stated: Digest) -> tuple[str, int]:
        return stated.algorithm, number_of(stated.value)

    def template(octets: bytes) -> _Template:
        parts = re.split(b"(" + b"|".join(map(re.escape, marks)) + b")", octets)
        return tuple(numbers[part.decode()] if i % 2 else part for i, part in enumerate(parts))

    return _Form(
        method=stated.method,
        value=number_of(stated.value),
        signed_info=template(stated.signed_info),
        document=digest(stated.document),
        properties=None if stated.properties is None else digest(stated.properties),
        signed_properties=None if stated.signed_properties is None else template(stated.signed_properties),
        certificates=tuple(number_of(b64encode(der).decode()) for der in stated.certificates),
        named=tuple(digest(each) for each in stated.named),
        time=None if stated.time is None else number_of(stated.time),
    )
