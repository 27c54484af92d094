"""How is a package written for peers that read strictly? Unsigned bytes in the deployed SDK's shape and order.

`read(write(package)) == package` for every package whose text is normalised. Nothing is invented: what is None or
empty is left out, the Bussiness block of a new document is written out. The same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from lienthong.domain.document import (
    Attachment,
    Business,
    Document,
    Organization,
    Package,
    ResponseFor,
    StaffInfo,
    StatusPackage,
)
from lienthong.edxml import declaration
from lienthong.edxml.content import write_external
from lienthong.edxml.fields import VIETNAM
from lienthong.edxml.names import ORDER
from lienthong.edxml.strict import Layout
from lienthong.edxml.zipwrap import wrap


def write(package: Package, attachments: Iterable[Attachment] = ()) -> bytes:
    """Strict, unsigned edXML. Attachments are zip-wrapped; the manifest is written as the package states it.

    Raises:
        Refusal: SCHEMA_INVALID when a text holds a character XML cannot carry.
    """
    out = Layout()
    out.open("edXML")
    out.open("edXMLEnvelope")
    out.open("edXMLHeader")
    if isinstance(package, Document):
        _message(out, package)
        _traces(out, package)
    else:
        _status(out, package)
    out.close()
    if isinstance(package, Document):
        _manifest(out, package)
    out.close()
    _attachments(out, attachments)
    out.close()
    return out.data()


def day(value: date) -> str:
    """A date as edXML writes it: yyyy/MM/dd."""
    return f"{value.year:04}/{value.month:02}/{value.day:02}"


def timestamp(value: datetime) -> str:
    """An instant as edXML writes it: yyyy/MM/dd HH:mm:ss, without zone, in +07:00."""
    local = value.astimezone(UTC).astimezone(VIETNAM)
    return f"{day(local)} {local:%H:%M:%S}"


def _message(out: Layout, package: Document) -> None:
    kind = package.document_type
    out.open("MessageHeader")
    _organization(out, "From", package.sender)
    for recipient in package.recipients:
        _organization(out, "To", recipient)
    out.leaf("DocumentId", package.document_id)
    _block(out, "Code", CodeNumber=package.code_number, CodeNotation=package.code_notation)
    issued = day(package.promulgation_date)
    _block(out, "PromulgationInfo", Place=package.promulgation_place, PromulgationDate=issued)
    _block(
        out,
        "DocumentType",
        Type=str(kind.type),
        TypeDetail=_number(kind.type_detail),
        TypeName=kind.type_name,
    )
    out.leaf("Subject", package.subject)
    out.leaf("Content", package.content)
    signer = package.signer
    _block(
        out, "SignerInfo", Competence=signer.competence, Position=signer.position, FullName=signer.full_name
    )
    out.leaf("DueDate", day(package.due_date) if package.due_date else None)
    _other(out, package)
    for answered in package.response_for:
        _response_for(out, answered)
    out.leaf("SteeringType", _number(package.steering_type))
    _list(out, "ToPlaces", "Place", package.to_places)
    _list(out, "ResponseForTask", "TaskCode", package.task_codes)
    out.leaf("ApplicationType", package.application_type)
    if package.no_state_secret:
        out.foreign(declaration.MARKUP)
    out.close()


def _status(out: Layout, package: StatusPackage) -> None:
    out.open("MessageHeader")
    _organization(out, "From", package.sender)
    _response_for(out, package.response_for)
    _staff(out, package.staff, ORDER["MessageHeader/StaffInfo"])
    out.leaf("StatusCode", package.status_code)
    out.leaf("Description", package.description)
    out.leaf("Timestamp", timestamp(package.timestamp))
    out.close()


def _organization(out: Layout, name: str, value: Organization) -> None:
    _block(
        out,
        name,
        OrganId=value.organ_id,
        OrganizationInCharge=value.organization_in_charge,
        OrganName=value.organ_name,
        OrganAdd=value.organ_add,
        Email=value.email,
        Telephone=value.telephone,
        Fax=value.fax,
        Website=value.website,
    )


def _other(out: Layout, package: Document) -> None:
    other = package.other
    values = {
        "Priority": _number(other.priority),
        "SphereOfPromulgation": other.sphere_of_promulgation,
        "TyperNotation": other.typer_notation,
        "PromulgationAmount": _number(other.promulgation_amount),
        "PageAmount": _number(other.page_amount),
        "Direction": None if other.direction is None else str(other.direction).lower(),
    }
    last = {"ReplyFors": other.reply_fors, "ReferenceCodes": other.reference_codes}
    if not other.appendixes and all(value is None for value in (*values.values(), *last.values())):
        return
    out.open("OtherInfo")
    for name, value in values.items():
        out.leaf(name, value)
    _list(out, "Appendixes", "Appendix", other.appendixes)
    for name, value in last.items():
        out.leaf(name, value)
    out.close()


def _response_for(out: Layout, value: ResponseFor) -> None:
    _block(
        out,
        "ResponseFor",
        OrganId=value.organ_id,
        Code=value.code,
        PromulgationDate=value.promulgation_date,
        DocumentId=value.document_id,
    )


def _staff(out: Layout, value: StaffInfo | None, order: tuple[str, ...]) -> None:
    if value is None:
        return
    values = {
        "Department": value.department,
        "Staff": value.staff,
        "Email": value.email,
        "Mobile": value.mobile,
        "DepartmentId": value.department_id,
        "StaffId": value.staff_id,
    }
    _block(out, "StaffInfo", **{name: values[name] for name in order})


def _traces(out: Layout, package: Document) -> None:
    out.open("TraceHeaderList")
    for trace in package.traces:
        _block(out, "TraceHeader", OrganId=trace.organ_id, Timestamp=timestamp(trace.timestamp))
    _business(out, package.business)
    out.close()


def _business(out: Layout, business: Business) -> None:
    out.open("Bussiness")
    out.leaf("DocumentId", business.document_id)
    out.leaf("BussinessDocType", _number(business.type))
    out.leaf("BussinessDocReason", business.reason)
    out.leaf("Paper", _number(business.paper))
    changed = (business.document_info_changed, business.receivers_changed)
    if business.receivers or changed != (None, None):
        out.open("BussinessDocumentInfo")
        out.leaf("DocumentInfo", _number(business.document_info_changed))
        out.leaf("DocumentReceiver", _number(business.receivers_changed))
        if business.receivers:
            out.open("ReceiverList")
            for receiver in business.receivers:
                _block(out, "Receiver", OrganId=receiver.organ_id, ReceiverType=_number(receiver.added))
            out.close()
        out.close()
    if business.replacements:
        out.open("ReplacementInfoList")
        for replacement in business.replacements:
            out.open("ReplacementInfo")
            out.leaf("DocumentId", replacement.document_id)
            _list(out, "OrganIdList", "OrganId", replacement.organ_ids)
            out.close()
        out.close()
    _staff(out, business.staff, ORDER["TraceHeaderList/Bussiness/StaffInfo"])
    out.close()


def _manifest(out: Layout, package: Document) -> None:
    out.open("edXMLBody")
    out.open("edXMLManifest", ' version="1.0"')
    for entry in package.manifest:
        out.open("Reference")
        out.leaf("ContentId", entry.content_id)
        out.leaf("ContentType", entry.content_type)
        out.leaf("Description", entry.description)
        out.leaf("AttachmentName", entry.attachment_name)
        if entry.external is not None:
            out.foreign(write_external(entry.external, "edXMLManifest/Reference"))
        out.close()
    out.close()
    out.close()


def _attachments(out: Layout, attachments: Iterable[Attachment]) -> None:
    opened = False
    for attachment in attachments:
        if not opened:
            out.open("AttachmentEncoded")
            opened = True
        out.open("Attachment")
        out.leaf("ContentId", attachment.content_id)
        out.leaf("AttachmentName", attachment.attachment_name)
        out.leaf("Description", attachment.description)
        out.leaf("ContentType", attachment.content_type or "application/zip")
        out.content(wrap(attachment.content, attachment.attachment_name))
        out.close()
    if opened:
        out.close()


def _block(out: Layout, name: str, **values: str | None) -> None:
    """A block of values in the order given; left out when all are None."""
    if all(value is None for value in values.values()):
        return
    out.open(name)
    for child, value in values.items():
        out.leaf(child, value)
    out.close()


def _list(out: Layout, name: str, item: str, values: tuple[str, ...]) -> None:
    if not values:
        return
    out.open(name)
    for value in values:
        out.leaf(item, value)
    out.close()


def _number(value: int | None) -> str | None:
    return None if value is None else str(int(value))
