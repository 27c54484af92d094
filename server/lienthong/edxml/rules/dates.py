"""Do the dates make sense?

A document cannot be promulgated after today (a deployed validator refuses it). A due date before the promulgation is
odd, but stands in real files: a warning.
Source: validators deployed with QCVN 102:2016/BTTTT (PromulgationInfo); Nghị định 30/2020/NĐ-CP, Phụ lục I.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "promulgation-date"
ABOUT = About(
    vi="Ngày ban hành không sau hôm nay; hạn xử lý không trước ngày ban hành",
    field="MessageHeader/PromulgationInfo/PromulgationDate, DueDate",
    blocks="a date to come",
    clause="QCVN 102:2016 (PromulgationInfo); NĐ 30/2020 Phụ lục I",
    good="issued today, due next week",
    bad="issued tomorrow",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for a date in the future; a warning for an impossible due date."""
    package = case.package
    if not isinstance(package, Document):
        return
    issued, due = package.promulgation_date, package.due_date
    if issued > case.today:
        yield Finding(
            rule=RULE,
            field="MessageHeader/PromulgationInfo/PromulgationDate",
            detail_vi=f"Ngày ban hành {issued:%d/%m/%Y} sau ngày hôm nay {case.today:%d/%m/%Y}",
            detail_en=f"promulgated on {issued.isoformat()}, after today {case.today.isoformat()}",
            blocking=True,
        )
    if due is not None and due < issued:
        yield Finding(
            rule=RULE,
            field="MessageHeader/DueDate",
            detail_vi=f"Hạn xử lý {due:%d/%m/%Y} trước ngày ban hành {issued:%d/%m/%Y}",
            detail_en=f"due on {due.isoformat()}, before the promulgation on {issued.isoformat()}",
            blocking=False,
        )
