"""Are number and notation formed as the registers form them?

The number is digits; the notation begins with the abbreviation of the type (`15/QĐ-UBND`), for a công văn with the
agency's own (`212/UBND-KGVX`). Blanks and commas break systems that take a DocumentId apart, and the letter Đ has a
double (Ð, U+00D0) that looks the same and is not found by a search. Real files do all of it: warnings.
Source: Nghị định 30/2020/NĐ-CP, Phụ lục I (số, ký hiệu) and Phụ lục III (abbreviations).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lienthong.domain.document import Document
from lienthong.domain.document_type import ADMINISTRATIVE, ADMINISTRATIVE_TYPES, find_entries, folded
from lienthong.edxml.rules.finding import About, Case, Finding

RULE = "notation"
ABOUT = About(
    vi="Số bằng chữ số; ký hiệu bắt đầu bằng chữ viết tắt của loại văn bản, không có ký tự lạ",
    field="MessageHeader/Code",
    blocks="no",
    clause="NĐ 30/2020 Phụ lục I, III",
    good="15/QĐ-UBND (Quyết định)",
    bad="15/UBND (Quyết định), 15/QÐ-UBND with U+00D0",
)


_NUMBER = re.compile(r"[0-9]+[A-Za-z]?")
_ODD = re.compile("[,\\s\u00d0\u00f0]")
_ABBREVIATIONS = frozenset(folded(entry.abbreviation) for entry in ADMINISTRATIVE_TYPES if entry.abbreviation)


def check(case: Case) -> Iterator[Finding]:
    """A warning for a number that is none, an odd character, and a notation of another type."""
    package = case.package
    if not isinstance(package, Document):
        return
    number, notation = package.code_number, package.code_notation
    if not _NUMBER.fullmatch(number):
        yield Finding(
            rule=RULE,
            field="MessageHeader/Code/CodeNumber",
            detail_vi=f"Số văn bản {number} không phải chữ số",
            detail_en=f"the number {number} is not made of digits",
            blocking=False,
        )
    if odd := _ODD.search(notation):
        name = f"U+{ord(odd.group()):04X}"
        yield Finding(
            rule=RULE,
            field="MessageHeader/Code/CodeNotation",
            detail_vi=f"Ký hiệu {notation} có ký tự lạ {name}",
            detail_en=f"the notation {notation} has the odd character {name}",
            blocking=False,
        )
    own = [entry for kind, entry in find_entries(package.document_type.type_name) if kind == ADMINISTRATIVE]
    if not own:
        return
    first, wanted = folded(notation.partition("-")[0]), own[0].abbreviation
    if (wanted is None and first in _ABBREVIATIONS) or (wanted is not None and first != folded(wanted)):
        form = f"{wanted}-…" if wanted else "CƠQUAN-ĐƠNVỊ"
        yield Finding(
            rule=RULE,
            field="MessageHeader/Code/CodeNotation",
            detail_vi=f"Ký hiệu {notation} không theo dạng {form} của loại {own[0].name}",
            detail_en=f"the notation {notation} is not formed {form} as for {own[0].name}",
            blocking=False,
        )
