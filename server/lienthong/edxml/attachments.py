"""Which files does a package carry, are they the ones its manifest names, and are they safe to open?

A file is base64 inside ContentTransferEncoded, usually of a one-entry zip (see `zipwrap`). ContentType is no guide:
senders declare application/zip for plain files and the file's own type for zipped ones, so bytes decide.
"""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from lienthong.domain.document import Attachment, Document, Package
from lienthong.edxml.bounds import Limits
from lienthong.edxml.fields import Block, whole_text
from lienthong.edxml.filetypes import HEAD, check_type
from lienthong.edxml.names import is_element
from lienthong.edxml.reader import attachment_blocks
from lienthong.edxml.zipwrap import find_wrapping, unpack
from lienthong.errors import Code, Refusal

_DEFAULT: Final = Limits()
_BLANKS = str.maketrans("", "", " \t\r\n")
_UNSAFE_NAME = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]|[\x00-\x1f\x7f]")
_OVERRIDE = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


@dataclass(frozen=True, slots=True)
class _Encoded:
    """One Attachment element: its values, and its content as decoded from base64."""

    path: str
    content_id: str
    name: str
    content_type: str | None
    description: str | None
    data: bytes


def read_attachments(root: etree._Element, limits: Limits = _DEFAULT) -> Iterator[Attachment]:
    """The files with their real bytes, one at a time, in the order of AttachmentEncoded.

    Raises:
        Refusal: ATTACHMENT_MISMATCH (not base64, a name or ContentId missing or unsafe, a damaged zip),
            ATTACHMENT_BOMB (over `limits.max_unpacked` in all, over the ratio, several entries, encrypted, `..`).
    """
    budget = limits.max_unpacked
    for encoded in _encoded(root, limits):
        content = b"".join(_pieces(encoded, limits, budget))
        budget -= len(content)
        yield Attachment(
            content_id=encoded.content_id,
            attachment_name=encoded.name,
            content=content,
            content_type=_media_type(content, encoded.content_type),
            description=encoded.description,
        )


def check_attachments(root: etree._Element, package: Package, limits: Limits = _DEFAULT) -> None:
    """The guards of `read_attachments`, and the manifest: every Reference has exactly one Attachment with the same
    ContentId and AttachmentName, and the reverse; one that names external content has none. No file's bytes prove
    another kind than its name says. Keeps no unpacked bytes.

    Raises:
        Refusal: ATTACHMENT_MISMATCH, ATTACHMENT_BOMB.
    """
    manifest = package.manifest if isinstance(package, Document) else ()
    inside = [entry for entry in manifest if entry.external is None]
    named = Counter((entry.content_id, entry.attachment_name) for entry in inside)
    _check_distinct("edXMLManifest/Reference", [entry.content_id for entry in manifest])
    for number, entry in enumerate(manifest, 1):
        check_name(entry.attachment_name, f"edXMLManifest/Reference[{number}]/AttachmentName")
    blocks = [_identity(element, index) for index, element in _numbered(root, limits)]
    _check_distinct("AttachmentEncoded/Attachment", [content_id for content_id, _ in blocks])
    carried = Counter(blocks)
    if missing := named - carried:
        raise _mismatch("edXMLManifest", f"no attachment {_list(missing)}")
    if surplus := carried - named:
        raise _mismatch("AttachmentEncoded", f"not in the manifest: {_list(surplus)}")
    budget = limits.max_unpacked
    for encoded in _encoded(root, limits):
        head = b""
        for piece in _pieces(encoded, limits, budget):
            budget -= len(piece)
            head += piece[: HEAD - len(head)]
        check_type(encoded.name, encoded.content_type, head, encoded.path)


def _encoded(root: etree._Element, limits: Limits) -> Iterator[_Encoded]:
    for index, element in _numbered(root, limits):
        path = f"AttachmentEncoded/Attachment[{index}]"
        content_id, name = _identity(element, index)
        block = Block(element, path)
        yield _Encoded(
            path,
            content_id,
            name,
            block.text("ContentType"),
            block.text("Description"),
            decode_content(block.element_of("ContentTransferEncoded"), block.at("ContentTransferEncoded")),
        )


def _numbered(root: etree._Element, limits: Limits) -> list[tuple[int, etree._Element]]:
    found = attachment_blocks(root)
    if len(found) > limits.max_attachments:
        raise _mismatch("AttachmentEncoded", f"{len(found)} attachments, at most {limits.max_attachments}")
    return list(enumerate(found, 1))


def _identity(element: etree._Element, index: int) -> tuple[str, str]:
    path = f"AttachmentEncoded/Attachment[{index}]"
    block = Block(element, path)
    content_id, name = block.text("ContentId"), block.text("AttachmentName")
    if content_id is None or name is None:
        raise _mismatch(block.at("ContentId" if content_id is None else "AttachmentName"), "is missing")
    if _UNSAFE_NAME.search(name):
        raise _mismatch(block.at("AttachmentName"), f"unsafe file name {name[:80]!r}")
    return content_id, name


def check_name(name: str, path: str) -> None:
    """Refuse names that climb out of a folder, and those that show as another name than they are (bidi overrides)."""
    if _UNSAFE_NAME.search(name) or _OVERRIDE.search(name):
        raise _mismatch(path, f"unsafe file name {name[:80]!r}")


def decode_content(element: etree._Element | None, path: str) -> bytes:
    """The bytes of a ContentTransferEncoded: strict base64, blanks and line breaks allowed. ATTACHMENT_MISMATCH."""
    if element is None:
        return b""  # an empty file
    if any(is_element(child) for child in element):
        raise _mismatch(path, "must hold base64 only")
    try:
        return binascii.a2b_base64(whole_text(element).translate(_BLANKS), strict_mode=True)
    except ValueError as error:
        raise _mismatch(path, f"not base64: {error}") from None


def _pieces(encoded: _Encoded, limits: Limits, budget: int) -> Iterator[bytes]:
    wrapping = find_wrapping(encoded.data, encoded.name, encoded.path)
    if wrapping is not None:
        yield from unpack(wrapping, limits, encoded.path, budget)
        return
    if len(encoded.data) > budget:
        raise Refusal(Code.ATTACHMENT_BOMB, field=encoded.path, detail=f"over {budget} bytes")
    yield encoded.data


def _media_type(content: bytes, declared: str | None) -> str | None:
    """The declared type, unless it is application/zip (the wrapping's) and the bytes say otherwise."""
    if declared is not None and declared.lower() not in ("application/zip", "application/x-zip-compressed"):
        return declared
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    return None


def _check_distinct(path: str, content_ids: list[str]) -> None:
    for content_id, count in Counter(content_ids).items():
        if count > 1:
            raise _mismatch(path, f"ContentId {content_id[:80]} stands {count} times")


def _list(pairs: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{content_id[:80]} {name[:80]}" for content_id, name in list(pairs)[:3])


def _mismatch(field: str, detail: str) -> Refusal:
    return Refusal(Code.ATTACHMENT_MISMATCH, field=field, detail=f"{field}: {detail}")
