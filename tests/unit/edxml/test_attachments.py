"""Are files unwrapped as senders wrap them, matched with the manifest, and refused when unsafe?"""

from __future__ import annotations

import base64
import binascii
import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from lienthong.domain.document import Attachment
from lienthong.edxml import attachments
from lienthong.edxml.attachments import check_attachments, read_attachments
from lienthong.edxml.bounds import MIB, Limits
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.zipwrap import find_wrapping, unpack, wrap
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import NS, changed, own

UUID = "5f0c2f3e-6b53-4a1f-9f57-0e8d5a4f1c11"
PDF = b"%PDF-1.4 noi dung"
NEW = own("new.edxml")
DEFAULT = Limits()


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def carrying(*files: tuple[str, bytes | str], content_type: str = "application/zip") -> etree._Element:
    """A tree with these attachments, each (name, bytes to encode or text as it stands)."""
    blocks = "".join(
        f"<Attachment><ContentId>cid:{n}</ContentId><AttachmentName>{name}</AttachmentName>"
        f"<ContentType>{content_type}</ContentType><ContentTransferEncoded>"
        f"{content if isinstance(content, str) else base64.b64encode(content).decode()}"
        "</ContentTransferEncoded></Attachment>"
        for n, (name, content) in enumerate(files, 1)
    )
    return parse(f'<edXML xmlns="{NS}"><AttachmentEncoded>{blocks}</AttachmentEncoded></edXML>'.encode())


def contents(root: etree._Element, limits: Limits = DEFAULT) -> Sequence[bytes]:
    return [attachment.content for attachment in read_attachments(root, limits)]


def refused(root: etree._Element, limits: Limits = DEFAULT) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        contents(root, limits)
    return refusal.value


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.pdf", zipped((f"{UUID}.pdf", PDF)), PDF),
        ("a.PDF", zipped((f"{UUID}.pdf", PDF)), PDF),
        ("a.pdf", zipped((f"{UUID}.pdf", PDF), method=zipfile.ZIP_STORED), PDF),
        ("a.doc", zipped((f"{UUID}.edxml", PDF)), PDF),  # as the public samples are
        ("a.pdf", zipped(("báo cáo.pdf", PDF)), PDF),
        ("khong ten", zipped((UUID, PDF)), PDF),
        ("khong ten", zipped((f"{UUID}.pdf", PDF)), PDF),
        ("a.pdf", PDF, PDF),
        ("a.pdf", b"", b""),
        ("a.pdf", zipped((f"{UUID}.pdf", b"")), b""),
    ],
)
def test_the_senders_wrapping_comes_off(name: str, data: bytes, expected: bytes) -> None:
    assert contents(carrying((name, data))) == [expected]


def test_a_zip_that_is_the_file_itself_stays_whole() -> None:
    inner = zipped(("a.txt", b"1"), ("b.txt", b"2"))
    single = zipped(("word/document.xml", b"<w/>"))
    named = zipped((f"{UUID}.pdf", b"1"))
    for name, data in (
        ("a.zip", inner),
        ("a.docx", single),
        ("a.zip", single),
        ("a.zip", named),
        ("a.pdf", zipped(("x.doc", b"1"))),
    ):
        assert contents(carrying((name, data))) == [data]


def test_a_wrapped_zip_is_unwrapped_once() -> None:
    inner = zipped((f"{UUID}.docx", b"nested"))
    assert contents(carrying(("a.docx", zipped((f"{UUID}.docx", inner))))) == [inner]


def test_a_damaged_zip_that_is_the_file_itself_stays_whole() -> None:
    for data in (
        zipped(("a", b"1"))[:-5],
        b"PK\x03\x04",
        zipped((f"{UUID}.docx", b"1")).replace(b"PK\x01\x02", b"PK\x01\x03"),
    ):
        assert contents(carrying(("a.docx", data))) == [data]


@pytest.mark.parametrize("cut", [5, 30, 60])
def test_a_damaged_wrapping_is_a_mismatch(cut: int) -> None:
    data = zipped((f"{UUID}.pdf", PDF))
    assert refused(carrying(("a.pdf", data[:-cut]))).code is Code.ATTACHMENT_MISMATCH


def tampered(data: bytes, signature: bytes, offset: int, form: str, value: int) -> bytes:
    """The zip with one number of its central or local header changed."""
    out = bytearray(data)
    struct.pack_into(form, out, data.index(signature) + offset, value)
    return bytes(out)


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [(16, "<I", 1), (20, "<I", 0xFFFFFF), (42, "<I", 5), (10, "<H", 12)],
    ids=["crc", "compressed size", "place of the local header", "method"],
)
def test_headers_that_contradict_the_file_are_a_mismatch(offset: int, form: str, value: int) -> None:
    data = tampered(zipped((f"{UUID}.pdf", PDF)), b"PK\x01\x02", offset, form, value)
    assert refused(carrying(("a.pdf", data))).code is Code.ATTACHMENT_MISMATCH


def test_packed_bytes_that_do_not_inflate_are_a_mismatch() -> None:
    data = zipped((f"{UUID}.pdf", PDF))
    begin = 30 + len(UUID) + 4
    broken = data[:begin] + b"\xff" * 8 + data[begin + 8 :]
    assert refused(carrying(("a.pdf", broken))).code is Code.ATTACHMENT_MISMATCH


def test_packed_bytes_that_stop_early_are_a_mismatch() -> None:
    data = tampered(zipped((f"{UUID}.pdf", PDF * 50)), b"PK\x01\x02", 20, "<I", 9)
    assert refused(carrying(("a.pdf", data))).code is Code.ATTACHMENT_MISMATCH


def test_more_than_declared_is_a_bomb() -> None:
    data = tampered(zipped((f"{UUID}.pdf", b"x" * 1000)), b"PK\x01\x02", 24, "<I", 10)
    refusal = refused(carrying(("a.pdf", data)))
    assert refusal.code is Code.ATTACHMENT_BOMB
    assert "the 10 bytes it declares" in str(refusal.detail)


def test_less_than_declared_is_a_mismatch() -> None:
    data = tampered(zipped((f"{UUID}.pdf", PDF)), b"PK\x01\x02", 24, "<I", 1000)
    assert refused(carrying(("a.pdf", data))).code is Code.ATTACHMENT_MISMATCH


def test_a_zip_bomb_is_stopped_by_its_ratio() -> None:
    data = zipped((f"{UUID}.pdf", bytes(30 * MIB)))
    refusal = refused(carrying(("a.pdf", data)))
    assert refusal.code is Code.ATTACHMENT_BOMB
    assert refusal.field == "AttachmentEncoded/Attachment[1]"
    assert "times its size" in str(refusal.detail)


def test_a_zip_bomb_is_stopped_by_its_size() -> None:
    limits = Limits(max_unpacked=1000, max_ratio=10_000)
    for data in (zipped((f"{UUID}.pdf", bytes(1001))), bytes(1001)):
        assert refused(carrying(("a.pdf", data)), limits).code is Code.ATTACHMENT_BOMB


def test_the_budget_is_for_all_files_together() -> None:
    limits = Limits(max_unpacked=1500)
    one = zipped((f"{UUID}.pdf", bytes(1000)))
    assert contents(carrying(("a.pdf", one)), limits) == [bytes(1000)]
    refusal = refused(carrying(("a.pdf", one), ("b.pdf", one)), limits)
    assert (refusal.code, refusal.field) == (Code.ATTACHMENT_BOMB, "AttachmentEncoded/Attachment[2]")
    with pytest.raises(Refusal):
        check_attachments(carrying(("a.pdf", one), ("b.pdf", one)), read_package(parse(NEW)), limits)


def test_inflating_a_bomb_never_holds_more_than_a_piece() -> None:
    data = zipped((f"{UUID}.pdf", bytes(50 * MIB)))
    wrapping = find_wrapping(data, "a.pdf", "field")
    assert wrapping is not None
    pieces = unpack(wrapping, Limits(max_ratio=10_000), "field", 100 * MIB)
    assert max(len(piece) for piece in pieces) <= 256 * 1024


def test_a_zip_of_several_entries_around_a_file_is_a_bomb() -> None:
    refusal = refused(carrying(("a.pdf", zipped((f"{UUID}.pdf", b"1"), ("b.pdf", b"2")))))
    assert refusal.code is Code.ATTACHMENT_BOMB
    assert "2 entries" in str(refusal.detail)


def test_a_directory_of_a_million_entries_is_not_built() -> None:
    head = zipped((f"{UUID}.pdf", b"1"))[:-22]
    swollen = head + b"PK\x01\x02" + bytes(2 * MIB)
    size = len(swollen) - head.index(b"PK\x01\x02")
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, size, head.index(b"PK\x01\x02"), 0)
    assert refused(carrying(("a.pdf", swollen + end))).code is Code.ATTACHMENT_BOMB
    assert contents(carrying(("a.zip", swollen + end))) == [swollen + end]


def test_end_records_that_lie_are_a_mismatch() -> None:
    data = zipped((f"{UUID}.pdf", b"1"))
    for lie in (
        tampered(data, b"PK\x05\x06", 8, "<H", 2),
        tampered(data, b"PK\x05\x06", 12, "<I", 0xFFFF),
        data[:-22] + b"PK\x05\x06",
    ):
        assert refused(carrying(("a.pdf", lie))).code is Code.ATTACHMENT_MISMATCH


def test_an_encrypted_entry_is_a_bomb() -> None:
    data = tampered(zipped((f"{UUID}.pdf", PDF)), b"PK\x01\x02", 8, "<H", 1)
    refusal = refused(carrying(("a.pdf", data)))
    assert (refusal.code, refusal.detail) == (Code.ATTACHMENT_BOMB, "the zip entry is encrypted")


@pytest.mark.parametrize(
    "name",
    [
        f"../{UUID}.pdf",
        f"a/../{UUID}.pdf",
        "/etc/x.pdf",
        "..\\x.pdf",
        "C:\\x.pdf",
        "C:x.pdf",
        "../x.doc",
        "..",
    ],
)
def test_zip_slip_names_inside_the_zip_are_a_bomb(name: str) -> None:
    refusal = refused(carrying(("a.pdf", zipped((name, PDF)))))
    assert refusal.code is Code.ATTACHMENT_BOMB
    assert "the zip entry is named" in str(refusal.detail)


@pytest.mark.parametrize(
    "name", ["../a.pdf", "a/../../b.pdf", "/etc/passwd", "\\\\may\\a.pdf", "C:\\a.pdf", "..", "a&#9;b.pdf"]
)
def test_unsafe_attachment_names_are_a_mismatch(name: str) -> None:
    refusal = refused(carrying((name, PDF)))
    assert refusal.code is Code.ATTACHMENT_MISMATCH
    assert refusal.field == "AttachmentEncoded/Attachment[1]/AttachmentName"


@pytest.mark.parametrize("text", ["${file}", "QUJD=QUJD", "QUI", "QUJDé", "Q"])
def test_what_is_not_base64_is_a_mismatch(text: str) -> None:
    refusal = refused(carrying(("a.pdf", text)))
    assert refusal.code is Code.ATTACHMENT_MISMATCH
    assert "not base64" in str(refusal.detail)


@given(
    data=st.binary(max_size=40),
    damage=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("=A \n+é-")), max_size=3),
    size=st.integers(1, 9),
)
def test_base64_decoded_in_slices_is_that_of_the_whole(
    data: bytes, damage: list[tuple[int, str]], size: int
) -> None:
    text = base64.b64encode(data).decode()
    for place, char in damage:
        text = text[:place] + char + text[place:]
    plain = text.replace(" ", "").replace("\n", "")
    try:
        expected = binascii.a2b_base64(plain, strict_mode=True)
    except ValueError:
        expected = None
    with mock.patch.object(attachments, "_SLICE", size):
        if expected is None:
            with pytest.raises(ValueError):  # noqa: PT011  binascii's own words
                attachments._decode(text)
        elif len(plain) % 4 == 0:  # binascii tolerates one = too many; not where a slice ends
            assert attachments._decode(text) == expected


def test_an_element_inside_base64_is_a_mismatch() -> None:
    assert refused(carrying(("a.pdf", "QUJD<b/>QUJD"))).code is Code.ATTACHMENT_MISMATCH


def test_blanks_and_comments_in_base64_are_passed_over() -> None:
    assert contents(carrying(("a.txt", "\r\n QU\tJD<!-- -->\n QUJD \n"))) == [b"ABCABC"]


def test_an_attachment_needs_id_and_name() -> None:
    for name in ("ContentId", "AttachmentName"):
        root = carrying(("a.pdf", PDF))
        for element in root.iter(f"{{{NS}}}{name}"):
            element.text = ""
        assert refused(root).field == f"AttachmentEncoded/Attachment[1]/{name}"


def test_too_many_attachments_are_a_mismatch() -> None:
    root = carrying(*[("a.pdf", PDF)] * 3)
    assert refused(root, Limits(max_attachments=2)).code is Code.ATTACHMENT_MISMATCH


@pytest.mark.parametrize(
    ("declared", "content", "expected"),
    [
        ("application/zip", PDF, "application/pdf"),
        ("application/zip", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("application/zip", b"text", None),
        ("application/msword", PDF, "application/msword"),
        ("", PDF, "application/pdf"),
    ],
)
def test_media_types_are_the_contents(declared: str, content: bytes, expected: str | None) -> None:
    (found,) = read_attachments(carrying(("a.bin", content), content_type=declared))
    assert found.content_type == expected


def test_the_manifest_matches() -> None:
    root = parse(NEW)
    check_attachments(root, read_package(root))


REFERENCE = "<edXML:ContentId>cid:1</edXML:ContentId>"
FILE = "      <ContentId>cid:1</ContentId>\n      <AttachmentName>212_UBND-KGVX.signed.pdf</AttachmentName>"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (REFERENCE, REFERENCE.replace("1", "9"), "edXMLManifest"),
        (FILE, FILE.replace("signed", "other"), "edXMLManifest"),
        (
            "      </edXML:edXMLManifest>",
            "<edXML:Reference><edXML:ContentId>cid:7</edXML:ContentId><edXML:AttachmentName>b</edXML:AttachmentName>"
            "</edXML:Reference></edXML:edXMLManifest>",
            "edXMLManifest",
        ),
        (
            "      </edXML:edXMLManifest>",
            f"<edXML:Reference>{REFERENCE}<edXML:AttachmentName>b</edXML:AttachmentName></edXML:Reference></edXML:edXMLManifest>",
            "edXMLManifest/Reference",
        ),
        (
            "  </AttachmentEncoded>",
            "<Attachment><ContentId>cid:7</ContentId><AttachmentName>b</AttachmentName></Attachment></AttachmentEncoded>",
            "AttachmentEncoded",
        ),
        (
            "  </AttachmentEncoded>",
            "<Attachment><ContentId>cid:1</ContentId><AttachmentName>b</AttachmentName></Attachment></AttachmentEncoded>",
            "AttachmentEncoded/Attachment",
        ),
    ],
)
def test_manifest_and_files_that_differ_are_a_mismatch(old: str, new: str, field: str) -> None:
    root = parse(changed(NEW, (old, new)))
    with pytest.raises(Refusal) as refusal:
        check_attachments(root, read_package(root))
    assert (refusal.value.code, refusal.value.field) == (Code.ATTACHMENT_MISMATCH, field)


def test_a_status_carries_no_files() -> None:
    status = own("status_acceptance_03.edxml")
    check_attachments(parse(status), read_package(parse(status)))
    extra = "<Attachment><ContentId>1</ContentId><AttachmentName>b</AttachmentName></Attachment>"
    root = parse(changed(status, ("</edXML>", f"<AttachmentEncoded>{extra}</AttachmentEncoded></edXML>")))
    with pytest.raises(Refusal) as refusal:
        check_attachments(root, read_package(root))
    assert refusal.value.field == "AttachmentEncoded"


def test_wrapping_is_the_same_every_time_and_unwraps() -> None:
    data = wrap(PDF, "Công văn.PDF")
    assert data == wrap(PDF, "Công văn.PDF")
    assert contents(carrying(("Công văn.PDF", data))) == [PDF]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (entry,) = archive.infolist()
    assert entry.filename.endswith(".pdf")
    assert entry.compress_type == zipfile.ZIP_DEFLATED
    assert zlib.crc32(PDF) == entry.CRC


def test_attachments_carry_their_description() -> None:
    (found,) = read_attachments(parse(NEW))
    assert isinstance(found, Attachment)
    assert (found.description, found.content_type) == ("Văn bản chính", "application/pdf")


@pytest.mark.parametrize("size", [256 * 1024 + 21, 256 * 1024 + 54, 256 * 1024, 256 * 1024 + 1])
def test_what_inflate_holds_back_at_the_end_of_a_piece_comes_out(size: int) -> None:
    data = zipped((f"{UUID}.pdf", bytes(size)))
    assert contents(carrying(("a.pdf", data)), Limits(max_ratio=10_000)) == [bytes(size)]
