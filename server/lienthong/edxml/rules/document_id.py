"""Does DocumentId, where it is made of parts, say what the header says?

`OrganId,yyyy/MM/dd,CodeNumber/CodeNotation`: offices split it at the commas and match statuses by the third part. A
UUID is as good. A warning: real files carry impossible dates in it. Only for new documents; others may name another.
Source: QCVN 102:2016/BTTTT (DocumentId) as the national axis's systems use it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import BusinessType, Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "document-id"
ABOUT = About(
    vi="DocumentId dạng ba phần phải khớp ngày ban hành, số và ký hiệu",
    field="MessageHeader/DocumentId",
    blocks="no",
    clause="QCVN 102:2016 (DocumentId)",
    good="000.00.00.H48,2020/03/02,212/UBND-KGVX",
    bad="000.00.00.H48,2014/02/30,212/UBND-KGVX",
)


def check(case: Case) -> Iterator[Finding]:
    """One warning when the parts are not three, or the date or the number is another one."""
    package = case.package
    if not isinstance(package, Document) or package.business.type is not BusinessType.NEW:
        return
    parts = package.document_id.split(",")
    if len(parts) == 1:
        return
    issued = package.promulgation_date
    expected = [
        f"{issued.year:04}/{issued.month:02}/{issued.day:02}",
        f"{package.code_number}/{package.code_notation}",
    ]
    if parts[1:] != expected:
        wanted = ",".join((parts[0], *expected))
        yield Finding(
            rule=RULE,
            field="MessageHeader/DocumentId",
            detail_vi=f"DocumentId {package.document_id} không khớp phần đầu văn bản: {wanted}",
            detail_en=f"the DocumentId {package.document_id} does not fit the header: {wanted}",
            blocking=False,
        )
