"""Is no agency named twice as recipient? Compared as written; aliases are resolved by routing.

Source: validators deployed with QCVN 102:2016/BTTTT refuse it (MessageHeader/To).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "distinct-recipients"
ABOUT = About(
    vi="Không lặp cơ quan nhận",
    field="MessageHeader/To",
    blocks="yes",
    clause="QCVN 102:2016 (To)",
    good="H48.11, H48.31",
    bad="H48.11, H48.31, H48.11",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking, at the second mention."""
    if not isinstance(case.package, Document):
        return
    seen: set[str] = set()
    for number, code in enumerate(case.package.recipient_codes, 1):
        if code in seen:
            yield Finding(
                rule=RULE,
                field=f"MessageHeader/To[{number}]/OrganId",
                detail_vi=f"Cơ quan nhận {code} bị lặp lại",
                detail_en=f"the recipient {code} is named twice",
                blocking=True,
            )
        seen.add(code)
