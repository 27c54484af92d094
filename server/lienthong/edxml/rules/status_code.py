"""Is the status one of those the national axis knows?

Whether it is a legal step for its document is decided where the document's state is known. 14 is what a public C#
sample emits in place of 15.
Source: the status samples of the national axis; Quyết định 28/2018/QĐ-TTg (statuses of a document on its way).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import StatusPackage
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "status-code"
ABOUT = About(
    vi="Mã trạng thái có trong danh mục",
    field="MessageHeader/StatusCode",
    blocks="yes; 14, meant as 15, does not",
    clause="QĐ 28/2018/QĐ-TTg; status samples of the national axis",
    good="03",
    bad="99",
)

KNOWN = frozenset(("01", "02", "03", "04", "05", "06", "13", "15", "16"))


def check(case: Case) -> Iterator[Finding]:
    """A warning for 14, blocking for any other unknown code."""
    package = case.package
    if not isinstance(package, StatusPackage) or package.status_code in KNOWN:
        return
    yield Finding(
        rule=RULE,
        field="MessageHeader/StatusCode",
        detail_vi=f"Mã trạng thái {package.status_code} không có trong danh mục",
        detail_en=f"the status code {package.status_code} is not in the list",
        blocking=package.status_code != "14",
    )
