"""Does nothing hint at a state secret?

Mật, Tối mật and Tuyệt mật never travel over the linkage. edXML has no field for secrecy, so the stamp words are looked
for: alone in SphereOfPromulgation they block; inside the subject they are a warning (a subject may speak of secrecy).
Source: Quyết định 28/2018/QĐ-TTg (secret documents are excluded); Luật Bảo vệ bí mật nhà nước 2018, điều 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import Case, Finding

RULE = "secrecy"

_STAMP = re.compile(r"\W*(?:độ )?(?:mật|tối mật|tuyệt mật)\W*", re.IGNORECASE)
_WORDS = re.compile(r"\b(?:tối mật|tuyệt mật)\b", re.IGNORECASE)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for a stamp, a warning for the words in the subject."""
    package = case.package
    if not isinstance(package, Document):
        return
    sphere = package.other.sphere_of_promulgation or ""
    if _STAMP.fullmatch(sphere):
        yield Finding(
            rule=RULE,
            field="MessageHeader/OtherInfo/SphereOfPromulgation",
            detail_vi="Văn bản mật không được gửi qua hệ thống liên thông",
            detail_en="secret documents are never sent over the linkage",
            blocking=True,
        )
    if _WORDS.search(package.subject):
        yield Finding(
            rule=RULE,
            field="MessageHeader/Subject",
            detail_vi="Trích yếu có từ chỉ độ mật; kiểm tra văn bản không chứa bí mật nhà nước",
            detail_en="the subject has a word of secrecy; make sure that this is no state secret",
            blocking=False,
        )
