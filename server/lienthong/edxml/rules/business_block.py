"""Does the Bussiness block fit its kind?

A new document names no other; an update says what changed; lists of recipients name each agency once. A warning: the
public SDK and its users fill more and less than that.
Source: QCVN 102:2016/BTTTT (TraceHeaderList/Bussiness) as the public samples fill it; Nghị định 30/2020, điều 18.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Business, BusinessType, Document
from lienthong.edxml.rules.finding import About, Case, Finding

_BLOCK = "TraceHeaderList/Bussiness"

RULE = "business-block"
ABOUT = About(
    vi="Khối Bussiness phù hợp với loại nghiệp vụ",
    field="TraceHeaderList/Bussiness",
    blocks="no",
    clause="QCVN 102:2016 (Bussiness); NĐ 30/2020 điều 18",
    good="type 2 with DocumentInfo 1",
    bad="type 0 that names a replaced document; type 2 without any change",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for each thing that does not fit."""
    if not isinstance(case.package, Document):
        return
    for field, vi, en in _misfits(case.package.business):
        yield Finding(
            rule=RULE,
            field=f"{_BLOCK}/{field}",
            detail_vi=vi,
            detail_en=en,
            blocking=False,
        )


def _misfits(block: Business) -> Iterator[tuple[str, str, str]]:
    kind = int(block.type)
    if block.type is BusinessType.NEW and block.document_id:
        yield "DocumentId", "Văn bản mới không nêu văn bản khác", "a new document names no other"
    if block.replacements and block.type is not BusinessType.REPLACE:
        yield "ReplacementInfoList", f"Loại {kind} không thay thế văn bản", f"type {kind} replaces nothing"
    if block.receivers and block.type is not BusinessType.UPDATE:
        yield "BussinessDocumentInfo", f"Loại {kind} không đổi nơi nhận", f"type {kind} changes no recipients"
    if block.type is BusinessType.REPLACE and not block.replacements:
        yield "ReplacementInfoList", "Chưa nêu văn bản bị thay thế", "no replaced document is listed"
    if block.type is BusinessType.UPDATE:
        if not (block.document_info_changed or block.receivers_changed or block.receivers):
            yield "BussinessDocumentInfo", "Chưa nêu nội dung cập nhật", "it does not say what changed"
        if block.receivers and block.receivers_changed is False:
            yield (
                "BussinessDocumentInfo",
                "DocumentReceiver là 0 nhưng có ReceiverList",
                "DocumentReceiver is 0",
            )
    codes = [receiver.organ_id for receiver in block.receivers]
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        yield "BussinessDocumentInfo/ReceiverList", f"{code} bị lặp lại", f"{code} is listed twice"
