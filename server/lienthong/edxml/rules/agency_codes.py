"""Are agencies' codes formed as codes are?

Old form 000.05.31.H48 (QCVN 102:2016), new form H48.31.05 (Quyết định 20/2020/QĐ-TTg: at most 4 levels, 35
characters). Others travel where the directory knows them as an alias: a warning. Codes of W00 are test bodies. Whether
an agency exists is asked of the directory (RECIPIENT_UNKNOWN).
Source: QCVN 102:2016/BTTTT; Quyết định 20/2020/QĐ-TTg, điều 4 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "agency-codes"
ABOUT = About(
    vi="Mã định danh đúng dạng cũ (QCVN 102:2016) hoặc mới (QĐ 20/2020), không phải mã thử nghiệm",
    field="MessageHeader/From, To (OrganId)",
    blocks="no",
    clause="QCVN 102:2016; QĐ 20/2020/QĐ-TTg",
    good="H48.31.05, 000.05.31.H48",
    bad="28.22.H17, 001.03.41.W00",
)


_OLD = re.compile(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}")
_NEW = re.compile(r"(?=.{3,35}\Z)[A-Z][0-9]{2}(\.[A-Z0-9]{1,10}){0,3}")
_TEST = re.compile(r"(.*\.)?W00(\..*)?")


def check(case: Case) -> Iterator[Finding]:
    """A warning for each code of another form, and for test bodies."""
    package = case.package
    to = (
        "MessageHeader/To[{}]/OrganId"
        if isinstance(package, Document)
        else "MessageHeader/ResponseFor/OrganId"
    )
    codes = [("MessageHeader/From/OrganId", package.sender_code)]
    codes += [(to.format(number), code) for number, code in enumerate(package.recipient_codes, 1)]
    for field, code in codes:
        if _TEST.fullmatch(code):
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi=f"{code} là mã thử nghiệm",
                detail_en=f"{code} is a test body",
                blocking=False,
            )
        elif not (_OLD.fullmatch(code) or _NEW.fullmatch(code)):
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi=f"Mã định danh {code} không đúng dạng",
                detail_en=f"{code} has neither form of a code",
                blocking=False,
            )
