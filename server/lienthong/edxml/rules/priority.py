"""Does a timed express document say when it is due?

The range 0 to 4 is the reader's business (SCHEMA_INVALID). Priority 4 (hỏa tốc hẹn giờ) is edXML's own and means
hỏa tốc with a deadline.
Source: QCVN 102:2016/BTTTT (OtherInfo/Priority); Nghị định 30/2020/NĐ-CP knows khẩn, thượng khẩn and hỏa tốc.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document, Priority
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "priority"
ABOUT = About(
    vi="Văn bản hỏa tốc hẹn giờ có hạn xử lý",
    field="MessageHeader/OtherInfo/Priority",
    blocks="no",
    clause="QCVN 102:2016 (Priority); NĐ 30/2020 điều 8",
    good="Priority 4, DueDate 2020/03/20",
    bad="Priority 4 without DueDate",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for priority 4 without DueDate."""
    package = case.package
    if not isinstance(package, Document):
        return
    if package.other.priority is Priority.EXPRESS_TIMED and package.due_date is None:
        yield Finding(
            rule=RULE,
            field="MessageHeader/DueDate",
            detail_vi="Văn bản hỏa tốc hẹn giờ cần có hạn xử lý",
            detail_en="a timed express document should carry a due date",
            blocking=False,
        )
