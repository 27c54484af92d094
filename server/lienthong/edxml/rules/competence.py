"""Is the right by which the person signed one that the law knows?

TM. (on behalf of a collective), KT. (for the head), TL. (by order), TUQ. (by delegation), Q. (acting), with the
position of the one it is derived from; a head signs without. A warning.
Source: Nghị định 30/2020/NĐ-CP, điều 13 and Phụ lục I (quyền hạn, chức vụ của người ký).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "competence"
ABOUT = About(
    vi="Quyền hạn ký là TM., KT., TL., TUQ. hoặc Q.",
    field="MessageHeader/SignerInfo/Competence",
    blocks="no",
    clause="NĐ 30/2020 điều 13, Phụ lục I",
    good="KT. CHỦ TỊCH",
    bad="CT",
)


_KNOWN = re.compile(r"(TM|KT|TL|TUQ|Q)\b\.?.*", re.IGNORECASE | re.DOTALL)


def check(case: Case) -> Iterator[Finding]:
    """A warning for any other."""
    package = case.package
    if not isinstance(package, Document):
        return
    competence = package.signer.competence
    if competence and not _KNOWN.fullmatch(competence):
        yield Finding(
            rule=RULE,
            field="MessageHeader/SignerInfo/Competence",
            detail_vi=f"Quyền hạn ký {competence} không phải TM., KT., TL., TUQ., Q.",
            detail_en=f"{competence} is not TM., KT., TL., TUQ. or Q.",
            blocking=False,
        )
