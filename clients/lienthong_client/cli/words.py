"""What does the program say, in English and Vietnamese? One table; errors come from the catalogue."""

from __future__ import annotations

import os
from typing import Final

from lienthong.errors import Language
from lienthong_client.cli.words_business import BUSINESS

#: English, then Vietnamese
_WORDS: Final[dict[str, tuple[str, str]]] = {
    **BUSINESS,
    "error": ("Error", "Lỗi"),
    "field": ("Field", "Trường"),
    "remedy": ("What to do", "Cách xử lý"),
    "fault": ("The program failed", "Chương trình gặp lỗi"),
    "report_fault": (
        "Run it again with LIENTHONG_TRACEBACK=1 and report what it prints",
        "Chạy lại với LIENTHONG_TRACEBACK=1 và báo lại nội dung hiện ra",
    ),
    "signed": ("Signed", "Đã ký"),
    "signer": ("Signer", "Người ký"),
    "size": ("Size", "Dung lượng"),
    "bytes": ("bytes", "byte"),
    "accepted": ("Accepted by the hub", "Hub đã tiếp nhận"),
    "repeated": (
        "The hub had these very bytes already; this is its first answer",
        "Hub đã có gói tin này từ trước; đây là trả lời lần đầu",
    ),
    "check_clean": ("The hub would take it, for every recipient", "Hub sẽ tiếp nhận, chuyển được đến mọi nơi nhận"),
    "check_partly": (
        "The hub would take it, but not for every recipient",
        "Hub sẽ tiếp nhận, nhưng có nơi nhận không chuyển được",
    ),
    "check_refused": ("The hub would refuse it", "Hub sẽ từ chối"),
    "check_no_trust": (
        "No profile was found: the signature is not verified",
        "Không tìm thấy profile: chưa kiểm tra chữ ký",
    ),
    "check_repeated": ("The hub has these very bytes already, as", "Hub đã có gói tin này, là văn bản"),
    "document": ("Document", "Văn bản"),
    "delivery": ("Delivery", "Lượt gửi"),
    "recipients": ("Recipients", "Nơi nhận"),
    "receipt": ("Receipt", "Biên nhận"),
    "next_track": ("Follow it with", "Theo dõi bằng lệnh"),
    "unnumbered": (
        "No --code was given: the document carries a stand-in number (CHUACAPSO)",
        "Chưa có --code: văn bản mang số tạm (CHUACAPSO)",
    ),
    "inbox_empty": ("Nothing waits.", "Không có văn bản chờ."),
    "inbox_count": ("{count} waiting. Fetch one with: lienthong-agency fetch DELIVERY OUTDIR",
                    "{count} văn bản chờ. Nhận bằng lệnh: lienthong-agency fetch DELIVERY OUTDIR"),
    "following": ("Watching the inbox; Ctrl+C ends.", "Đang theo dõi hộp đến; Ctrl+C để dừng."),
    "interrupted": ("{reason}; trying again in {seconds:.1f} s", "{reason}; thử lại sau {seconds:.1f} giây"),
    "verified": ("Verified by this program", "Chương trình đã tự kiểm tra"),
    "v_signature": ("Signed by {signer}, nothing changed since", "{signer} đã ký, nội dung nguyên vẹn"),
    "v_sender": ("The certificate belongs to the sender {sender} ({binding})",
                 "Chứng thư thuộc cơ quan gửi {sender} ({binding})"),
    "binding_certificate": ("named in it", "ghi trong chứng thư"),
    "binding_relays": ("by the relays' signed word", "theo xác nhận có chữ ký của các nút"),
    "v_chain": ("The transit record is whole: {way}", "Chuỗi trung chuyển đầy đủ: {way}"),
    "v_acceptance": ("The hub accepted it at {at}", "Hub tiếp nhận lúc {at}"),
    "v_consignment": ("Consigned to {recipient} at {at}", "Đã chuyển đến {recipient} lúc {at}"),
    "v_handover": ("Handed over to {recipient} at {at}", "{recipient} đã nhận lúc {at}"),
    "v_failure": ("Not handed over to {recipient}: {outcome} at {at} ({reason})",
                  "Chưa giao được cho {recipient}: {outcome} lúc {at} ({reason})"),
    "from": ("From", "Cơ quan gửi"),
    "number": ("Number", "Số, ký hiệu"),
    "subject": ("Subject", "Trích yếu"),
    "files": ("Files", "Tệp"),
    "content_passed": ("{file}: the bytes the sender signed for", "{file}: đúng nội dung cơ quan gửi đã ký"),
    "content_failed": ("{file}: OTHER bytes than the sender signed for",
                       "{file}: KHÔNG đúng nội dung cơ quan gửi đã ký"),
    "content_missing": ("{file}: not at hand, so its bytes cannot be compared", "{file}: không có tệp để đối chiếu"),
    "content_wanted": ("{file} is not at hand; give --content", "{file}: chưa có tệp; dùng --content"),
    "media_type": ("Media type", "Kiểu tệp"),
    "uploaded": ("Uploaded; name it in a package within days", "Đã tải lên; cần nêu trong gói tin trong vài ngày tới"),
    "pdf_signatures": ("{count} signatures in the PDF itself", "{count} chữ ký trong tệp PDF"),
    "pdf_good": ("{signer}, {at}: unchanged since, trusted", "{signer}, {at}: nguyên vẹn, tin cậy"),
    "pdf_untrusted": ("{signer}, {at}: unchanged since, not trusted here", "{signer}, {at}: nguyên vẹn, chưa tin cậy"),
    "pdf_broken": ("{signer}, {at}: NOT intact", "{signer}, {at}: KHÔNG nguyên vẹn"),
    "next_ack": ("Acknowledge it with", "Xác nhận đã nhận bằng lệnh"),
    "acknowledged": ("Handed over: a signed receipt went to the hub", "Đã nhận: biên nhận có chữ ký đã gửi tới hub"),
    "no_hops": ("no hop yet", "chưa qua nút nào"),
    "nothing_found": ("Nothing found.", "Không tìm thấy."),
    "members": ("Members", "Thành viên"),
    "kept_by": ("Kept by", "Người giữ"),
    "operators": ("the operators", "quản trị hệ thống"),
    "group_kept": ("@{name} is kept: {count} members", "Đã lưu @{name}: {count} thành viên"),
    "group_deleted": ("@{name} is no more", "Đã xóa @{name}"),
    "synced": ("{file}: version {version}, {changed} of {agencies} agencies written",
               "{file}: phiên bản {version}, ghi {changed} trong {agencies} cơ quan"),
    "parent": ("Under", "Trực thuộc"),
    "other_codes": ("Other codes", "Mã khác"),
    "successors": ("Followed by", "Cơ quan kế thừa"),
    "valid": ("In being", "Hiệu lực"),
    "changes": ("To come", "Sắp thay đổi"),
    "verdict": ("Verdict", "Kết luận"),
    "step_skipped": ("not reached", "chưa tới bước này"),
    "no_crls": (
        "no revocation list was given, so revocation was not checked",
        "không có danh sách thu hồi nên chưa kiểm tra thu hồi",
    ),
    "evidence_for": ("Evidence for", "Chứng cứ của"),
    "written": ("Written to", "Đã ghi vào"),
    "verify_later": ("Verify it any time, offline, with", "Kiểm tra lại bất cứ lúc nào, không cần mạng, bằng lệnh"),
    "sending": ("sending", "đang gửi"),
    "fetching": ("fetching", "đang nhận"),
    "code": ("Code", "Mã"),
    "due": ("Due", "Hạn nhận"),
    "received": ("Received", "Đã nhận lúc"),
    "with": ("Sender or recipient", "Cơ quan gửi hoặc nhận"),
    "late_count": ("{count} found.", "Có {count} văn bản."),
    "name": ("Name", "Tên"),
    "tier": ("Tier", "Cấp"),
    "status": ("Status", "Trạng thái"),
}  # fmt: skip

_STATES: Final[dict[str, tuple[str, str]]] = {
    "ACCEPTED": ("accepted", "đã tiếp nhận"),
    "IN_TRANSIT": ("in transit", "đang chuyển"),
    "CONSIGNED": ("in the inbox", "đã vào hộp đến"),
    "HANDED_OVER": ("handed over", "đã nhận"),
    "REFUSED": ("refused", "bị từ chối"),
    "WITHDRAWN": ("withdrawn", "đã thu hồi"),
    "EXPIRED": ("expired", "quá hạn, không được nhận"),
    "QUARANTINED": ("quarantined", "bị cách ly"),
    "DEAD": ("dead letter", "không chuyển được"),
    "PASSED": ("passed", "đạt"),
    "INDETERMINATE": ("undecided", "chưa kết luận được"),
    "FAILED": ("failed", "không đạt"),
}

#: business statuses, QCVN 102:2016
_STATUSES: Final[dict[str, tuple[str, str]]] = {
    "01": ("arrived", "đã đến"),
    "02": ("not accepted", "từ chối tiếp nhận"),
    "03": ("registered", "đã tiếp nhận, vào sổ"),
    "04": ("assigned", "đã phân công xử lý"),
    "05": ("in work", "đang xử lý"),
    "06": ("completed", "đã hoàn thành"),
    "13": ("recall asked", "đề nghị lấy lại"),
    "15": ("recall or update agreed", "đồng ý lấy lại, cập nhật"),
    "16": ("recall or update declined", "từ chối lấy lại, cập nhật"),
}

#: tiers are data; these are the usual ones
_TIERS: Final[dict[str, str]] = {
    "province": "tỉnh",
    "department": "sở, ngành",
    "district": "huyện",
    "commune": "xã",
}

_PRIORITIES: Final[tuple[tuple[str, str], ...]] = (
    ("", ""),
    ("urgent", "KHẨN"),
    ("very urgent", "THƯỢNG KHẨN"),
    ("express", "HỎA TỐC"),
    ("express, timed", "HỎA TỐC HẸN GIỜ"),
)


class Words:
    """The table in one language."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._column = 1 if language == "vi" else 0

    def __call__(self, key: str, **facts: object) -> str:
        """The text for `key`, with its facts filled in."""
        return _WORDS[key][self._column].format(**facts)

    def state(self, state: str) -> str:
        """A transport state or a verdict, for people."""
        return _STATES[state][self._column] if state in _STATES else state

    def status(self, code: str) -> str:
        """A business status with its code."""
        return f"{code} {_STATUSES[code][self._column]}" if code in _STATUSES else code

    def tier(self, tier: str) -> str:
        """A tier, for people."""
        return _TIERS.get(tier, tier) if self.language == "vi" else tier

    def priority(self, number: int) -> str:
        """Empty for an ordinary document."""
        return _PRIORITIES[number][self._column] if 0 <= number < len(_PRIORITIES) else str(number)


def default_language() -> Language:
    """From LIENTHONG_LANG, else from the locale; English where neither says Vietnamese."""
    for name in ("LIENTHONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return "vi" if value.lower().startswith("vi") else "en"
    return "en"
