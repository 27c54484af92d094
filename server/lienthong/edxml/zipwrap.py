"""How is a file wrapped in a one-entry zip, and how is such a zip opened safely?

edXML senders deflate each file into a zip with one entry `<uuid>.<ext>`; the true name stands in AttachmentName. The
entry's name is never used to write a file, and a name that could climb out of a folder is refused all the same:
receivers in the field unzip by entry name.
"""

from __future__ import annotations

import io
import re
import struct
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lienthong.edxml.bounds import MIB, Limits
from lienthong.errors import Code, Refusal

_LOCAL: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_ZIP64: Final = b"PK\x06\x07"
_PIECE: Final = 256 * 1024
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}")
_NAMESPACE: Final = uuid.UUID("6f0d9a52-53f4-5cf2-8a0e-5a1b9f9b7a11")

#: files that are zips themselves: their own single entry must not be taken for a wrapping
_ZIP_FAMILY: Final = frozenset(
    ("zip", "docx", "docm", "dotx", "xlsx", "xlsm", "xlsb", "xltx", "pptx", "pptm", "potx", "ppsx", "vsdx", "odt",
     "ods", "odp", "odg", "jar", "war", "apk", "epub", "asice", "asics", "kmz", "edocx")
)  # fmt: skip
_CLIMBING = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A one-entry zip around an attachment: where its packed bytes lie and what they ought to become."""

    data: bytes
    begin: int
    end: int
    deflated: bool
    size: int
    crc: int


def wrap(content: bytes, attachment_name: str) -> bytes:
    """A zip with one deflated entry `<uuid>.<ext>`. The same content and name always give the same bytes."""
    extension = _extension(attachment_name)
    name = str(uuid.uuid5(_NAMESPACE, f"{attachment_name}\0{zlib.crc32(content):08x}"))
    info = zipfile.ZipInfo(f"{name}.{extension}" if extension else name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, content)
    return buffer.getvalue()


def find_wrapping(data: bytes, attachment_name: str, field: str) -> Wrapping | None:
    """The sender's wrapping, or None when the bytes are the file itself.

    Wrapped is a zip with exactly one entry that is named `<uuid>.<ext>` or, for a file that is no zip by its own
    name, carries the attachment's extension. A file that is a zip by its name (docx, zip, ...) and not so wrapped is
    never looked into.

    Raises:
        Refusal: ATTACHMENT_BOMB for several entries, encryption and climbing names; ATTACHMENT_MISMATCH for a
            damaged zip around a file that is no zip by its name.
    """
    if not data.startswith(_LOCAL):
        return None
    expected = _extension(attachment_name)
    zipped = expected in _ZIP_FAMILY
    count = _entries(data)
    entry = _only_entry(data) if count == 1 else None
    located = _locate(data, entry) if entry else None
    if entry is None or located is None:
        if zipped:
            return None
        if count is not None and count != 1:
            raise _unsafe(field, f"a zip of {count} entries around {attachment_name[:80]}")
        raise Refusal(Code.ATTACHMENT_MISMATCH, field=field, detail="the zip is damaged")
    stem = entry.filename.rpartition(".")[0]
    named = bool(_UUID.fullmatch(stem or entry.filename))
    same = _extension(entry.filename) == expected
    if zipped and not (named and same):
        return None
    if _CLIMBING.search(entry.orig_filename):
        raise _unsafe(field, f"the zip entry is named {entry.orig_filename[:80]!r}")
    if not (named or same):
        return None
    if entry.flag_bits & 0x1:
        raise _unsafe(field, "the zip entry is encrypted")
    return located


def _only_entry(data: bytes) -> zipfile.ZipInfo | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError, OSError):
        return None
    return entries[0] if len(entries) == 1 else None


def unpack(wrapping: Wrapping, limits: Limits, field: str, budget: int) -> Iterator[bytes]:
    """The wrapped file in pieces of at most 256 KiB; never more than `budget` bytes are inflated.

    Raises ATTACHMENT_BOMB over the budget or the ratio, ATTACHMENT_MISMATCH when the zip does not hold what it says.
    """
    packed = wrapping.end - wrapping.begin
    total, crc = 0, 0
    for piece in _inflate(wrapping, field):
        total += len(piece)
        if total > budget:
            raise _unsafe(field, f"over {budget} bytes unpacked")
        if total > MIB and total > limits.max_ratio * packed:
            raise _unsafe(field, f"unpacks to more than {limits.max_ratio} times its size")
        if total > wrapping.size:
            raise _unsafe(field, f"unpacks to more than the {wrapping.size} bytes it declares")
        crc = zlib.crc32(piece, crc)
        yield piece
    if total != wrapping.size or crc != wrapping.crc:
        raise Refusal(Code.ATTACHMENT_MISMATCH, field=field, detail="the zip is damaged")


def _inflate(wrapping: Wrapping, field: str) -> Iterator[bytes]:
    view = memoryview(wrapping.data)[wrapping.begin : wrapping.end]
    if not wrapping.deflated:
        for begin in range(0, len(view), _PIECE):
            yield bytes(view[begin : begin + _PIECE])
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    position = 0
    pending = b""
    try:
        while not inflater.eof:
            if not pending:
                pending = bytes(view[position : position + _PIECE])
                position += len(pending)
                if not pending:
                    break
            yield inflater.decompress(pending, _PIECE)
            pending = inflater.unconsumed_tail
        # what inflate still holds back comes out without new input
        while not inflater.eof and (rest := inflater.decompress(b"", _PIECE)):
            yield rest
    except zlib.error:
        raise Refusal(Code.ATTACHMENT_MISMATCH, field=field, detail="the zip is damaged") from None


def _entries(data: bytes) -> int | None:
    """How many entries the zip says it has; None when it has no end record, or one that is not plain.

    Looked at before `zipfile` builds anything: a central directory can name millions of entries.
    """
    position = data.rfind(_END, max(0, len(data) - 65_557))
    if position < 0 or position + 22 > len(data):
        return None
    here, total, size, offset = struct.unpack_from("<HHII", data, position + 8)
    if here != total or offset + size > position:
        return None
    if data[max(0, position - 20) : position].startswith(_ZIP64) or (total == 1 and size > MIB):
        return 0xFFFF
    return int(total)


def _locate(data: bytes, entry: zipfile.ZipInfo) -> Wrapping | None:
    """Where the entry's packed bytes lie; None when the headers contradict the file."""
    header = entry.header_offset
    if data[header : header + 4] != _LOCAL or header + 30 > len(data):
        return None
    name_length, extra_length = struct.unpack_from("<HH", data, header + 26)
    begin = header + 30 + name_length + extra_length
    end = begin + entry.compress_size
    if end > len(data) or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return None
    deflated = entry.compress_type == zipfile.ZIP_DEFLATED
    return Wrapping(data, begin, end, deflated, entry.file_size, entry.CRC)


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and re.fullmatch(r"[A-Za-z0-9]{1,10}", extension) else ""


def _unsafe(field: str, detail: str) -> Refusal:
    return Refusal(Code.ATTACHMENT_BOMB, field=field, detail=detail)
