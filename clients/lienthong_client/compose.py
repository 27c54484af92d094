"""How a clerk's few words become a whole edXML document: `Draft` -> domain `Document` + attachments.

Defaults, where Nghị định 30/2020 wants a field and the draft has none:
- number and notation: an unnumbered draft gets number `MMddHHmmss` and notation `CHUACAPSO-xxxxxx` ("not yet
  numbered"), unique and plain to see; the office's own register should give real ones (`Draft.code`).
- type: Công văn. Place: the province's name. Signer: the agency's name. Content: the subject.
"""

from __future__ import annotations

import mimetypes
import re
import secrets
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from lienthong.domain.agency import Agency
from lienthong.domain.document import (
    Attachment,
    Business,
    Document,
    DocumentType,
    ManifestEntry,
    Organization,
    OtherInfo,
    Priority,
    SignerInfo,
    TraceHeader,
)
from lienthong.domain.document_type import ADMINISTRATIVE, ADMINISTRATIVE_TYPES
from lienthong.errors import Code
from lienthong_client.content import EXTERNAL_OVER, TOGETHER, BigFile, goes_beside
from lienthong_client.errors import Misuse

VIETNAM = timezone(timedelta(hours=7))  # edXML's zoneless times and dates

#: the types of Nghị định 30/2020 that travel: abbreviation -> name, in the order of their TypeDetail 1, 2, …
TYPES: dict[str, str] = {
    entry.abbreviation or "CV": entry.name for entry in ADMINISTRATIVE_TYPES if entry.detail is not None
}

PRIORITIES: dict[str, Priority] = {
    "normal": Priority.NORMAL,
    "urgent": Priority.URGENT,
    "very-urgent": Priority.VERY_URGENT,
    "express": Priority.EXPRESS,
    "thuong": Priority.NORMAL,
    "khan": Priority.URGENT,
    "thuong-khan": Priority.VERY_URGENT,
    "hoa-toc": Priority.EXPRESS,
}


class DraftError(Misuse):
    """The draft lacks something or says something impossible; `field` names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to send along."""

    name: str
    content: bytes

    @classmethod
    def read(cls, path: Path) -> File:
        """Read a file; its own name becomes the attachment's. Raises OSError."""
        return cls(name=path.name, content=path.read_bytes())


def read_files(
    paths: Sequence[Path], *, over: int = EXTERNAL_OVER, together: int = TOGETHER
) -> list[File | BigFile]:
    """The files as they are to travel: the big ones, and the biggest of too many, beside the package. OSError."""
    beside = goes_beside([path.stat().st_size for path in paths], over=over, together=together)
    return [BigFile.read(path) if place in beside else File.read(path) for place, path in enumerate(paths)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the clerk says. Codes of agencies in any form."""

    to: Sequence[str]
    subject: str
    files: Sequence[File | BigFile] = ()
    code: str | None = None  #: number and notation, e.g. `12/UBND-VP`
    type: str = "CV"  #: abbreviation or name of the document's type
    priority: Priority = Priority.NORMAL
    content: str | None = None
    promulgated: date | None = None  #: today in Viet Nam when absent
    due: date | None = None
    place: str | None = None
    signer: str | None = None
    position: str | None = None
    competence: str | None = None
    business: Business | None = None  #: what it does to a document sent before; see `AgencyClient.update`
    not_secret: bool = False  #: declare, signed, that words like "mật" in it are no state secret


def compose(
    draft: Draft, *, sender: Agency, province: str, recipients: Sequence[Agency], now: datetime
) -> tuple[Document, tuple[Attachment, ...]]:
    """The whole document. Raises `DraftError` ARGUMENT_INVALID with the draft's field."""
    number, notation = _code(draft.code, now)
    promulgated = draft.promulgated or now.astimezone(VIETNAM).date()
    name, detail = find_type(draft.type)
    carried = [_attachment(file) if isinstance(file, File) else None for file in draft.files]
    attachments = tuple(attachment for attachment in carried if attachment is not None)
    subject = _text(draft.subject, "subject")
    document = Document(
        sender=_organization(sender),
        recipients=tuple(_organization(recipient) for recipient in recipients),
        document_id=f"{sender.code},{promulgated:%Y/%m/%d},{number}/{notation}",
        code_number=number,
        code_notation=notation,
        promulgation_place=_text(draft.place or province, "place"),
        promulgation_date=promulgated,
        document_type=DocumentType(type=ADMINISTRATIVE, type_name=name, type_detail=detail),
        subject=subject,
        content=_text(draft.content or subject, "content"),
        signer=SignerInfo(
            full_name=_text(draft.signer or sender.name[:50], "signer"),
            competence=draft.competence,
            position=draft.position,
        ),
        due_date=draft.due,
        other=OtherInfo(priority=draft.priority),
        to_places=tuple(recipient.name for recipient in recipients),
        steering_type=0,
        business=draft.business or Business(),
        traces=(TraceHeader(organ_id=sender.code, timestamp=now.replace(microsecond=0)),),
        manifest=tuple(
            _entry(file, attachment) for file, attachment in zip(draft.files, carried, strict=True)
        ),
        no_state_secret=draft.not_secret,
    )
    return document, attachments


def find_type(text: str) -> tuple[str, int]:
    """(name, TypeDetail) of a type given by abbreviation or name, diacritics optional."""
    for detail, (short, name) in enumerate(TYPES.items(), start=1):
        if text == short or plain(text) == plain(name):
            return name, detail
    folded = [
        (name, detail)
        for detail, (short, name) in enumerate(TYPES.items(), start=1)
        if plain(short) == plain(text)
    ]
    if len(folded) != 1:
        raise DraftError(
            Code.ARGUMENT_INVALID,
            field="type",
            detail=f"{text!r} không thuộc / is not one of {', '.join(TYPES)}",
        )
    return folded[0]


def find_priority(text: str) -> Priority:
    """A priority by number (0-4) or name, diacritics optional."""
    key = plain(text).replace(" ", "-")
    if key in PRIORITIES:
        return PRIORITIES[key]
    if key in {str(int(priority)) for priority in Priority}:
        return Priority(int(key))
    raise DraftError(
        Code.ARGUMENT_INVALID,
        field="priority",
        detail=f"{text!r} không thuộc / is not 0-4 or one of {', '.join(PRIORITIES)}",
    )


def plain(text: str) -> str:
    """Lower case without Vietnamese diacritics, to compare what people type."""
    decomposed = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold().strip()


def province_name(root: Agency) -> str:
    """`UBND tỉnh Quảng Ngãi` -> `Quảng Ngãi`: the place official documents are dated at."""
    pattern = r"^(ubnd|ủy ban nhân dân|uỷ ban nhân dân)?\s*(tỉnh|thành phố|tp\.?)?\s*"
    return re.sub(pattern, "", root.name, flags=re.IGNORECASE)[:50] or root.name[:50]


def read_number(code: str) -> tuple[str, str]:
    """Number and notation of `12/UBND-VP`. Raises `DraftError` ARGUMENT_INVALID."""
    number, slash, notation = (part.strip() for part in code.partition("/"))
    if not number or not slash or not notation or "," in code:
        raise DraftError(
            Code.ARGUMENT_INVALID,
            field="code",
            detail=f"{code!r} không có dạng SỐ/KÝ HIỆU / is not NUMBER/NOTATION, e.g. 12/UBND-VP",
        )
    return number, notation


def _code(code: str | None, now: datetime) -> tuple[str, str]:
    if code is None:
        return f"{now.astimezone(VIETNAM):%m%d%H%M%S}", f"CHUACAPSO-{secrets.token_hex(3).upper()}"
    return read_number(code)


def _organization(agency: Agency) -> Organization:
    return Organization(organ_id=agency.code, organ_name=agency.name)


def _attachment(file: File) -> Attachment:
    name = unicodedata.normalize("NFC", file.name)
    return Attachment(
        content_id=f"cid:{uuid.uuid4()}",
        attachment_name=name,
        content=file.content,
        content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
    )


def _entry(file: File | BigFile, attachment: Attachment | None) -> ManifestEntry:
    if attachment is not None:
        return ManifestEntry(
            content_id=attachment.content_id,
            attachment_name=attachment.attachment_name,
            content_type=attachment.content_type,
        )
    external = file.content if isinstance(file, BigFile) else None
    return ManifestEntry(
        content_id=f"cid:{uuid.uuid4()}",
        attachment_name=file.name,
        content_type=external.media_type if external else None,
        external=external,
    )


def _text(text: str, name: str) -> str:
    cleaned = unicodedata.normalize("NFC", text).strip()
    if not cleaned:
        raise DraftError(Code.ARGUMENT_INVALID, field=name, detail="để trống / is empty")
    return cleaned
