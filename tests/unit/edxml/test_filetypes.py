"""Are programs in disguise refused, and sloppy but harmless names let through?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lienthong.domain.document import Attachment
from lienthong.edxml.attachments import check_attachments
from lienthong.edxml.filetypes import check_type
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from tests.unit.edxml.test_content import INSIDE, package

PE = b"MZ\x90\x00" + bytes(56) + (128).to_bytes(4, "little") + bytes(64) + b"PE\x00\x00"
ELF = b"\x7fELF\x02\x01\x01"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PNG = b"\x89PNG\r\n\x1a\n"
ZIP = b"PK\x03\x04"


@pytest.mark.parametrize(
    ("name", "declared", "head"),
    [
        ("Quyết định.pdf", "application/pdf", PE),
        ("Quyết định.PDF", None, ELF),
        ("so lieu.xlsx", None, PE),
        ("anh.jpg", "image/jpeg", b"#!/bin/sh\nrm -rf /"),
        ("khong ten", "application/pdf", PE),
        ("don.pdf", None, b"L\x00\x00\x00\x01\x14\x02\x00"),
        ("a.pdf", None, PNG),
        ("a.pdf", None, ZIP),
        ("a.pdf", None, OLE),
        ("a.docx", None, b"%PDF-1.7"),
        ("a.txt", None, ELF),
        ("a.png", None, b"%PDF-1.7"),
    ],
)
def test_bytes_that_prove_another_kind_are_refused(name: str, declared: str | None, head: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        check_type(name, declared, head, "AttachmentEncoded/Attachment[1]")
    assert refusal.value.code is Code.ATTACHMENT_MISMATCH
    assert refusal.value.field == "AttachmentEncoded/Attachment[1]"


@pytest.mark.parametrize(
    ("name", "declared", "head"),
    [
        ("a.pdf", "application/zip", b"%PDF-1.7"),
        ("a.pdf", None, b"\xef\xbb\xbf\r\n%PDF-1.4"),  # readers look for it within a kilobyte
        ("a.pdf", None, b"chua ky"),
        ("a.pdf", None, b""),
        ("1896_QD-TTg.doc", None, b"<?xml version='1.0'?><w:document/>"),
        ("a.doc", None, ZIP),
        ("a.docx", None, OLE),
        ("a.doc", None, b"{\\rtf1"),
        ("a.jpg", None, PNG),
        ("a.zip", "application/pdf", ZIP),
        ("setup.exe", "application/octet-stream", PE),
        ("khong ten", "application/octet-stream", PE),
        ("a.txt", None, b"MZ la ky hieu cua..."),
    ],
)
def test_what_proves_nothing_or_does_no_harm_passes(name: str, declared: str | None, head: bytes) -> None:
    check_type(name, declared, head, "x")


def test_the_wrapped_bytes_are_looked_at_not_the_wrapping() -> None:
    for content, lies in ((b"%PDF-1.4", False), (PE + bytes(300_000), True)):
        attachment = Attachment(content_id="cid:small", attachment_name="a.pdf", content=content)
        root = parse(write(replace(package(), manifest=(INSIDE,)), [attachment]))
        if not lies:
            check_attachments(root, read_package(root))
            continue
        with pytest.raises(Refusal, match="is a program"):
            check_attachments(root, read_package(root))
