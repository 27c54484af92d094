"""Are the fields every receiver shows present?

Subject, CodeNumber, CodeNotation, a To and PromulgationDate cannot be missing once a package was read (the reader
refuses: SCHEMA_INVALID). These are the fields of cardinality 1 that senders leave out and receivers bear.
Source: QCVN 102:2016/BTTTT (MessageHeader); Nghị định 30/2020/NĐ-CP, Phụ lục VI.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "required"
ABOUT = About(
    vi="Các trường bắt buộc được điền",
    field="MessageHeader/…",
    blocks="no",
    clause="QCVN 102:2016 (MessageHeader); NĐ 30/2020 Phụ lục VI",
    good="Content: Yêu cầu …",
    bad="Content left empty",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for each field that ought to be there."""
    package = case.package
    if not isinstance(package, Document):
        return
    fields = {
        "MessageHeader/PromulgationInfo/Place": package.promulgation_place,
        "MessageHeader/DocumentType/TypeName": package.document_type.type_name,
        "MessageHeader/Content": package.content,
        "MessageHeader/SignerInfo/FullName": package.signer.full_name,
        "TraceHeaderList/TraceHeader": package.traces,
    }
    for field, value in fields.items():
        if not value:
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi=f"{field} đang để trống",
                detail_en=f"{field} is empty",
                blocking=False,
            )
