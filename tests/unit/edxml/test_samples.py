"""Can every file the field sends, but for the one that is no XML, be repaired, read, checked and written again?"""

from __future__ import annotations

from pathlib import Path

import pytest

from lienthong.domain.document import Document
from lienthong.edxml.attachments import check_attachments, read_attachments
from lienthong.edxml.reader import parse, read, read_package
from lienthong.edxml.repair import repair
from lienthong.edxml.rules import check_rules
from lienthong.edxml.schema import check_schema
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import FIELD, NOT_WELL_FORMED, OWN, TODAY, readable

FILES = pytest.mark.parametrize("path", readable(), ids=lambda path: f"{path.parts[-4]}-{path.name}")


@FILES
def test_repaired_twice_is_repaired_once(path: Path) -> None:
    once = repair(path.read_bytes())
    assert repair(once) == once


@FILES
def test_repaired_follows_the_strict_schema(path: Path) -> None:
    root = parse(repair(path.read_bytes()))
    document = isinstance(read_package(root), Document)
    check_schema(root, "edxml/strict" if document else "edxml/status")
    check_schema(root, "edxml/lenient")


@FILES
def test_repair_keeps_what_the_package_says(path: Path) -> None:
    data = path.read_bytes()
    begin = data.find(b"<?xml")
    assert read(repair(data)) == read(data[begin:])


@FILES
def test_written_again_it_says_the_same(path: Path) -> None:
    root = parse(repair(path.read_bytes()))
    package = read_package(root)
    files = list(read_attachments(root))
    again = parse(write(package, files))
    assert read_package(again) == package
    assert [file.content for file in read_attachments(again)] == [file.content for file in files]


@FILES
def test_passes_attachments_and_rules(path: Path) -> None:
    root = parse(repair(path.read_bytes()))
    package = read_package(root)
    check_attachments(root, package)
    assert [finding for finding in check_rules(package, root, today=TODAY) if finding.blocking] == []


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(OWN.glob("*.edxml")) + sorted(FIELD.glob("*.edxml")) if p.name in NOT_WELL_FORMED],
)
def test_an_undeclared_prefix_is_refused_by_name_and_line(path: Path) -> None:
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "xlink:href" in text)
    for act in (read, repair):
        with pytest.raises(Refusal) as refusal:
            act(path.read_bytes())
        assert refusal.value.code is Code.XML_MALFORMED
        assert refusal.value.detail == f"the prefix xlink is not declared, line {line}"
