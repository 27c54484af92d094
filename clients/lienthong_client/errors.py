"""What comes back instead of an answer: the hub's own `Refusal` rebuilt, or `Unreachable`.

A refusal carries google.rpc.ErrorInfo (reason = catalogue code, domain "lienthong", metadata `field`, `detail` and
`rule`); it becomes the same `lienthong.errors.Refusal` the hub raised. A failed connection carries none.
"""

from __future__ import annotations

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from lienthong.errors import Code, Language, LienthongError, Refusal

_DETAILS_KEY = "grpc-status-details-bin"
_DOMAIN = "lienthong"

#: statuses of gRPC's own that still say whose fault it is; every other one means no hub answered. INTERNAL without
#: our details is the library's own ("Internal error from Core"): the connection went away under a call
_PLAIN = {
    grpc.StatusCode.INVALID_ARGUMENT: Code.ARGUMENT_INVALID,
    grpc.StatusCode.NOT_FOUND: Code.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED: Code.NOT_PERMITTED,
    grpc.StatusCode.UNAUTHENTICATED: Code.UNAUTHENTICATED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Code.RATE_LIMITED,
}


class Misuse(Refusal):
    """What was handed to this library cannot be used: a profile, a draft, a file. Nothing was sent."""

    def message(self, language: Language) -> str:
        """The facts alone: the catalogue speaks of requests, and none was made."""
        return self.detail or super().message(language)


class Unproven(Refusal):
    """The hub said yes, but its signed acceptance does not verify: the document may be on its way.

    Not the document's fault, and no reason to make another one: submit the same bytes again.
    """


class Unreachable(LienthongError):
    """No hub answered at `address`: nothing is known about what it did, so repeat only what may be repeated.

    `timed_out` is True when a whole deadline passed, which makes trying again at once pointless.
    """

    code = Code.UNAVAILABLE

    def __init__(self, address: str, detail: str, *, timed_out: bool = False) -> None:
        self.address = address
        self.detail = detail
        self.timed_out = timed_out
        super().__init__(self.message("en"))

    def message(self, language: Language) -> str:
        """What happened, with the address."""
        if language == "vi":
            return f"Không kết nối được tới hub tại {self.address} ({self.detail})"
        return f"The hub at {self.address} cannot be reached ({self.detail})"

    def remedy(self, language: Language) -> str:
        """How to find out why."""
        host, _, port = self.address.rpartition(":")
        if language == "vi":
            return (
                f"Kiểm tra: hub có đang chạy không, địa chỉ [hub] trong profile, mạng (nc -vz {host} {port}), "
                f"chứng thư (openssl s_client -connect {self.address})"
            )
        return (
            f"Check that the hub runs, the address under [hub] in the profile, the network (nc -vz {host} {port}) "
            f"and the certificates (openssl s_client -connect {self.address})"
        )


def from_rpc_error(error: grpc.aio.AioRpcError, address: str) -> Refusal | Unreachable:
    """The error to raise for a failed call."""
    refusal = _refusal(error)
    if refusal is not None:
        return refusal
    status = error.code()
    if status in _PLAIN:
        return Refusal(_PLAIN[status], detail=_short(error.details()))
    reason = _short(error.details())
    return Unreachable(
        address,
        reason if status is grpc.StatusCode.UNAVAILABLE else f"{status.name}: {reason}",
        timed_out=status is grpc.StatusCode.DEADLINE_EXCEEDED,
    )


def to_refusal(packed: bytes) -> Refusal:
    """The refusal in a serialised google.rpc.Status; UNAVAILABLE, so that it is tried again, where it has none."""
    return _unpacked(packed, retryable=True) or Refusal(
        Code.UNAVAILABLE, detail="an answer without its reason"
    )


def _refusal(error: grpc.aio.AioRpcError) -> Refusal | None:
    packed = next((value for key, value in error.trailing_metadata() or () if key == _DETAILS_KEY), None)
    if not isinstance(packed, bytes):
        return None
    return _unpacked(packed, retryable=error.code() is grpc.StatusCode.UNAVAILABLE)


def _unpacked(packed: bytes, *, retryable: bool) -> Refusal | None:
    info = error_details_pb2.ErrorInfo()
    try:
        status = status_pb2.Status.FromString(packed)
        if not any(any_.Unpack(info) for any_ in status.details) or info.domain != _DOMAIN:
            return None
    except DecodeError:
        return None
    field = info.metadata.get("field")
    detail = info.metadata.get("detail")
    if info.reason not in Code.__members__:  # a newer hub's code: keep its name visible
        facts = f"{info.reason}: {detail or status.message}"
        retry = retryable and info.metadata.get("retryable") != "false"
        return Refusal(Code.UNAVAILABLE if retry else Code.ARGUMENT_INVALID, field=field, detail=facts)
    rule = info.metadata.get("rule")
    return Refusal(Code(info.reason), field=field or None, detail=detail or None, rule=rule or None)


def _short(text: str | None) -> str:
    """The part of gRPC's own words that says why."""
    words = (text or "no details").strip()
    return words.rpartition("last error: ")[2].removeprefix("UNKNOWN: ")[:300]
