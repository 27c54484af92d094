"""Are counts of copies and pages not negative?

Source: validators deployed with QCVN 102:2016/BTTTT (OtherInfo).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "amounts"
ABOUT = About(
    vi="Số bản, số trang không âm",
    field="MessageHeader/OtherInfo/PromulgationAmount, PageAmount",
    blocks="yes",
    clause="QCVN 102:2016 (OtherInfo)",
    good="PageAmount 2",
    bad="PageAmount -2",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for each negative count."""
    if not isinstance(case.package, Document):
        return
    other = case.package.other
    amounts = {"PromulgationAmount": other.promulgation_amount, "PageAmount": other.page_amount}
    for name, amount in amounts.items():
        if amount is not None and amount < 0:
            yield Finding(
                rule=RULE,
                field=f"MessageHeader/OtherInfo/{name}",
                detail_vi=f"{name} không được âm: {amount}",
                detail_en=f"{name} is negative: {amount}",
                blocking=True,
            )
