"""Can the documents answered be found by what is said of them?

A reader needs the agency and either the number or the DocumentId; what is answered cannot be younger than the answer,
nor be the answer itself. A warning: senders leave parts out.
Source: QCVN 102:2016/BTTTT (ResponseFor).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import BusinessType, Document, ResponseFor
from lienthong.edxml.fields import moment
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "references"
ABOUT = About(
    vi="Văn bản được trả lời nêu đủ cơ quan, số ký hiệu hoặc DocumentId; ngày không sau văn bản này",
    field="MessageHeader/ResponseFor",
    blocks="no",
    clause="QCVN 102:2016 (ResponseFor)",
    good="000.00.00.G22, 1021/VPCP-KSTT, 2020/02/14",
    bad="only a date; the document itself",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for each reference that is incomplete, too young, or names the document itself."""
    package = case.package
    answered = package.response_for if isinstance(package, Document) else (package.response_for,)
    for number, item in enumerate(answered, 1):
        place = (
            f"MessageHeader/ResponseFor[{number}]"
            if isinstance(package, Document)
            else "MessageHeader/ResponseFor"
        )
        if not item.organ_id or not (item.code or item.document_id):
            yield Finding(
                rule=RULE,
                field=place,
                detail_vi="Văn bản liên quan chưa nêu đủ cơ quan và số ký hiệu (hoặc DocumentId)",
                detail_en="the document referred to lacks its agency, or its number and DocumentId",
                blocking=False,
            )
        if isinstance(package, Document):
            yield from _of_document(package, item, place)


def _of_document(package: Document, item: ResponseFor, place: str) -> Iterator[Finding]:
    issued = moment(item.promulgation_date or "")
    if issued is not None and issued.date() > package.promulgation_date:
        yield Finding(
            rule=RULE,
            field=f"{place}/PromulgationDate",
            detail_vi=f"Văn bản được trả lời ban hành sau văn bản này: {item.promulgation_date}",
            detail_en=f"the document answered is younger than its answer: {item.promulgation_date}",
            blocking=False,
        )
    if package.business.type is BusinessType.NEW and item.document_id == package.document_id:
        yield Finding(
            rule=RULE,
            field=f"{place}/DocumentId",
            detail_vi="Văn bản tự trả lời chính nó",
            detail_en="the document answers itself",
            blocking=False,
        )
