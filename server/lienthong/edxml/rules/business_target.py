"""Does a recall, update or replacement say which document it is about?

Looked for in Bussiness/DocumentId, the replacement list and ResponseFor. The public SDK's recall names it nowhere but
in the header's own DocumentId, so this is a warning; whether the sender sent that document is the hub's business.
Source: QCVN 102:2016/BTTTT (TraceHeaderList/Bussiness) as the public samples fill it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import BusinessType, Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "business-target"
ABOUT = About(
    vi="Thu hồi, cập nhật, thay thế nêu văn bản liên quan và lý do",
    field="TraceHeaderList/Bussiness",
    blocks="no",
    clause="QCVN 102:2016 (Bussiness); NĐ 30/2020 điều 18",
    good="type 1 with DocumentId and reason",
    bad="type 1 without either",
)


def check(case: Case) -> Iterator[Finding]:
    """Warnings for a missing document and a missing reason."""
    package = case.package
    if not isinstance(package, Document) or package.business.type is BusinessType.NEW:
        return
    kind = int(package.business.type)
    if not package.named_documents:
        yield Finding(
            rule=RULE,
            field="TraceHeaderList/Bussiness/DocumentId",
            detail_vi=f"Gói nghiệp vụ loại {kind} không nêu văn bản liên quan",
            detail_en=f"a package of type {kind} names no document",
            blocking=False,
        )
    if not package.business.reason:
        yield Finding(
            rule=RULE,
            field="TraceHeaderList/Bussiness/BussinessDocReason",
            detail_vi=f"Gói nghiệp vụ loại {kind} không nêu lý do",
            detail_en=f"a package of type {kind} gives no reason",
            blocking=False,
        )
