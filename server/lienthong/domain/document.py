"""What an edXML package says, free of XML: the values of its header, trace, business block and files.

Names follow the element names of QCVN 102:2016/BTTTT; `bussiness` is written `business` here. Text is whole
element text, stripped and NFC-normalised. Dates are kept as written where the field carries impossible ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum


class BusinessType(IntEnum):
    """BussinessDocType: what the package does to the document it names."""

    NEW = 0
    RECALL = 1
    UPDATE = 2
    REPLACE = 3


class Priority(IntEnum):
    """OtherInfo/Priority. 4 is edXML's own, not in Nghị định 30/2020."""

    NORMAL = 0  # thường
    URGENT = 1  # khẩn
    VERY_URGENT = 2  # thượng khẩn
    EXPRESS = 3  # hỏa tốc
    EXPRESS_TIMED = 4  # hỏa tốc hẹn giờ


class Lane(StrEnum):
    """Which of a node's two queues a package travels in."""

    EXPRESS = "express"
    NORMAL = "normal"


class PackageKind(StrEnum):
    """edXML's messageType."""

    DOCUMENT = "edoc"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """From or To."""

    organ_id: str
    organization_in_charge: str | None = None
    organ_name: str | None = None
    organ_add: str | None = None
    email: str | None = None
    telephone: str | None = None
    fax: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFor:
    """The document answered, or the one a status speaks of. `promulgation_date` is as written."""

    organ_id: str | None = None
    code: str | None = None
    promulgation_date: str | None = None
    document_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffInfo:
    """The clerk in charge."""

    department: str | None = None
    staff: str | None = None
    email: str | None = None
    mobile: str | None = None
    department_id: str | None = None
    staff_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentType:
    """Type and TypeDetail are tolerated as sent; TypeName is the dependable one."""

    type: int
    type_name: str
    type_detail: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    """Who signed the document itself (a person), not the package."""

    full_name: str
    competence: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherInfo:
    """The OtherInfo group; None where an element is absent."""

    priority: Priority | None = None
    sphere_of_promulgation: str | None = None
    typer_notation: str | None = None
    promulgation_amount: int | None = None
    page_amount: int | None = None
    direction: bool | None = None
    appendixes: tuple[str, ...] = ()
    reply_fors: str | None = None
    reference_codes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHeader:
    """One hop as legacy systems note it. Zoneless in edXML, +07:00 by convention; UTC here."""

    organ_id: str
    timestamp: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A change of recipients in an update: added (True) or removed (False)."""

    organ_id: str
    added: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A document that is replaced, and for which agencies."""

    document_id: str
    organ_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """The Bussiness block; an absent block reads as a new document."""

    type: BusinessType = BusinessType.NEW
    reason: str | None = None
    document_id: str | None = None  #: as written: real files carry impossible dates in it
    paper: bool = False
    document_info_changed: bool | None = None
    receivers_changed: bool | None = None
    receivers: tuple[Receiver, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    staff: StaffInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalContent:
    """A file's bytes that travel beside the package, which only names them (see edxml/content.py)."""

    sha256: str  #: lower-case hex
    size: int  #: bytes, at least 1
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """edXMLManifest/Reference: a file the package says it carries, or names as `external` content."""

    content_id: str
    attachment_name: str
    content_type: str | None = None
    description: str | None = None
    external: ExternalContent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file with its real bytes: base64 and the one-entry zip wrapping taken off."""

    content_id: str
    attachment_name: str
    content: bytes = field(repr=False)
    content_type: str | None = None  #: media type of `content` as declared or sniffed
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A package that carries an official document (messageType edoc)."""

    sender: Organization
    recipients: tuple[Organization, ...]
    document_id: str
    code_number: str
    code_notation: str
    promulgation_place: str
    promulgation_date: date
    document_type: DocumentType
    subject: str
    content: str
    signer: SignerInfo
    due_date: date | None = None
    other: OtherInfo = OtherInfo()
    response_for: tuple[ResponseFor, ...] = ()
    steering_type: int | None = None
    to_places: tuple[str, ...] = ()
    task_codes: tuple[str, ...] = ()
    application_type: str | None = None
    traces: tuple[TraceHeader, ...] = ()
    business: Business = Business()
    manifest: tuple[ManifestEntry, ...] = ()
    no_state_secret: bool = False  #: the sender declares so, see edxml/declaration.py

    kind = PackageKind.DOCUMENT

    @property
    def sender_code(self) -> str:
        """From/OrganId as written."""
        return self.sender.organ_id

    @property
    def recipient_codes(self) -> tuple[str, ...]:
        """To/OrganId as written, in order."""
        return tuple(recipient.organ_id for recipient in self.recipients)

    @property
    def named_documents(self) -> tuple[tuple[str, str], ...]:
        """(field path, edXML DocumentId) of every document a recall, update or replacement speaks of, best first.

        Senders name it in Bussiness/DocumentId, the replacement list or ResponseFor; a recall of the public SDK has
        neither and carries the header's own DocumentId.
        """
        business = self.business
        found = [("TraceHeaderList/Bussiness/DocumentId", business.document_id)]
        path = "TraceHeaderList/Bussiness/ReplacementInfoList/ReplacementInfo"
        found += [
            (f"{path}[{n}]/DocumentId", item.document_id) for n, item in enumerate(business.replacements, 1)
        ]
        found += [
            (f"MessageHeader/ResponseFor[{n}]/DocumentId", item.document_id)
            for n, item in enumerate(self.response_for, 1)
        ]
        return tuple((where, name) for where, name in found if name)

    @property
    def lane(self) -> Lane:
        """Express for khẩn, thượng khẩn, hỏa tốc."""
        return Lane.EXPRESS if (self.other.priority or Priority.NORMAL) > Priority.NORMAL else Lane.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPackage:
    """A status package: what a recipient (for 13: the sender) says of a document. It names no To."""

    sender: Organization
    response_for: ResponseFor
    status_code: str  #: two digits, leading zero kept
    timestamp: datetime  #: UTC
    description: str | None = None
    staff: StaffInfo | None = None

    kind = PackageKind.STATUS

    @property
    def sender_code(self) -> str:
        """From/OrganId as written."""
        return self.sender.organ_id

    @property
    def recipient_codes(self) -> tuple[str, ...]:
        """ResponseFor/OrganId: the one agency the status is for."""
        return (self.response_for.organ_id,) if self.response_for.organ_id else ()

    @property
    def lane(self) -> Lane:
        """Statuses travel in the normal lane."""
        return Lane.NORMAL


Package = Document | StatusPackage
