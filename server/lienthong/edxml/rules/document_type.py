"""Do Type, TypeDetail and TypeName say the same?

Receivers show TypeName; the numbers are filled freely in the field (a Công văn with Type 1 stands in the public
samples), so everything is a warning.
Source: SĐ1:2022 QCVN 102:2016/BTTTT (DocumentType); Nghị định 30/2020/NĐ-CP, điều 7.
"""

from __future__ import annotations

from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.domain.document_type import find_entries
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "document-type"
ABOUT = About(
    vi="Loại văn bản có trong danh mục, Type, TypeDetail khớp TypeName",
    field="MessageHeader/DocumentType",
    blocks="no",
    clause="SĐ1:2022 QCVN 102:2016; NĐ 30/2020 điều 7",
    good="Type 2, TypeDetail 18, Công văn",
    bad="Type 2, TypeDetail 2, Công văn",
)


def check(case: Case) -> Iterator[Finding]:
    """A warning for an unknown name, and for numbers that name another type."""
    package = case.package
    if not isinstance(package, Document) or not package.document_type.type_name:
        return
    written = package.document_type
    entries = find_entries(written.type_name)
    if not entries:
        yield Finding(
            rule=RULE,
            field="MessageHeader/DocumentType/TypeName",
            detail_vi=f"Loại văn bản {written.type_name} không có trong danh mục",
            detail_en=f"{written.type_name} is no type of the list",
            blocking=False,
        )
        return
    details = {entry.detail for kind, entry in entries if kind == written.type}
    if not details:
        yield Finding(
            rule=RULE,
            field="MessageHeader/DocumentType/Type",
            detail_vi=f"Type {written.type} không phải của loại {written.type_name}",
            detail_en=f"Type {written.type} is not that of {written.type_name}",
            blocking=False,
        )
    elif None not in details and written.type_detail is not None and written.type_detail not in details:
        yield Finding(
            rule=RULE,
            field="MessageHeader/DocumentType/TypeDetail",
            detail_vi=f"TypeDetail {written.type_detail} không phải của loại {written.type_name}",
            detail_en=f"TypeDetail {written.type_detail} is not that of {written.type_name}",
            blocking=False,
        )
