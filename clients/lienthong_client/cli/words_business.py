"""What the program says of statuses, recalls and changes, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

#: English, then Vietnamese
BUSINESS: Final[dict[str, tuple[str, str]]] = {
    "warning": ("Note", "Lưu ý"),
    "status_said": ("Said: {status}", "Đã gửi trạng thái: {status}"),
    "recall_withdrawn": (
        "stopped at {node}, at {at}; never handed over",
        "đã chặn tại {node} lúc {at}; chưa giao",
    ),
    "recall_inbox": (
        "taken out of the inbox at {at}; never handed over",
        "đã rút khỏi hộp đến lúc {at}; chưa giao",
    ),
    "recall_asked": ("read already at {at}: its clerk is asked", "đã nhận lúc {at}: đã hỏi văn thư bên nhận"),
    "recall_pending": ("being withdrawn", "đang rút lại"),
    "recall_moot": ("had ended another way", "đã kết thúc trước đó"),
    "recall_none": ("No recipient is left to recall it from.", "Không còn nơi nhận nào để thu hồi."),
    "request_RECALL": ("recall", "thu hồi"),
    "request_UPDATE": ("update", "cập nhật"),
    "request_REPLACE": ("replacement", "thay thế"),
    "request_PENDING": ("pending", "đang xử lý"),
    "request_WITHDRAWN": ("withdrawn before hand-over", "đã rút trước khi giao"),
    "request_ASKED": ("the clerk is asked", "chờ văn thư trả lời"),
    "request_AGREED": ("agreed", "đồng ý"),
    "request_DECLINED": ("declined", "từ chối"),
    "request_SUPERSEDED": ("superseded", "đã bị thay thế"),
    "request_MOOT": ("had ended another way", "đã kết thúc trước đó"),
    "notice_RECALL_WITHDRAWN": ("recalled, do not use it", "đã thu hồi, không sử dụng"),
    "notice_RECALL_ASKED": (
        "its sender asks for it back; answer: lienthong-agency status {document} 15 (or 16)",
        "nơi gửi đề nghị lấy lại; trả lời: lienthong-agency status {document} 15 (hoặc 16)",
    ),
    "notice_UPDATE_ASKED": (
        "its sender corrects it by {by}; answer: lienthong-agency status {document} 15 (or 16)",
        "nơi gửi cập nhật bằng {by}; trả lời: lienthong-agency status {document} 15 (hoặc 16)",
    ),
    "notice_REPLACE_SUPERSEDED": ("replaced by {by}", "đã bị thay thế bằng {by}"),
    "notice_onward": (
        "you passed it on as {copies}: recall that too if it holds there",
        "đơn vị đã chuyển tiếp bằng {copies}: xem xét thu hồi cả văn bản đó",
    ),
    "notice_count": (
        "{count} recalled, replaced or asked about. Seen? lienthong-agency ack DELIVERY",
        "{count} văn bản bị thu hồi, thay thế hoặc chờ trả lời. Đã xem: lienthong-agency ack DELIVERY",
    ),
    "notice_seen": ("Seen: {what}. The inbox shows it no more", "Đã xem: {what}. Hộp đến không hiện nữa"),
    "figures_of": ("{name}, {month}", "{name}, tháng {month}"),
    "figures_sent": ("Sent", "Đã gửi"),
    "figures_received": ("Received", "Đã đến"),
    "figures_on_time": ("  within the day", "  tiếp nhận trong ngày"),
    "figures_late": ("  late", "  trễ"),
    "figures_waiting": ("  not received, day not over", "  chưa tiếp nhận, còn hạn"),
    "figures_withdrawn": ("  recalled or refused before", "  thu hồi hoặc từ chối trước đó"),
    "watching": ("Watching for changes; Ctrl+C ends.", "Đang theo dõi thay đổi; Ctrl+C để dừng."),
}
