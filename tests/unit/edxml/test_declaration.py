"""Is the sender's declaration that there is no state secret signed with the package, and read strictly?"""

from __future__ import annotations

import dataclasses

import pytest

from lienthong.domain.document import Document
from lienthong.edxml.declaration import DECLARATION, MARKUP
from lienthong.edxml.reader import parse, read
from lienthong.edxml.repair import repair
from lienthong.edxml.rules import check_rules
from lienthong.edxml.schema import check_schema
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import TODAY, own


def declared() -> Document:
    package = read(own("new.edxml"))
    assert isinstance(package, Document)
    return dataclasses.replace(package, no_state_secret=True, subject="Tối mật")


def test_it_is_written_read_and_kept_by_repair() -> None:
    data = write(declared())
    assert MARKUP.encode() in data
    for form in (data, repair(data), repair(repair(data))):
        package = read(form)
        assert isinstance(package, Document)
        assert package.no_state_secret
    assert repair(repair(data)) == repair(data)
    check_schema(parse(repair(data)), "edxml/strict")


def test_without_it_nothing_is_written() -> None:
    data = write(dataclasses.replace(declared(), no_state_secret=False))
    assert DECLARATION.encode() not in data


def test_it_makes_words_of_secrecy_a_warning() -> None:
    package = declared()
    found = [f for f in check_rules(package, parse(write(package)), today=TODAY) if f.rule == "secrecy"]
    assert [f.blocking for f in found] == [False]


@pytest.mark.parametrize(
    "markup",
    [
        MARKUP * 2,
        MARKUP.replace("NoStateSecret", "Other"),
        MARKUP.replace("></", ">no</"),
        MARKUP.replace('1">', '1" a="b">'),
        MARKUP.replace("></", "><x/></"),
    ],
)
def test_it_is_read_strictly(markup: str) -> None:
    data = write(declared()).replace(MARKUP.encode(), markup.encode())
    with pytest.raises(Refusal) as caught:
        read(data)
    assert (caught.value.code, caught.value.field) == (Code.SCHEMA_INVALID, "MessageHeader/NoStateSecret")


def test_elsewhere_it_declares_nothing() -> None:
    data = write(declared()).replace(MARKUP.encode(), b"")
    moved = data.replace(b"</edXML:edXMLHeader>", MARKUP.encode() + b"</edXML:edXMLHeader>")
    package = read(moved)
    assert isinstance(package, Document)
    assert not package.no_state_secret
