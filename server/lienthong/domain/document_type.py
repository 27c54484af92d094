"""Which types of documents are there, how are they abbreviated, and which TypeDetail does edXML give them?

Sources: Nghị định 30/2020/NĐ-CP, điều 7 and Phụ lục III (administrative documents and their abbreviations);
SĐ1:2022 QCVN 102:2016/BTTTT (DocumentType/Type 1: legal normative documents, 2: administrative; TypeDetail). Senders
fill Type and TypeDetail freely; TypeName is what can be depended on.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

LEGAL, ADMINISTRATIVE = 1, 2  #: DocumentType/Type


@dataclass(frozen=True, slots=True)
class TypeEntry:
    """One type. `abbreviation` stands first in the notation; None: the notation begins with the agency's own."""

    name: str
    abbreviation: str | None
    detail: int | None  #: TypeDetail; None where the regulation's list was not to be had


ADMINISTRATIVE_TYPES: Final[tuple[TypeEntry, ...]] = (
    TypeEntry("Nghị quyết", "NQ", 1),
    TypeEntry("Quyết định", "QĐ", 2),
    TypeEntry("Chỉ thị", "CT", 3),
    TypeEntry("Quy chế", "QC", 4),
    TypeEntry("Quy định", "QyĐ", 5),
    TypeEntry("Thông cáo", "TC", 6),
    TypeEntry("Thông báo", "TB", 7),
    TypeEntry("Hướng dẫn", "HD", 8),
    TypeEntry("Chương trình", "CTr", 9),
    TypeEntry("Kế hoạch", "KH", 10),
    TypeEntry("Phương án", "PA", 11),
    TypeEntry("Đề án", "ĐA", 12),
    TypeEntry("Dự án", "DA", 13),
    TypeEntry("Báo cáo", "BC", 14),
    TypeEntry("Biên bản", "BB", 15),
    TypeEntry("Tờ trình", "TTr", 16),
    TypeEntry("Hợp đồng", "HĐ", 17),
    TypeEntry("Công văn", None, 18),
    TypeEntry("Công điện", "CĐ", 19),
    TypeEntry("Bản ghi nhớ", "BGN", 20),
    TypeEntry("Bản cam kết", "BCK", 21),
    TypeEntry("Bản thỏa thuận", "BTT", 22),
    TypeEntry("Giấy chứng nhận", "GCN", 23),
    TypeEntry("Giấy ủy quyền", "GUQ", 24),
    TypeEntry("Giấy mời", "GM", 25),
    TypeEntry("Giấy giới thiệu", "GGT", 26),
    TypeEntry("Giấy nghỉ phép", "GNP", None),
    TypeEntry("Phiếu gửi", "PG", None),
    TypeEntry("Phiếu chuyển", "PC", None),
    TypeEntry("Phiếu báo", "PB", None),
    TypeEntry("Thư công", None, None),
)

LEGAL_TYPES: Final[tuple[TypeEntry, ...]] = tuple(
    TypeEntry(name, None, detail)
    for detail, name in enumerate(
        (
            "Hiến pháp",
            "Luật",
            "Pháp lệnh",
            "Lệnh",
            "Nghị quyết",
            "Nghị quyết liên tịch",
            "Nghị định",
            "Quyết định",
            "Thông tư",
            "Thông tư liên tịch",
            "Chỉ thị",
            "Bộ luật",
            "Văn bản quy phạm pháp luật của đơn vị hành chính - kinh tế đặc biệt",
        ),
        start=1,
    )
)


def find_entries(name: str) -> tuple[tuple[int, TypeEntry], ...]:
    """(Type, entry) of every type of this name: some are both legal and administrative. Old tone marks count too."""
    return _BY_NAME.get(folded(name), ())


def folded(text: str) -> str:
    """Lower case without diacritics: `thoả thuận` and `Thỏa thuận` are one."""
    decomposed = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d").replace("\u00d0", "D"))
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def _by_name() -> dict[str, tuple[tuple[int, TypeEntry], ...]]:
    found: dict[str, tuple[tuple[int, TypeEntry], ...]] = {}
    for kind, table in ((ADMINISTRATIVE, ADMINISTRATIVE_TYPES), (LEGAL, LEGAL_TYPES)):
        for entry in table:
            name = folded(entry.name)
            found[name] = (*found.get(name, ()), (kind, entry))
    return found


_BY_NAME: Final = _by_name()
