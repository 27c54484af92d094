"""Do the traces begin with the sender, and in the past?

A package comes with the trace of its sender alone; the hops after it are signed records of their own. Real files carry
traces of other agencies: a warning.
Source: QCVN 102:2016/BTTTT (TraceHeaderList).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.day import day_of
from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "traces"
ABOUT = About(
    vi="TraceHeader đầu tiên là của cơ quan gửi, thời điểm không ở tương lai",
    field="TraceHeaderList/TraceHeader",
    blocks="no",
    clause="QCVN 102:2016 (TraceHeaderList)",
    good="the sender's code, today",
    bad="another agency's code; tomorrow",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for the first trace of somebody else, and for each of a day to come."""
    package = case.package
    if not isinstance(package, Document):
        return
    for number, trace in enumerate(package.traces, 1):
        field = f"TraceHeaderList/TraceHeader[{number}]"
        if number == 1 and trace.organ_id != package.sender_code:
            yield Finding(
                rule=RULE,
                field=f"{field}/OrganId",
                detail_vi=f"Vết đầu tiên là của {trace.organ_id}, không phải cơ quan gửi",
                detail_en=f"the first trace is of {trace.organ_id}, not of the sender",
                blocking=False,
            )
        if day_of(trace.timestamp) > case.today:
            yield Finding(
                rule=RULE,
                field=f"{field}/Timestamp",
                detail_vi=f"Thời điểm ở tương lai: {day_of(trace.timestamp):%d/%m/%Y}",
                detail_en=f"a day to come: {day_of(trace.timestamp).isoformat()}",
                blocking=False,
            )
