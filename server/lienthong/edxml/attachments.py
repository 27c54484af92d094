"""Which files does a package carry, are they the ones its manifest names, and are they safe to open?

A file is base64 inside ContentTransferEncoded, usually of a one-entry zip (see `zipwrap`). ContentType is no guide:
senders declare application/zip for plain files and the file's own type for zipped ones, so bytes decide.
"""

from __future__ import annotations

import binascii
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pybase64
from lxml import etree

from lienthong.domain.document import Attachment, Document, ManifestEntry, Package
from lienthong.edxml.bounds import Limits
from lienthong.edxml.fields import Block, whole_text
from lienthong.edxml.filetypes import HEAD, check_type
from lienthong.edxml.filetypes import RULE as TYPES
from lienthong.edxml.names import is_element
from lienthong.edxml.reader import attachment_blocks
from lienthong.edxml.zipwrap import find_wrapping, unpack
from lienthong.errors import Code, Refusal

_DEFAULT: Final = Limits()
_SLICE: Final = 4 << 20  #: characters of base64 decoded at once
_BLANKS: Final = " \t\r\n"
_UNSAFE_NAME = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:[/\\]|[\x00-\x1f\x7f]")
_OVERRIDE = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


__all__ = [
    "CONTENT",
    "MANIFEST",
    "PATHS",
    "TYPES",
    "check_attachments",
    "decode_content",
    "find_mismatches",
    "read_attachments",
]

#: what is wrong with files, by rule: `Refusal.rule`, and the files of the same names in rules/
MANIFEST: Final = "attachment-manifest"
PATHS: Final = "attachment-paths"
CONTENT: Final = "attachment-content"


@dataclass(frozen=True, slots=True)
class _Part:
    """One Attachment element: its values, and where its content stands."""

    path: str
    content_id: str
    name: str
    content_type: str | None
    description: str | None
    encoded: etree._Element | None


def read_attachments(root: etree._Element, limits: Limits = _DEFAULT) -> Iterator[Attachment]:
    """The files with their real bytes, one at a time, in the order of AttachmentEncoded.

    Raises:
        Refusal: ATTACHMENT_MISMATCH (not base64, a name or ContentId missing or unsafe, a damaged zip),
            ATTACHMENT_BOMB (over `limits.max_unpacked` in all, over the ratio, several entries, encrypted, `..`).
    """
    budget = limits.max_unpacked
    for index, element in _numbered(root, limits):
        part = _part(element, index)
        if unsafe := _unsafe_name(part.name, f"{part.path}/AttachmentName"):
            raise unsafe
        content = _content(part, limits, budget)
        budget -= len(content)
        yield Attachment(
            content_id=part.content_id,
            attachment_name=part.name,
            content=content,
            content_type=_media_type(content, part.content_type),
            description=part.description,
        )


def check_attachments(root: etree._Element, package: Package, limits: Limits = _DEFAULT) -> None:
    """The guards of `read_attachments`, and the manifest: every Reference has exactly one Attachment with the same
    ContentId and AttachmentName, and the reverse; one that names external content has none. No file's bytes prove
    another kind than its name says. Keeps no unpacked bytes.

    Raises:
        Refusal: the first of `find_mismatches`; nothing is looked at after it.
    """
    for refusal in find_mismatches(root, package, limits):
        raise refusal


def find_mismatches(root: etree._Element, package: Package, limits: Limits = _DEFAULT) -> Iterator[Refusal]:
    """Everything that is wrong with a package's files: ATTACHMENT_MISMATCH and ATTACHMENT_BOMB, with their rule.

    After a bomb no further file is opened.
    """
    manifest = package.manifest if isinstance(package, Document) else ()
    yield from _doubles("edXMLManifest/Reference", [entry.content_id for entry in manifest])
    for number, entry in enumerate(manifest, 1):
        if unsafe := _unsafe_name(
            entry.attachment_name, f"edXMLManifest/Reference[{number}]/AttachmentName", shown=True
        ):
            yield unsafe
    try:
        elements = _numbered(root, limits)
    except Refusal as refusal:
        yield refusal
        return
    parts: list[_Part] = []
    for index, element in elements:
        try:
            parts.append(part := _part(element, index))
        except Refusal as refusal:
            yield refusal
        else:
            if unsafe := _unsafe_name(part.name, f"{part.path}/AttachmentName"):
                yield unsafe
    yield from _doubles("AttachmentEncoded/Attachment", [part.content_id for part in parts])
    if len(parts) == len(elements):  # one without a name matches nothing, and was named above
        yield from _differences(manifest, parts)
    yield from _bad_contents(parts, limits)


def _differences(manifest: tuple[ManifestEntry, ...], parts: list[_Part]) -> Iterator[Refusal]:
    """Files of the manifest that are not there, and files that are not in the manifest."""
    inside = [entry for entry in manifest if entry.external is None]
    named = Counter((entry.content_id, entry.attachment_name) for entry in inside)
    carried = Counter((part.content_id, part.name) for part in parts)
    if missing := named - carried:
        yield _mismatch("edXMLManifest", f"no attachment {_list(missing)}", MANIFEST)
    if surplus := carried - named:
        yield _mismatch("AttachmentEncoded", f"not in the manifest: {_list(surplus)}", MANIFEST)


def _bad_contents(parts: list[_Part], limits: Limits) -> Iterator[Refusal]:
    """Each file opened once, a piece at a time."""
    budget = limits.max_unpacked
    for part in parts:
        head = b""
        try:
            for piece in _pieces(part, limits, budget):
                budget -= len(piece)
                head += piece[: HEAD - len(head)]
        except Refusal as refusal:
            refusal.rule = CONTENT
            yield refusal
            if refusal.code is Code.ATTACHMENT_BOMB:
                return
            continue
        try:
            check_type(part.name, part.content_type, head, part.path)
        except Refusal as refusal:
            yield refusal


def _numbered(root: etree._Element, limits: Limits) -> list[tuple[int, etree._Element]]:
    found = attachment_blocks(root)
    if len(found) > limits.max_attachments:
        detail = f"{len(found)} attachments, at most {limits.max_attachments}"
        raise _mismatch("AttachmentEncoded", detail, MANIFEST)
    return list(enumerate(found, 1))


def _part(element: etree._Element, index: int) -> _Part:
    path = f"AttachmentEncoded/Attachment[{index}]"
    block = Block(element, path)
    content_id, name = block.text("ContentId"), block.text("AttachmentName")
    if content_id is None or name is None:
        missing = block.at("ContentId" if content_id is None else "AttachmentName")
        raise _mismatch(missing, "is missing", MANIFEST)
    return _Part(
        path,
        content_id,
        name,
        block.text("ContentType"),
        block.text("Description"),
        block.element_of("ContentTransferEncoded"),
    )


def _unsafe_name(name: str, path: str, *, shown: bool = False) -> Refusal | None:
    """A name that climbs out of a folder; where it is `shown`, also one that reads as another (bidi overrides)."""
    if _UNSAFE_NAME.search(name) or (shown and _OVERRIDE.search(name)):
        return _mismatch(path, f"unsafe file name {name[:80]!r}", PATHS)
    return None


def decode_content(element: etree._Element | None, path: str) -> bytes:
    """The bytes of a ContentTransferEncoded: strict base64, blanks and line breaks allowed. ATTACHMENT_MISMATCH."""
    if element is None:
        return b""  # an empty file
    if any(is_element(child) for child in element):
        raise _mismatch(path, "must hold base64 only", CONTENT)
    try:
        return _decode(whole_text(element))
    except ValueError as error:
        raise _mismatch(path, f"not base64: {error}", CONTENT) from None


def _decode(text: str) -> bytes:
    """Slice by slice: no second copy of a big text without its blanks. Raises ValueError."""
    out, rest, ended = io.BytesIO(), "", False
    for begin in range(0, len(text), _SLICE):
        slice_ = rest + _without_blanks(text[begin : begin + _SLICE])
        last = begin + _SLICE >= len(text)
        whole = len(slice_) if last else len(slice_) // 4 * 4
        data, rest = _strictly(slice_[:whole]), slice_[whole:]
        if ended and whole:
            raise ValueError("Excess data after padding")
        ended = ended or len(data) < whole // 4 * 3
        out.write(data)
    return out.getvalue()  # hands out its buffer without a copy


def _without_blanks(text: str) -> str:
    for blank in _BLANKS:
        if blank in text:  # found out in a thirtieth of the time
            text = text.replace(blank, "")
    return text


def _strictly(text: str) -> bytes:
    """As Python's own strict decoder, which has the last word on what is refused; the quick one is 40 times as fast."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return binascii.a2b_base64(text, strict_mode=True)


def _content(part: _Part, limits: Limits, budget: int) -> bytes:
    out = io.BytesIO()
    for piece in _pieces(part, limits, budget):
        out.write(piece)
    return out.getvalue()


def _pieces(part: _Part, limits: Limits, budget: int) -> Iterator[bytes]:
    data = decode_content(part.encoded, f"{part.path}/ContentTransferEncoded")
    wrapping = find_wrapping(data, part.name, part.path)
    if wrapping is not None:
        yield from unpack(wrapping, limits, part.path, budget)
        return
    if len(data) > budget:
        raise Refusal(Code.ATTACHMENT_BOMB, field=part.path, detail=f"over {budget} bytes")
    yield data


def _media_type(content: bytes, declared: str | None) -> str | None:
    """The declared type, unless it is application/zip (the wrapping's) and the bytes say otherwise."""
    if declared is not None and declared.lower() not in ("application/zip", "application/x-zip-compressed"):
        return declared
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    return None


def _doubles(path: str, content_ids: list[str]) -> Iterator[Refusal]:
    for content_id, count in Counter(content_ids).items():
        if count > 1:
            yield _mismatch(path, f"ContentId {content_id[:80]} stands {count} times", MANIFEST)


def _list(pairs: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{content_id[:80]} {name[:80]}" for content_id, name in list(pairs)[:3])


def _mismatch(field: str, detail: str, rule: str) -> Refusal:
    return Refusal(Code.ATTACHMENT_MISMATCH, field=field, detail=f"{field}: {detail}", rule=rule)
