"""What does this XML say? Bytes -> bounded, hardened tree -> `Document` or `StatusPackage`.

The only place of the project that parses XML. Reading is lenient (see `fields`) because the bytes are
immutable and already signed by somebody; it refuses only what cannot be read, or could be read in two ways.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from lxml import etree

from lienthong.domain.document import (
    Business,
    BusinessType,
    Document,
    DocumentType,
    ManifestEntry,
    Organization,
    OtherInfo,
    Package,
    Priority,
    Receiver,
    Replacement,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusPackage,
    TraceHeader,
)
from lienthong.edxml.bounds import Limits, check_bounds, is_plain
from lienthong.edxml.content import read_external
from lienthong.edxml.declaration import read_no_state_secret
from lienthong.edxml.fields import Block, invalid, says_something
from lienthong.edxml.names import DSIG, EDXML, VARIANTS, is_element, local_name
from lienthong.errors import Code, Refusal

_DEFAULT: Final = Limits()
_REFERENCE: Final = f"{{{DSIG}}}Reference"


def _texts(**fields: str) -> dict[str, str]:
    """Qualified element -> field, of a block of texts alone."""
    return {f"{{{EDXML}}}{element}": field for element, field in fields.items()}


_ORGANIZATION: Final = _texts(
    OrganId="organ_id",
    OrganizationInCharge="organization_in_charge",
    OrganName="organ_name",
    OrganAdd="organ_add",
    Email="email",
    Telephone="telephone",
    Fax="fax",
    Website="website",
)
_RESPONSE_FOR: Final = _texts(
    OrganId="organ_id", Code="code", PromulgationDate="promulgation_date", DocumentId="document_id"
)
_STAFF: Final = _texts(
    Department="department",
    Staff="staff",
    Email="email",
    Mobile="mobile",
    DepartmentId="department_id",
    StaffId="staff_id",
)
_SIGNER: Final = _texts(FullName="full_name", Competence="competence", Position="position")


def parse(data: bytes, limits: Limits = _DEFAULT) -> etree._Element:
    """The tree of any XML this project reads: documents, statuses and records.

    Bounds first; then libxml2 without network, DTDs, entities or id tables. Comments stay in the tree, because a
    signature's shape is checked on it. `huge_tree` is on for what is not plain: libxml2's own limit refuses
    attachments over 7.4 MB. Both ways accept the same files; the refusals are those of the long one.

    Raises:
        Refusal: XML_TOO_LARGE, XML_TOO_DEEP, XML_DOCTYPE_REFUSED, XML_MALFORMED.
    """
    root = parse_plain(data, limits)
    return parse_carefully(data, limits) if root is None else root


def parse_plain(data: bytes, limits: Limits = _DEFAULT) -> etree._Element | None:
    """The tree of a plain file; None for anything to object to, which `parse_carefully` then puts into words."""
    if not is_plain(data, limits):
        return None
    parser = _parser(huge_tree=False)
    try:
        root = etree.fromstring(data, parser)  # noqa: TID251  the one place
    except (etree.XMLSyntaxError, ValueError):
        return None
    if len(parser.error_log) or _deeper(limits.max_depth)(root):
        return None
    return root if sum(1 for _ in root.iter(_REFERENCE)) <= limits.max_references else None


def parse_carefully(data: bytes, limits: Limits = _DEFAULT) -> etree._Element:
    """The tree of any file, after a streaming pass. Raises as `parse`."""
    check_bounds(data, limits)
    try:
        return etree.fromstring(data, _parser(huge_tree=True))  # noqa: TID251  the one place
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        text = getattr(error, "msg", None) or "the parser refuses it"
        raise Refusal(Code.XML_MALFORMED, detail=f"{text}, line {line}" if line else text) from None


def _parser(*, huge_tree: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=huge_tree,
        collect_ids=False,
    )


@lru_cache(maxsize=16)
def _deeper(levels: int) -> etree.XPath:
    """Whether elements stand more than that many levels inside one another."""
    return etree.XPath(f"boolean({'/*' * (levels + 1)})")


def read(data: bytes, limits: Limits = _DEFAULT) -> Package:
    """`parse` and `read_package` in one."""
    return read_package(parse(data, limits))


def read_package(root: etree._Element) -> Package:
    """What the package says. A MessageHeader with a StatusCode is a status package, any other a document.

    Raises:
        Refusal: XML_NOT_EDXML (naming the variant, if known), SCHEMA_INVALID with the field's path.
    """
    _check_root(root)
    envelope = _only(root, "edXMLEnvelope", "edXMLEnvelope")
    header = _only(envelope, "edXMLHeader", "edXMLHeader")
    message = Block(_only(header, "MessageHeader", "MessageHeader"), "MessageHeader")
    if message.element_of("StatusCode") is not None:
        return _read_status(message)
    return _read_document(message, Block(header, ""), Block(envelope, ""))


def _check_root(root: etree._Element) -> None:
    if root.tag == f"{{{EDXML}}}edXML":
        return
    for element in (root, *root.iter()):
        namespaces = {etree.QName(element).namespace or ""} if is_element(element) else set()
        for namespace in namespaces | {uri or "" for uri in element.nsmap.values()}:
            if namespace in VARIANTS:
                raise Refusal(Code.XML_NOT_EDXML, field="edXML", detail=VARIANTS[namespace])
    raise Refusal(Code.XML_NOT_EDXML, field="edXML", detail=f"the root element is {str(root.tag)[:120]}")


def _only(parent: etree._Element, name: str, path: str) -> etree._Element:
    """The one child of that name, empty or not: two of a structural element are two readings."""
    found = [child for child in parent if local_name(child.tag) == name]
    if not found:
        names = {etree.QName(child).localname for child in parent if is_element(child)}
        older = " (Status stands in its place: the form of 2012)" if "Status" in names else ""
        raise invalid(path, f"is missing{older}", parent)
    if len(found) > 1:
        raise invalid(path, "stands more than once", found[1])
    return found[0]


def _read_document(message: Block, header: Block, envelope: Block) -> Document:
    code = message.required_block("Code")
    promulgation = message.required_block("PromulgationInfo")
    issued = promulgation.day("PromulgationDate")
    if issued is None:
        raise promulgation.missing("PromulgationDate")
    recipients = tuple(_organization(block) for block in message.blocks("To"))
    if not recipients:
        raise message.missing("To")
    trace = header.block("TraceHeaderList")
    places, tasks = message.block("ToPlaces"), message.block("ResponseForTask")
    return Document(
        sender=_organization(message.required_block("From")),
        recipients=recipients,
        document_id=message.required("DocumentId"),
        code_number=code.required("CodeNumber"),
        code_notation=code.required("CodeNotation"),
        promulgation_place=promulgation.text("Place") or "",
        promulgation_date=issued,
        document_type=_document_type(message.required_block("DocumentType")),
        subject=message.required("Subject"),
        content=message.text("Content") or "",
        signer=_signer(message.block("SignerInfo")),
        due_date=message.day("DueDate"),
        other=_other(message.block("OtherInfo")),
        response_for=tuple(_response_for(block) for block in message.blocks("ResponseFor")),
        steering_type=message.integer("SteeringType"),
        to_places=places.texts("Place") if places else (),
        task_codes=tasks.texts("TaskCode") if tasks else (),
        application_type=message.text("ApplicationType"),
        traces=tuple(_trace(block) for block in trace.blocks("TraceHeader")) if trace else (),
        business=_business(trace.block("Bussiness") if trace else None),
        manifest=_manifest(envelope),
        no_state_secret=read_no_state_secret(message.element),
    )


def _read_status(message: Block) -> StatusPackage:
    if (to := next(message.blocks("To"), None)) is not None:
        raise invalid(to.path, "a status package names its recipient in ResponseFor alone", to.element)
    code = message.required("StatusCode")
    if not (code.isascii() and code.isdigit() and len(code) <= 3):
        raise invalid(message.at("StatusCode"), f"must be two digits, not {code[:40]!r}", message.element)
    return StatusPackage(
        sender=_organization(message.required_block("From")),
        response_for=_response_for(message.required_block("ResponseFor")),
        status_code=code.zfill(2),
        timestamp=message.instant("Timestamp"),
        description=message.text("Description"),
        staff=_staff(message.block("StaffInfo")),
    )


def _organization(block: Block) -> Organization:
    values = block.values(_ORGANIZATION)
    if "organ_id" not in values:
        raise block.missing("OrganId")
    return Organization(**values)


def _document_type(block: Block) -> DocumentType:
    number = block.integer("Type")
    if number is None:
        raise block.missing("Type")
    return DocumentType(
        type=number, type_name=block.text("TypeName") or "", type_detail=block.integer("TypeDetail")
    )


def _signer(block: Block | None) -> SignerInfo:
    return SignerInfo(**{"full_name": ""} | (block.values(_SIGNER) if block else {}))


def _other(block: Block | None) -> OtherInfo:
    if block is None:
        return OtherInfo()
    priority = block.integer("Priority")
    if priority is not None and priority not in set(Priority):
        raise invalid(block.at("Priority"), f"must be 0 to 4, not {priority}", block.element_of("Priority"))
    appendixes = block.block("Appendixes")
    return OtherInfo(
        priority=None if priority is None else Priority(priority),
        sphere_of_promulgation=block.text("SphereOfPromulgation"),
        typer_notation=block.text("TyperNotation"),
        promulgation_amount=block.integer("PromulgationAmount"),
        page_amount=block.integer("PageAmount"),
        direction=block.boolean("Direction"),
        appendixes=appendixes.texts("Appendix") if appendixes else (),
        reply_fors=block.text("ReplyFors"),
        reference_codes=block.text("ReferenceCodes"),
    )


def _response_for(block: Block) -> ResponseFor:
    return ResponseFor(**block.values(_RESPONSE_FOR))


def _staff(block: Block | None) -> StaffInfo | None:
    return None if block is None else StaffInfo(**block.values(_STAFF))


def _trace(block: Block) -> TraceHeader:
    return TraceHeader(organ_id=block.required("OrganId"), timestamp=block.instant("Timestamp"))


def _business(block: Block | None) -> Business:
    if block is None:
        return Business()
    number = block.integer("BussinessDocType")
    if number is None:
        raise block.missing("BussinessDocType")
    if number not in set(BusinessType):
        where = block.element_of("BussinessDocType")
        raise invalid(block.at("BussinessDocType"), f"must be 0 to 3, not {number}", where)
    info = block.block("BussinessDocumentInfo")
    receivers = info.block("ReceiverList") if info else None
    replacements = block.block("ReplacementInfoList")
    return Business(
        type=BusinessType(number),
        reason=block.text("BussinessDocReason"),
        document_id=block.text("DocumentId"),
        paper=(block.text("Paper") or "0").lower() not in ("0", "false"),
        document_info_changed=info.boolean("DocumentInfo") if info else None,
        receivers_changed=info.boolean("DocumentReceiver") if info else None,
        receivers=tuple(_receiver(item) for item in receivers.blocks("Receiver")) if receivers else (),
        replacements=tuple(_replacement(item) for item in replacements.blocks("ReplacementInfo"))
        if replacements
        else (),
        staff=_staff(block.block("StaffInfo")),
    )


def _receiver(block: Block) -> Receiver:
    added = block.boolean("ReceiverType")
    if added is None:
        raise block.missing("ReceiverType")
    return Receiver(organ_id=block.required("OrganId"), added=added)


def _replacement(block: Block) -> Replacement:
    organs = block.block("OrganIdList")
    return Replacement(
        document_id=block.required("DocumentId"), organ_ids=organs.texts("OrganId") if organs else ()
    )


def _manifest(envelope: Block) -> tuple[ManifestEntry, ...]:
    body = envelope.block("edXMLBody")
    manifest = body.block("edXMLManifest") if body else None
    if manifest is None:
        return ()
    # paths of the manifest begin at the manifest: nobody knows it by its place in the body
    references = Block(manifest.element, "edXMLManifest")
    return tuple(
        ManifestEntry(
            content_id=block.required("ContentId"),
            attachment_name=block.required("AttachmentName"),
            content_type=block.text("ContentType"),
            description=block.text("Description"),
            external=read_external(block.element, block.path),
        )
        for block in references.blocks("Reference")
    )


def attachment_blocks(root: etree._Element) -> tuple[etree._Element, ...]:
    """The Attachment elements, beside the envelope, in order. SCHEMA_INVALID when AttachmentEncoded stands twice."""
    found = [child for child in root if local_name(child.tag) == "AttachmentEncoded"]
    filled = [element for element in found if says_something(element)]
    if len(filled) > 1:
        raise invalid("AttachmentEncoded", "stands more than once", filled[1])
    return tuple(child for element in filled for child in element if local_name(child.tag) == "Attachment")
