"""Which names edXML uses: namespaces, and the order in which the deployed SDK emits elements.

Sources: QCVN 102:2016/BTTTT as shown by the national axis's public samples and SDK. The lists are the one
statement of order: the writer, the repair and the strict schema agree with them (a test compares).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Final

EDXML: Final = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"

#: namespaces of older or mistaken forms -> what to call them in a refusal
VARIANTS: Final = {
    "http://www.e-doc.vn/Schema/": "the SOAP form of 2012 (công văn 512/BTTTT-ƯDCNTT, http://www.e-doc.vn/Schema/)",
    "http://www.e-doc.vn/Schema": "the SOAP form of 2012 (công văn 512/BTTTT-ƯDCNTT, http://www.e-doc.vn/Schema)",
    "http://www.go.vn/eDoc": "the EdXMLEnvelope variant (http://www.go.vn/eDoc)",
}

Names = tuple[str, ...]

_ORGANIZATION: Names = (
    "OrganId", "OrganizationInCharge", "OrganName", "OrganAdd", "Email", "Telephone", "Fax", "Website",
)  # fmt: skip
_RESPONSE_FOR: Names = ("OrganId", "Code", "PromulgationDate", "DocumentId")

#: block path (repeat indices left out, from the envelope or the root) -> its children in the SDK's order
ORDER: Final[dict[str, Names]] = {
    "edXML": ("edXMLEnvelope", "AttachmentEncoded"),
    "edXMLEnvelope": ("edXMLHeader", "edXMLBody"),
    "edXMLHeader": ("MessageHeader", "TraceHeaderList", "Signature"),
    "edXMLBody": ("edXMLManifest",),
    "edXMLManifest": ("Reference",),
    "edXMLManifest/Reference": ("ContentId", "ContentType", "Description", "AttachmentName"),
    "AttachmentEncoded": ("Attachment",),
    "AttachmentEncoded/Attachment": (
        "ContentId", "AttachmentName", "Description", "ContentType", "FieldName", "MimeType", "Format",
        "ContentTransferEncoded",
    ),
    "MessageHeader": (
        "From", "To", "DocumentId", "Code", "PromulgationInfo", "DocumentType", "Subject", "Content", "SignerInfo",
        "DueDate", "OtherInfo", "ResponseFor", "SteeringType", "ToPlaces", "ResponseForTask", "ApplicationType",
    ),
    "MessageHeader/From": _ORGANIZATION,
    "MessageHeader/To": _ORGANIZATION,
    "MessageHeader/Code": ("CodeNumber", "CodeNotation"),
    "MessageHeader/PromulgationInfo": ("Place", "PromulgationDate"),
    "MessageHeader/DocumentType": ("Type", "TypeDetail", "TypeName"),
    "MessageHeader/SignerInfo": ("Competence", "Position", "FullName"),
    "MessageHeader/OtherInfo": (
        "Priority", "SphereOfPromulgation", "TyperNotation", "PromulgationAmount", "PageAmount", "Direction",
        "Appendixes", "ReplyFors", "ReferenceCodes",
    ),
    "MessageHeader/OtherInfo/Appendixes": ("Appendix",),
    "MessageHeader/ResponseFor": _RESPONSE_FOR,
    "MessageHeader/ToPlaces": ("Place",),
    "MessageHeader/ResponseForTask": ("TaskCode",),
    "MessageHeader/StaffInfo": ("Department", "Staff", "Mobile", "Email", "DepartmentId", "StaffId"),
    "TraceHeaderList": ("TraceHeader", "Bussiness"),
    "TraceHeaderList/TraceHeader": ("OrganId", "Timestamp"),
    "TraceHeaderList/Bussiness": (
        "DocumentId", "BussinessDocType", "BussinessDocReason", "Paper", "BussinessDocumentInfo",
        "ReplacementInfoList", "StaffInfo",
    ),
    "TraceHeaderList/Bussiness/BussinessDocumentInfo": ("DocumentInfo", "DocumentReceiver", "ReceiverList"),
    "TraceHeaderList/Bussiness/BussinessDocumentInfo/ReceiverList": ("Receiver",),
    "TraceHeaderList/Bussiness/BussinessDocumentInfo/ReceiverList/Receiver": ("OrganId", "ReceiverType"),
    "TraceHeaderList/Bussiness/ReplacementInfoList": ("ReplacementInfo",),
    "TraceHeaderList/Bussiness/ReplacementInfoList/ReplacementInfo": ("DocumentId", "OrganIdList"),
    "TraceHeaderList/Bussiness/ReplacementInfoList/ReplacementInfo/OrganIdList": ("OrganId",),
    "TraceHeaderList/Bussiness/StaffInfo": ("Department", "Staff", "Email", "Mobile", "DepartmentId", "StaffId"),
}  # fmt: skip

#: MessageHeader of a status package
STATUS_ORDER: Final[Names] = ("From", "ResponseFor", "StaffInfo", "StatusCode", "Description", "Timestamp")


def is_element(node: object) -> bool:
    """Whether a child in a tree is an element, and no comment (whose tag is a function)."""
    return isinstance(getattr(node, "tag", None), str)


@lru_cache(maxsize=1024)  # a document names a few dozen, thousands of times
def local_name(tag: Hashable) -> str | None:
    """The local name of an element in edXML's namespace; None for anything else (comments too)."""
    if isinstance(tag, str) and tag.startswith("{" + EDXML + "}"):
        return tag[len(EDXML) + 2 :]
    return None
