"""Is external content named in one way only, kept by repair and signing, and refused when it is named badly?"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lienthong.domain.document import Attachment, Document, ExternalContent, ManifestEntry
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.attachments import check_attachments
from lienthong.edxml.reader import parse, read, read_package
from lienthong.edxml.repair import repair
from lienthong.edxml.rules import check_rules
from lienthong.edxml.schema import check_schema
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_package
from tests.pki.world import world
from tests.unit.edxml.samples import own

BIG = ExternalContent(sha256=sha256_hex(b"big"), size=3_000_000_000, media_type="application/pdf")
ENTRY = ManifestEntry(content_id="cid:big", attachment_name="Quy hoạch.pdf", external=BIG)
SMALL = Attachment(content_id="cid:small", attachment_name="a.pdf", content=b"%PDF-1.4")
INSIDE = ManifestEntry(content_id="cid:small", attachment_name="a.pdf")


def package() -> Document:
    found = read(own("new.edxml"))
    assert isinstance(found, Document)
    return replace(found, manifest=(INSIDE, ENTRY))


def written() -> bytes:
    return write(package(), [SMALL])


def test_it_is_written_read_and_repaired_without_a_change() -> None:
    data = written()
    assert read(data) == package()
    assert repair(data) == data
    check_schema(parse(data), "edxml/strict")
    check_schema(parse(data), "edxml/lenient")


def test_repair_keeps_it_whatever_the_prefix_and_place() -> None:
    element = re.search(rb"<content:ExternalContent.*?</content:ExternalContent>", written())
    assert element
    renamed = (
        element[0]
        .replace(b"<content:", b"<x:")
        .replace(b"</content:", b"</x:")
        .replace(b"xmlns:content", b"xmlns:x")
    )
    first = b"<edXML:ContentId>cid:big"
    moved = written().replace(element[0], b"").replace(first, renamed + first)
    assert read(repair(moved)) == package()


def test_it_is_under_the_senders_signature() -> None:
    key = world().key("H48.31.05")
    signed = sign_package(written(), key, at=world().at)
    assert read(signed) == package()


def test_a_reference_to_external_content_has_no_attachment() -> None:
    root = parse(written())
    check_attachments(root, read_package(root))
    twice = write(package(), [SMALL, replace(SMALL, content_id="cid:big", attachment_name="Quy hoạch.pdf")])
    root = parse(twice)
    with pytest.raises(Refusal, match="not in the manifest") as refusal:
        check_attachments(root, read_package(root))
    assert refusal.value.code is Code.ATTACHMENT_MISMATCH


@pytest.mark.parametrize("name", ["../x.pdf", "/etc/passwd", "C:\\x", "gia\u202efdp.exe"])
def test_path_tricks_in_the_name_of_external_content_are_refused(name: str) -> None:
    root = parse(write(replace(package(), manifest=(INSIDE, replace(ENTRY, attachment_name=name))), [SMALL]))
    with pytest.raises(Refusal, match="unsafe file name") as refusal:
        check_attachments(root, read_package(root))
    assert refusal.value.code is Code.ATTACHMENT_MISMATCH


def test_a_package_with_external_content_alone_carries_a_file() -> None:
    root = parse(write(replace(package(), manifest=(ENTRY,))))
    findings = check_rules(read_package(root), root, today=package().promulgation_date)
    assert "attachment-present" not in {finding.rule for finding in findings}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (BIG.sha256, BIG.sha256.upper()),
        (BIG.sha256, BIG.sha256[:-1]),
        ('length="3000000000"', 'length="0"'),
        ('length="3000000000"', 'length="-1"'),
        ('length="3000000000"', 'length="3e9"'),
        ('length="3000000000"', 'length="9999999999999999"'),
        ('length="3000000000"', ""),
        ('mediaType="application/pdf"', 'mediaType="pdf"'),
        ('mediaType="application/pdf"', 'mediaType="a/b; c=d"'),
        ("mediaType=", 'compression="gzip" mediaType='),
        ("></content:ExternalContent>", ">x</content:ExternalContent>"),
        ("></content:ExternalContent>", "><x/></content:ExternalContent>"),
        ("content:ExternalContent", "content:Other"),
        ("</edXML:Reference>\n    </edXML:edXMLManifest>", None),
    ],
)
def test_what_is_named_badly_is_refused(old: str, new: str | None) -> None:
    text = written().decode()
    if new is None:  # a second element
        element = re.search(r"<content:ExternalContent.*?</content:ExternalContent>", text)
        assert element
        old, new = element[0], element[0] * 2
    changed = text.replace(old, new)
    assert changed != text
    with pytest.raises(Refusal) as refusal:
        read(changed.encode())
    assert refusal.value.code is Code.SCHEMA_INVALID
    assert (refusal.value.field or "").startswith("edXMLManifest/Reference[2]/ExternalContent")
