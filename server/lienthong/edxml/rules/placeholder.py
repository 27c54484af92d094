"""Are required fields filled with something that means something?

Systems that must fill a field write "N/A" or a dash; receivers show it to the clerk. A warning.
Source: QCVN 102:2016/BTTTT (MessageHeader); complaints of provincial systems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "placeholder"
ABOUT = About(
    vi="Trường bắt buộc không điền cho có (N/A, -, null)",
    field="MessageHeader/…",
    blocks="no",
    clause="QCVN 102:2016 (MessageHeader)",
    good="Subject: Mời họp",
    bad="Subject: N/A",
)


_EMPTY = re.compile(r"n/?a|null|none|nil|undefined|kh[oô]ng c[oó]|test|[-–—._*/?\s…x]+", re.IGNORECASE)


def check(case: Case) -> Iterator[Finding]:
    """A warning for each."""
    package = case.package
    if not isinstance(package, Document):
        return
    fields = {
        "MessageHeader/Code/CodeNumber": package.code_number,
        "MessageHeader/Code/CodeNotation": package.code_notation,
        "MessageHeader/PromulgationInfo/Place": package.promulgation_place,
        "MessageHeader/DocumentType/TypeName": package.document_type.type_name,
        "MessageHeader/Subject": package.subject,
        "MessageHeader/Content": package.content,
        "MessageHeader/SignerInfo/FullName": package.signer.full_name,
    }
    for field, value in fields.items():
        if value and _EMPTY.fullmatch(value):
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi=f"{field} điền cho có: {value}",
                detail_en=f"{field} says nothing: {value}",
                blocking=False,
            )
