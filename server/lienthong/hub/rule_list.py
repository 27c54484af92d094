"""Which rules need what only the hub knows? For docs/rules.md; the rules of the package alone are in edxml/rules/."""

from __future__ import annotations

from typing import Final

from lienthong.edxml.rules.finding import About
from lienthong.hub import numbers
from lienthong.hub.business import TARGET_AMBIGUOUS, TARGET_UNKNOWN

#: rule -> what it asks, in English, and the rest
HUB_RULES: Final[dict[str, tuple[str, About]]] = {
    numbers.RULE: (
        "Is the number the sender's register gave to this document free in its year?",
        About(
            vi="Số và ký hiệu là duy nhất của cơ quan trong năm; gửi lại chính văn bản đó chỉ cảnh báo",
            field="MessageHeader/Code",
            blocks="another document (other subject or date); the same one sent again does not",
            clause="NĐ 30/2020 điều 15",
            good="212/UBND-KGVX once in 2020",
            bad="212/UBND-KGVX on two subjects in 2020",
        ),
    ),
    "business-recipients": (
        "Does a package about a document go only to those who got the document?",
        About(
            vi="Thu hồi, cập nhật, thay thế chỉ gửi đến cơ quan đã nhận văn bản (hoặc được thêm khi cập nhật)",
            field="MessageHeader/To",
            blocks="the recipient concerned, not the package",
            clause="QCVN 102:2016 (Bussiness)",
            good="recall to one of the recipients",
            bad="recall to an agency that never got it",
        ),
    ),
    TARGET_UNKNOWN: (
        "Did the sender send the document it speaks of through this hub?",
        About(
            vi="Văn bản được nhắc đến đã được gửi qua hub này",
            field="TraceHeaderList/Bussiness/DocumentId, ResponseFor",
            blocks="no",
            clause="QCVN 102:2016 (Bussiness)",
            good="a DocumentId sent before",
            bad="a DocumentId of another linkage",
        ),
    ),
    TARGET_AMBIGUOUS: (
        "Does a recall or update that names its document by number and date alone mean exactly one?",
        About(
            vi="Thu hồi, cập nhật chỉ nêu số, ký hiệu và ngày thì phải đúng một văn bản đã gửi",
            field="MessageHeader/Code, ResponseFor/Code",
            blocks="yes",
            clause="QCVN 102:2016 (Bussiness, ResponseFor)",
            good="212/UBND-VX of 2026/03/02, sent once",
            bad="212/UBND-VX of 2026/03/02, sent under two DocumentIds",
        ),
    ),
}
