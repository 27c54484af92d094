"""Does a status that says no, or asks, give its reason, at a time that has come?

02 (refused), 13 (asks to take back) and 16 (declines) are read by a clerk who wants to know why. A warning.
Source: Nghị định 30/2020/NĐ-CP, điều 18.4b and 21.2; the status samples of the national axis.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.day import day_of
from lienthong.domain.document import StatusPackage
from lienthong.edxml.rules.finding import About, Case, Finding

_NEEDS_REASON = frozenset(("02", "13", "16"))

RULE = "status-reason"
ABOUT = About(
    vi="Trạng thái 02, 13, 16 nêu lý do; thời điểm không ở tương lai",
    field="MessageHeader/Description",
    blocks="no",
    clause="NĐ 30/2020 điều 18.4b, 21.2",
    good="02, gửi nhầm nơi nhận",
    bad="02 without a word",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for a missing reason, and for a day to come."""
    package = case.package
    if not isinstance(package, StatusPackage):
        return
    if package.status_code in _NEEDS_REASON and not package.description:
        yield Finding(
            rule=RULE,
            field="MessageHeader/Description",
            detail_vi=f"Trạng thái {package.status_code} cần nêu lý do",
            detail_en=f"status {package.status_code} should give its reason",
            blocking=False,
        )
    if day_of(package.timestamp) > case.today:
        yield Finding(
            rule=RULE,
            field="MessageHeader/Timestamp",
            detail_vi=f"Thời điểm ở tương lai: {day_of(package.timestamp):%d/%m/%Y}",
            detail_en=f"a day to come: {day_of(package.timestamp).isoformat()}",
            blocking=False,
        )
