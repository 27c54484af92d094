"""What can go wrong, under which name, and what the sender should do about it.

One catalogue: code, gRPC status, HTTP status, retryable, public text and remedy in Vietnamese and
English. Codes are stable: programs of other agencies branch on them. `docs/errors.md` is drawn from
this table. Internals (paths, SQL, stack traces) never go into a `Refusal`; they go to the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Language = Literal["vi", "en"]


class Code(StrEnum):
    """Stable names of everything the hub can answer besides yes."""

    XML_MALFORMED = "XML_MALFORMED"
    XML_DOCTYPE_REFUSED = "XML_DOCTYPE_REFUSED"
    XML_TOO_LARGE = "XML_TOO_LARGE"
    XML_TOO_DEEP = "XML_TOO_DEEP"
    XML_NOT_EDXML = "XML_NOT_EDXML"
    SCHEMA_INVALID = "SCHEMA_INVALID"
    RULE_VIOLATED = "RULE_VIOLATED"
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    SIGNATURE_MULTIPLE = "SIGNATURE_MULTIPLE"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    SIGNATURE_ALGORITHM_REFUSED = "SIGNATURE_ALGORITHM_REFUSED"
    SIGNATURE_COVERAGE = "SIGNATURE_COVERAGE"
    CERTIFICATE_UNTRUSTED = "CERTIFICATE_UNTRUSTED"
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    CERTIFICATE_REVOKED = "CERTIFICATE_REVOKED"
    REVOCATION_UNKNOWN = "REVOCATION_UNKNOWN"
    SIGNER_NOT_SENDER = "SIGNER_NOT_SENDER"
    CALLER_NOT_SENDER = "CALLER_NOT_SENDER"
    DOCUMENT_CONFLICT = "DOCUMENT_CONFLICT"
    RECIPIENT_UNKNOWN = "RECIPIENT_UNKNOWN"
    RECIPIENT_CLOSED = "RECIPIENT_CLOSED"
    RECIPIENT_LOCKED = "RECIPIENT_LOCKED"
    ATTACHMENT_MISMATCH = "ATTACHMENT_MISMATCH"
    ATTACHMENT_BOMB = "ATTACHMENT_BOMB"
    CHAIN_BROKEN = "CHAIN_BROKEN"
    RECIPIENTS_ALTERED = "RECIPIENTS_ALTERED"
    ROUTE_MISSING = "ROUTE_MISSING"
    STATUS_ILLEGAL = "STATUS_ILLEGAL"
    STATE_ILLEGAL = "STATE_ILLEGAL"
    DOCUMENT_RECALLED = "DOCUMENT_RECALLED"
    DOCUMENT_SUPERSEDED = "DOCUMENT_SUPERSEDED"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    ARGUMENT_INVALID = "ARGUMENT_INVALID"
    NOT_FOUND = "NOT_FOUND"
    NOT_PERMITTED = "NOT_PERMITTED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    RATE_LIMITED = "RATE_LIMITED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue."""

    grpc_status: str  #: name of the grpc.StatusCode
    http_status: int
    retryable: bool  #: may the same bytes succeed later, with nothing changed by the sender?
    vi: str
    en: str
    remedy_vi: str
    remedy_en: str


def _refused(vi: str, en: str, remedy_vi: str, remedy_en: str) -> Entry:
    return Entry("INVALID_ARGUMENT", 422, False, vi, en, remedy_vi, remedy_en)


CATALOGUE: dict[Code, Entry] = {
    Code.XML_MALFORMED: _refused(
        "Tệp không phải XML hợp lệ",
        "The file is not well-formed XML",
        "Xuất lại tệp từ phần mềm eOffice; không sửa tệp bằng tay",
        "Export the file again from the eOffice system; do not edit it by hand",
    ),
    Code.XML_DOCTYPE_REFUSED: _refused(
        "Tệp chứa khai báo DOCTYPE, không được chấp nhận",
        "The file has a DOCTYPE declaration, which is never accepted",
        "Bỏ khai báo DOCTYPE và mọi thực thể (entity)",
        "Remove the DOCTYPE declaration and every entity",
    ),
    Code.XML_TOO_LARGE: _refused(
        "Gói tin vượt quá giới hạn kích thước",
        "The package is over a size limit",
        "Giảm dung lượng tệp đính kèm hoặc tách thành nhiều văn bản",
        "Make the attachments smaller or split the document",
    ),
    Code.XML_TOO_DEEP: _refused(
        "Cấu trúc XML lồng nhau quá sâu",
        "The XML is nested too deeply",
        "Xuất lại tệp đúng cấu trúc edXML",
        "Export the file again in edXML's own structure",
    ),
    Code.XML_NOT_EDXML: _refused(
        "Tệp không theo định dạng edXML của QCVN 102:2016/BTTTT",
        "The file is not edXML as in QCVN 102:2016/BTTTT",
        "Dùng không gian tên http://www.mic.gov.vn/TBT/QCVN_102_2016",
        "Use the namespace http://www.mic.gov.vn/TBT/QCVN_102_2016",
    ),
    Code.SCHEMA_INVALID: _refused(
        "Gói tin không đúng lược đồ edXML",
        "The package does not follow the edXML schema",
        "Sửa trường được nêu rồi ký và gửi lại",
        "Correct the named field, sign and send again",
    ),
    Code.RULE_VIOLATED: _refused(
        "Gói tin vi phạm quy tắc nghiệp vụ",
        "The package breaks a business rule",
        "Sửa trường được nêu theo quy tắc rồi ký và gửi lại",
        "Correct the named field as the rule says, sign and send again",
    ),
    Code.SIGNATURE_MISSING: _refused(
        "Gói tin chưa được ký số",
        "The package carries no XML signature",
        "Ký gói tin bằng chứng thư số của cơ quan (lienthong-agency sign)",
        "Sign the package with the agency's certificate (lienthong-agency sign)",
    ),
    Code.SIGNATURE_MULTIPLE: _refused(
        "Gói tin có nhiều hơn một chữ ký XML",
        "The package carries more than one XML signature",
        "Chỉ để lại một phần tử ds:Signature trong edXMLHeader",
        "Leave exactly one ds:Signature, in edXMLHeader",
    ),
    Code.SIGNATURE_INVALID: _refused(
        "Chữ ký số không hợp lệ: nội dung đã bị thay đổi sau khi ký",
        "The signature is invalid: the content was changed after signing",
        "Không chỉnh sửa gói tin sau khi ký; ký lại từ bản gốc",
        "Do not change the package after signing; sign the original again",
    ),
    Code.SIGNATURE_ALGORITHM_REFUSED: _refused(
        "Chữ ký dùng thuật toán không được chấp nhận",
        "The signature uses an algorithm that is not accepted",
        "Dùng RSA từ 2048 bit hoặc ECDSA P-256/P-384, SHA-256 trở lên và exclusive C14N",
        "Use RSA of 2048 bits or more or ECDSA P-256/P-384, SHA-256 or stronger and exclusive C14N",
    ),
    Code.SIGNATURE_COVERAGE: _refused(
        "Chữ ký không bao phủ toàn bộ gói tin",
        "The signature does not cover the whole package",
        'Ký toàn bộ gói tin: một Reference URI="", phép biến đổi enveloped-signature',
        'Sign the whole package: one Reference URI="" with the enveloped-signature transform',
    ),
    Code.CERTIFICATE_UNTRUSTED: _refused(
        "Chứng thư số không thuộc chuỗi tin cậy của hệ thống",
        "The certificate does not chain to a trusted authority",
        "Dùng chứng thư số do tổ chức chứng thực được công nhận cấp",
        "Use a certificate issued by a recognised certification authority",
    ),
    Code.CERTIFICATE_EXPIRED: _refused(
        "Chứng thư số đã hết hạn hoặc chưa có hiệu lực",
        "The certificate has expired or is not valid yet",
        "Gia hạn chứng thư số của cơ quan rồi ký lại",
        "Renew the agency's certificate and sign again",
    ),
    Code.CERTIFICATE_REVOKED: _refused(
        "Chứng thư số đã bị thu hồi",
        "The certificate has been revoked",
        "Dùng chứng thư số còn hiệu lực; liên hệ quản trị hệ thống",
        "Use a certificate in force; ask the administrator",
    ),
    Code.REVOCATION_UNKNOWN: Entry(
        "UNAVAILABLE",
        503,
        True,
        "Chưa kiểm tra được tình trạng thu hồi của chứng thư số",
        "It could not be checked whether the certificate is revoked",
        "Thử lại sau; quản trị viên cập nhật danh sách thu hồi (CRL)",
        "Try again later; the administrator should update the revocation list (CRL)",
    ),
    Code.SIGNER_NOT_SENDER: Entry(
        "PERMISSION_DENIED",
        403,
        False,
        "Chứng thư ký không thuộc cơ quan gửi ghi trong văn bản",
        "The signing certificate is not bound to the agency named as sender",
        "Ký bằng chứng thư của chính cơ quan gửi, hoặc đăng ký chứng thư với hệ thống",
        "Sign with the sending agency's own certificate, or have the certificate bound to it",
    ),
    Code.CALLER_NOT_SENDER: Entry(
        "PERMISSION_DENIED",
        403,
        False,
        "Cơ quan kết nối không phải là cơ quan gửi ghi trong văn bản",
        "The connected agency is not the one named as sender",
        "Gửi bằng kết nối (hồ sơ) của chính cơ quan gửi",
        "Send over the sending agency's own connection (profile)",
    ),
    Code.DOCUMENT_CONFLICT: Entry(
        "ALREADY_EXISTS",
        409,
        False,
        "Mã văn bản này đã được gửi với nội dung khác",
        "This DocumentId was already sent with other content",
        "Dùng mã văn bản mới, hoặc gửi gói cập nhật (BussinessDocType 2)",
        "Use a new DocumentId, or send an update package (BussinessDocType 2)",
    ),
    Code.RECIPIENT_UNKNOWN: _refused(
        "Mã định danh cơ quan nhận không có trong danh mục",
        "The recipient's code is not in the directory",
        "Tra lại mã định danh (lienthong-agency agencies find)",
        "Look the code up (lienthong-agency agencies find)",
    ),
    Code.RECIPIENT_CLOSED: _refused(
        "Cơ quan nhận đã ngừng hoạt động",
        "The recipient agency is closed",
        "Gửi tới cơ quan kế thừa được nêu",
        "Send to the successor that is named",
    ),
    Code.RECIPIENT_LOCKED: _refused(
        "Cơ quan nhận đang bị tạm khóa",
        "The recipient agency is locked",
        "Liên hệ quản trị hệ thống hoặc gửi lại sau",
        "Ask the administrator, or send again later",
    ),
    Code.ATTACHMENT_MISMATCH: _refused(
        "Tệp đính kèm không khớp với danh mục trong gói tin",
        "The attachments do not match the package's manifest",
        "Mỗi Reference cần đúng một Attachment cùng ContentId và AttachmentName, mã hóa base64",
        "Each Reference needs exactly one Attachment with the same ContentId and AttachmentName, in base64",
    ),
    Code.ATTACHMENT_BOMB: _refused(
        "Tệp nén đính kèm không an toàn",
        "A compressed attachment is unsafe to open",
        "Nén lại tệp theo cách thông thường: một tệp duy nhất trong mỗi tệp zip",
        "Compress the file in the ordinary way: a single entry in each zip",
    ),
    Code.CHAIN_BROKEN: _refused(
        "Chuỗi xác nhận của các nút trung chuyển không hợp lệ",
        "The chain of hop records is broken",
        "Quản trị viên kiểm tra nút trước và phát hành lại từ bản lưu",
        "The administrator should look at the previous node and release the stored original",
    ),
    Code.RECIPIENTS_ALTERED: _refused(
        "Danh sách nơi nhận của bản tin trung chuyển đã bị thay đổi",
        "The recipients of the transit message were altered",
        "Quản trị viên kiểm tra nút trước và phát hành lại từ bản lưu",
        "The administrator should look at the previous node and release the stored original",
    ),
    Code.ROUTE_MISSING: _refused(
        "Không có đường đi tới cơ quan nhận",
        "There is no route to the recipient",
        "Quản trị viên kiểm tra quan hệ cấp trên trong danh mục cơ quan",
        "The administrator should check the parents in the directory",
    ),
    Code.STATUS_ILLEGAL: Entry(
        "FAILED_PRECONDITION",
        409,
        False,
        "Trạng thái này không được phép ở bước hiện tại",
        "This status is not allowed at the current step",
        "Kiểm tra trạng thái hiện tại của văn bản (lienthong-agency track)",
        "Look at the document's current status (lienthong-agency track)",
    ),
    Code.STATE_ILLEGAL: Entry(
        "FAILED_PRECONDITION",
        409,
        False,
        "Thao tác này không được phép ở trạng thái hiện tại",
        "This act is not allowed in the current state",
        "Xem trạng thái hiện tại rồi thử thao tác phù hợp",
        "Look at the current state and choose an act that fits it",
    ),
    Code.DOCUMENT_RECALLED: Entry(
        "FAILED_PRECONDITION",
        409,
        False,
        "Văn bản đã được nơi gửi thu hồi",
        "The document was taken back by its sender",
        "Không dùng văn bản này nữa; lý do thu hồi có trong inbox và track",
        "Use it no more; inbox and track show why it was taken back",
    ),
    Code.DOCUMENT_SUPERSEDED: Entry(
        "FAILED_PRECONDITION",
        409,
        False,
        "Văn bản đã bị thay thế bằng văn bản khác",
        "Another document stands in this one's place",
        "Nhận và dùng văn bản thay thế",
        "Fetch and use the document that replaces it",
    ),
    Code.DEADLINE_PASSED: Entry(
        "FAILED_PRECONDITION",
        409,
        False,
        "Văn bản không được nhận trước thời hạn",
        "The document was not received by its deadline",
        "Nơi nhận: đề nghị nơi gửi gửi lại. Nơi gửi: liên hệ nơi nhận rồi gửi lại văn bản",
        "Recipient: ask the sender to send it again. Sender: get in touch with the recipient, then send it anew",
    ),
    Code.ARGUMENT_INVALID: Entry(
        "INVALID_ARGUMENT",
        400,
        False,
        "Yêu cầu có tham số không hợp lệ",
        "The request has an invalid argument",
        "Sửa tham số được nêu",
        "Correct the named argument",
    ),
    Code.NOT_FOUND: Entry(
        "NOT_FOUND",
        404,
        False,
        "Không tìm thấy",
        "Not found",
        "Kiểm tra lại mã",
        "Check the identifier",
    ),
    Code.NOT_PERMITTED: Entry(
        "PERMISSION_DENIED",
        403,
        False,
        "Không có quyền thực hiện",
        "Not permitted",
        "Dùng hồ sơ có quyền phù hợp",
        "Use a profile that has the right",
    ),
    Code.UNAUTHENTICATED: Entry(
        "UNAUTHENTICATED",
        401,
        False,
        "Chứng thư kết nối chưa được đăng ký",
        "The connection's certificate is not registered",
        "Quản trị viên đăng ký chứng thư (lienthong certificates bind)",
        "The administrator should bind the certificate (lienthong certificates bind)",
    ),
    Code.RATE_LIMITED: Entry(
        "RESOURCE_EXHAUSTED",
        429,
        True,
        "Quá nhiều yêu cầu",
        "Too many requests",
        "Thử lại sau ít phút",
        "Try again in a few minutes",
    ),
    Code.UNAVAILABLE: Entry(
        "UNAVAILABLE",
        503,
        True,
        "Hệ thống tạm thời không phục vụ được",
        "The system cannot serve this just now",
        "Thử lại sau; gửi lại đúng tệp đã ký không bao giờ tạo ra văn bản thứ hai",
        "Try again later; sending the same signed file again never makes a second document",
    ),
    Code.INTERNAL: Entry(
        "INTERNAL",
        500,
        True,
        "Lỗi nội bộ của hệ thống",
        "Internal fault of the hub",
        "Báo cho quản trị viên mã tham chiếu này",
        "Report the reference to the administrator",
    ),
}


class LienthongError(Exception):
    """Base of everything this project raises on purpose."""


class Refusal(LienthongError):
    """A stable, public answer other than yes.

    `field` is an edXML path such as ``MessageHeader/To[2]/OrganId`` or an argument's name. `detail` holds
    facts (a value, a line number, a rule's name), never internals: the peer will read it. `rule` is the name of the
    broken rule (docs/rules.md), for RULE_VIOLATED and what is wrong with files.
    """

    def __init__(
        self, code: Code, *, field: str | None = None, detail: str | None = None, rule: str | None = None
    ) -> None:
        self.code = code
        self.field = field
        self.detail = detail
        self.rule = rule
        super().__init__(self.message("en"))

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without a change by the caller."""
        return CATALOGUE[self.code].retryable

    def message(self, language: Language) -> str:
        """What happened, with the facts of this case, as one sentence."""
        entry = CATALOGUE[self.code]
        text = entry.vi if language == "vi" else entry.en
        return f"{text} ({self.detail})" if self.detail else text

    def remedy(self, language: Language) -> str:
        """What the reader should do."""
        entry = CATALOGUE[self.code]
        return entry.remedy_vi if language == "vi" else entry.remedy_en


class HubFault(LienthongError):
    """Ours, not the peer's: the store, the blobs or the broker failed. We retry; the peer sees UNAVAILABLE."""


def let_go(refusal: Refusal) -> None:
    """Take the traceback off a refusal and its causes: its frames hold the tree of the refused package.

    Futures hold errors and are held by those frames: such a ring is found by the garbage collector alone, which counts
    objects, not bytes. A refusal's place in our code is of no interest; what the peer did is in its detail.
    """
    error: BaseException | None = refusal
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
