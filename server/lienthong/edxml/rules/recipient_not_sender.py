"""Does the sender stay off its own list of recipients?

Source: validators deployed with QCVN 102:2016/BTTTT (MessageHeader/From, To).
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "recipient-not-sender"
ABOUT = About(
    vi="Cơ quan gửi không ở trong nơi nhận",
    field="MessageHeader/To",
    blocks="yes",
    clause="QCVN 102:2016 (From, To)",
    good="From H48, To H48.11",
    bad="From H48, To H48",
)


def check(case: Case) -> Iterator[Finding]:
    """Blocking. For a status: the agency it is for."""
    package = case.package
    for number, code in enumerate(package.recipient_codes, 1):
        if code == package.sender_code:
            document = isinstance(package, Document)
            yield Finding(
                rule=RULE,
                field=f"MessageHeader/To[{number}]/OrganId"
                if document
                else "MessageHeader/ResponseFor/OrganId",
                detail_vi=f"Cơ quan gửi {code} đồng thời là cơ quan nhận",
                detail_en=f"the sender {code} is among the recipients",
                blocking=True,
            )
