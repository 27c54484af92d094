"""Is the number the sender's register gave to this document free in its year?

Nghị định 30/2020/NĐ-CP, điều 15: numbers run from 1 January to 31 December, number and notation are unique per agency
and year. So a *second document* under a number is refused: a new one (type 0) with another subject or date. The same
document sent again under another DocumentId (systems make a fresh one for every sending, offices add recipients
later) has the same subject and date: a warning. A number is free again when nobody got the first document: all of
its deliveries were refused, withdrawn or expired. Recalls, updates, replacements and statuses speak of a number that
is taken, and are not asked.

Asked before the commit, to answer early and to warn; the commit decides (`store.accept`), so of two documents under
one number at the very same moment one is refused.
"""

from __future__ import annotations

from lienthong.domain.document import BusinessType, Document, Package
from lienthong.domain.request import ENDED
from lienthong.edxml.rules import Finding
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store

RULE = "number-in-year"


async def check_number(store: Store, sender: str, package: Package) -> list[Finding]:
    """At most one finding, about the newest other document under the number; blocking for another document."""
    if not isinstance(package, Document) or package.business.type is not BusinessType.NEW:
        return []
    year = package.promulgation_date.year
    earlier = await store.numbered(sender, package.code_number, package.code_notation, year)
    resent: Finding | None = None
    for row in earlier:
        if row.edxml_document_id == package.document_id:
            continue
        if all(delivery.state in ENDED for delivery in await store.deliveries(row.id)):
            continue
        same = (row.subject, row.promulgation_date) == (
            package.subject,
            package.promulgation_date.isoformat(),
        )
        other = row.edxml_document_id or row.id
        finding = _finding(package.code_number, package.code_notation, year, other, blocking=not same)
        if finding.blocking:
            return [finding]
        resent = resent or finding
    return [] if resent is None else [resent]


def refuse_taken(number: str, notation: str, year: int, other: str) -> Refusal:
    """RULE_VIOLATED, for the store to raise when another document got the number first."""
    finding = _finding(number, notation, year, other, blocking=True)
    detail = f"{finding.rule}: {finding.detail_vi} / {finding.detail_en}"
    return Refusal(Code.RULE_VIOLATED, field=finding.field, detail=detail, rule=finding.rule)


def _finding(number: str, notation: str, year: int, other: str, *, blocking: bool) -> Finding:
    number = f"{number}/{notation}"
    if blocking:
        vi = f"Số {number} năm {year} đã dùng cho văn bản khác: {other}"
        en = f"the number {number} of {year} belongs to another document: {other}"
    else:
        vi = f"Văn bản số {number} năm {year} đã được gửi trước đó: {other}"
        en = f"the document {number} of {year} was sent before: {other}"
    return Finding(
        rule=RULE, field="MessageHeader/Code/CodeNumber", detail_vi=vi, detail_en=en, blocking=blocking
    )
