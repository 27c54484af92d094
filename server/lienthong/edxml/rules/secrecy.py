"""Does nothing hint at a state secret?

Mật, Tối mật and Tuyệt mật never travel over the linkage. edXML has no field for secrecy, so their words are looked
for. Alone in SphereOfPromulgation they are a stamp and always block. Anywhere else a reader sees (subject, content,
type, appendixes, reasons, names of files) they block unless the sender declares, signed, that the package holds no
state secret (`edxml/declaration.py`); then they are a warning, so that the declaration is seen. Words that only share
the syllable (bảo mật, mật độ, mật khẩu, túi mật …) are no hint, and the *protection* of secrets is a warning alone.
Source: Quyết định 28/2018/QĐ-TTg (secret documents are excluded); Luật Bảo vệ bí mật nhà nước 2018, điều 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "secrecy"
ABOUT = About(
    vi="Không có dấu hiệu bí mật nhà nước; từ chỉ độ mật chỉ được gửi khi cơ quan gửi cam kết không chứa bí mật",
    field="MessageHeader/Subject, Content, OtherInfo …",
    blocks="yes; with the sender's declaration only a stamp",
    clause="QĐ 28/2018/QĐ-TTg; Luật BVBMNN 2018 điều 8",
    good="V/v bảo mật thông tin",
    bad="SphereOfPromulgation: TUYỆT MẬT; V/v hồ sơ Tối mật",
)

_STAMP = re.compile(r"\W*(?:độ )?(?:mật|tối mật|tuyệt mật)\W*", re.IGNORECASE)
#: words before and after the syllable that make it harmless
_BEFORE = ("bảo", "bí", "gan", "túi", "sỏi", "đường", "ống", "dịch", "hoa", "ong", "mía", "mứt")
_AFTER = "độ|khẩu|mã|ong|danh|thiết|thư|ngọt|vụ|hiệu"
_ALONE = "".join(rf"(?<!\b{word}\s)" for word in _BEFORE) + rf"\bmật\b(?!\s+(?:{_AFTER})\b)"
_HINT = re.compile(rf"\b(?:tối|tuyệt|độ)\s+mật\b|{_ALONE}", re.IGNORECASE)
_ASCII_HINT = re.compile(r"(?<![a-z])(?:toi|tuyet|do)[ _.-]*mat(?![a-z])", re.IGNORECASE)
_PROTECTION = re.compile(r"\bbí\s+mật\s+nhà\s+nước\b", re.IGNORECASE)


def check(case: Case) -> Iterator[Finding]:
    """Blocking for a stamp and for undeclared words; a warning for declared ones and for talk of state secrets."""
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
    for field, text in _seen(package):
        hint = _HINT.search(text) or (_ASCII_HINT.search(text) if field.endswith("AttachmentName") else None)
        if hint is not None and not (field.endswith("SphereOfPromulgation") and _STAMP.fullmatch(text)):
            yield _hint(field, hint.group(), declared=package.no_state_secret)
        elif _PROTECTION.search(text) and not package.no_state_secret:
            yield Finding(
                rule=RULE,
                field=field,
                detail_vi="Có nói đến bí mật nhà nước; kiểm tra văn bản không chứa bí mật nhà nước",
                detail_en="it speaks of state secrets; make sure that it holds none",
                blocking=False,
            )


def _hint(field: str, word: str, *, declared: bool) -> Finding:
    if declared:
        vi = f"Có từ chỉ độ mật ({word}); cơ quan gửi cam kết không chứa bí mật nhà nước"
        en = f"a word of secrecy ({word}); the sender declares that it holds no state secret"
    else:
        vi = f"Có từ chỉ độ mật ({word}); nếu không chứa bí mật nhà nước, cơ quan gửi cam kết khi gửi (--not-secret)"
        en = f"a word of secrecy ({word}); if it holds no state secret, the sender says so (--not-secret)"
    return Finding(rule=RULE, field=field, detail_vi=vi, detail_en=en, blocking=not declared)


def _seen(package: Document) -> Iterator[tuple[str, str]]:
    yield "MessageHeader/Subject", package.subject
    yield "MessageHeader/Content", package.content
    yield "MessageHeader/DocumentType/TypeName", package.document_type.type_name
    yield "MessageHeader/OtherInfo/SphereOfPromulgation", package.other.sphere_of_promulgation or ""
    for number, text in enumerate(package.other.appendixes, 1):
        yield f"MessageHeader/OtherInfo/Appendixes/Appendix[{number}]", text
    yield "TraceHeaderList/Bussiness/BussinessDocReason", package.business.reason or ""
    for number, entry in enumerate(package.manifest, 1):
        yield f"edXMLManifest/Reference[{number}]/AttachmentName", entry.attachment_name
        yield f"edXMLManifest/Reference[{number}]/Description", entry.description or ""
