"""Does each rule about files pass the good sample, name the bad one, and answer with its own code?"""

from __future__ import annotations

import base64
import io
import zipfile
from datetime import timedelta

import pytest

from lienthong.domain.document import ManifestEntry
from lienthong.edxml.attachments import find_mismatches
from lienthong.edxml.bounds import MIB, Limits
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.rules import FILE_RULES, RULES
from lienthong.edxml.rules.finding import Case, Finding
from lienthong.errors import Code
from tests.pki.world import world

PDF = b"%PDF-1.4\n"


def manifest(*names: str) -> tuple[ManifestEntry, ...]:
    return tuple(
        ManifestEntry(content_id=f"cid:{number}", attachment_name=name)
        for number, name in enumerate(names, 1)
    )


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, PDF)
    return buffer.getvalue()


def package(files: dict[str, bytes], **fields: object) -> bytes:
    return world().package("H48.31.05", ["H48.11"], files=files, **fields)


def plain(data: bytes, content: str) -> bytes:
    """With other text in the one ContentTransferEncoded."""
    begin = data.index(b">", data.index(b"<edXML:ContentTransferEncoded")) + 1
    return data[:begin] + content.encode() + data[data.index(b"</edXML:ContentTransferEncoded") :]


GOOD: dict[str, bytes] = {
    "one PDF": package({"a.pdf": PDF}),
    "no file": package({}),
    "a name with blanks and marks": package({"Báo cáo quý 1 (bản ký).pdf": PDF}),
    "a text that bears any name": package({"a.pdf": b"text"}),
    "an old format under a new name": package({"a.docx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}),
}
TYPE, CONTENT = "attachment-types", "attachment-content"
ONE = "AttachmentEncoded/Attachment[1]"
BAD: list[tuple[str, bytes, list[tuple[str, Code]]]] = [
    (
        "attachment-manifest",
        package({"a.pdf": PDF}, manifest=manifest("b.pdf")),
        [("edXMLManifest", Code.ATTACHMENT_MISMATCH), ("AttachmentEncoded", Code.ATTACHMENT_MISMATCH)],
    ),
    (
        "attachment-manifest",
        package({}, manifest=manifest("a.pdf") * 2),
        [("edXMLManifest/Reference", Code.ATTACHMENT_MISMATCH), ("edXMLManifest", Code.ATTACHMENT_MISMATCH)],
    ),
    (
        "attachment-paths",
        package({"../a.pdf": PDF, "b\u202efdp.exe": PDF, "C:\\c.pdf": PDF}),
        [
            ("edXMLManifest/Reference[1]/AttachmentName", Code.ATTACHMENT_MISMATCH),
            ("edXMLManifest/Reference[2]/AttachmentName", Code.ATTACHMENT_MISMATCH),
            ("edXMLManifest/Reference[3]/AttachmentName", Code.ATTACHMENT_MISMATCH),
            (f"{ONE}/AttachmentName", Code.ATTACHMENT_MISMATCH),
            ("AttachmentEncoded/Attachment[3]/AttachmentName", Code.ATTACHMENT_MISMATCH),
        ],
    ),
    (
        CONTENT,
        plain(package({"a.pdf": PDF}), "QUJ"),
        [(f"{ONE}/ContentTransferEncoded", Code.ATTACHMENT_MISMATCH)],
    ),
    (CONTENT, package({"a.bin": bytes(30 * MIB)}), [(ONE, Code.ATTACHMENT_BOMB)]),
    (
        TYPE,
        package({"a.pdf": b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(64) + b"PE"}),
        [(ONE, Code.ATTACHMENT_MISMATCH)],
    ),
    (
        TYPE,
        package({"a.pdf": b"\x7fELF", "b.png": PDF}),
        [(ONE, Code.ATTACHMENT_MISMATCH), ("AttachmentEncoded/Attachment[2]", Code.ATTACHMENT_MISMATCH)],
    ),
]


def case(data: bytes) -> Case:
    root = parse(data)
    today = (world().at + timedelta(hours=7)).date()
    return Case(package=read_package(root), root=root, today=today, limits=Limits())


@pytest.mark.parametrize("rule", sorted(FILE_RULES))
@pytest.mark.parametrize("sample", GOOD)
def test_the_good_samples_pass(rule: str, sample: str) -> None:
    assert list(RULES[rule](case(GOOD[sample]))) == []


@pytest.mark.parametrize(("rule", "data", "expected"), BAD)
def test_the_bad_sample_is_found(rule: str, data: bytes, expected: list[tuple[str, Code]]) -> None:
    found = list(RULES[rule](case(data)))
    assert [(finding.field, finding.code) for finding in found] == expected
    assert all(finding.rule == rule and finding.blocking for finding in found)
    assert all(finding.detail_vi != finding.detail_en for finding in found)


def test_every_rule_about_files_has_a_bad_sample() -> None:
    assert {rule for rule, _, _ in BAD} == FILE_RULES


def test_the_rules_together_find_what_a_submission_is_refused_for() -> None:
    for _, data, _ in BAD:
        at_once = [
            (refusal.rule, refusal.field, refusal.code)
            for refusal in find_mismatches(parse(data), read_package(parse(data)))
        ]
        apart: list[Finding] = [finding for rule in FILE_RULES for finding in RULES[rule](case(data))]
        assert sorted(map(str, at_once)) == sorted(str((f.rule, f.field, f.code)) for f in apart)


def test_no_file_is_opened_after_a_bomb() -> None:
    data = package({"a.bin": bytes(30 * MIB), "b.pdf": b"\x7fELF"})
    assert [finding.field for finding in RULES[CONTENT](case(data))] == [ONE]
    assert list(RULES[TYPE](case(data))) == []


@pytest.mark.parametrize("names", [("a.pdf", "b.pdf"), ("../a.pdf",)])
def test_a_zip_that_is_no_wrapping_is_a_bomb(names: tuple[str, ...]) -> None:
    data = plain(package({"a.pdf": PDF}), base64.b64encode(zipped(*names)).decode())
    assert [finding.code for finding in RULES[CONTENT](case(data))] == [Code.ATTACHMENT_BOMB]
