"""How a refusal travels: `Refusal`, `HubFault` and surprises as google.rpc.Status, and nothing internal with them.

On the wire (for clients in any language; `lienthong_client/errors.py` reads it back into a `Refusal`):

- the gRPC status is the catalogue's; `grpc-status-details-bin` holds a google.rpc.Status with
- ErrorInfo: `reason` = catalogue code, `domain` = "lienthong", `metadata`: `retryable` ("true" or "false"),
  `message_vi`, `message_en`, `remedy_vi`, `remedy_en`, and where they apply `field`, `detail`, `rule`, `reference`;
- LocalizedMessage: the message in the language of the request's `accept-language`;
- BadRequest with one violation (`field`, `description`, `reason`) where a field is at fault;
- RetryInfo where the same request may succeed later.

Trailers of more than 8 KB are dropped by most clients, so the facts of a case are cut to fit. A fault of ours is told
by its reference only: the id under which the log has the rest.
"""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from lienthong.errors import CATALOGUE, Code, HubFault, Language, Refusal

DOMAIN: Final = "lienthong"
DETAILS_KEY: Final = "grpc-status-details-bin"
MAX_FACT: Final = 400  # bytes of UTF-8 for `detail` and for `field`
ELLIPSIS: Final = "…"

#: seconds before a retry makes sense, where the refusal itself does not say
RETRY_AFTER: Final[dict[Code, float]] = {
    Code.RATE_LIMITED: 1.0,
    Code.UNAVAILABLE: 5.0,
    Code.INTERNAL: 30.0,
    Code.REVOCATION_UNKNOWN: 300.0,
}


class SlowDown(Refusal):
    """A refusal that knows when to come back: `retry_after` seconds."""

    def __init__(self, code: Code, *, detail: str | None = None, retry_after: float) -> None:
        super().__init__(code, detail=detail)
        self.retry_after = retry_after


class DeadlinePassed(Exception):
    """The client's own deadline passed; it has stopped listening."""


def clip(text: str) -> str:
    """`text` in at most `MAX_FACT` bytes of UTF-8, cut at a character."""
    if len(text.encode()) <= MAX_FACT:
        return text
    room = MAX_FACT - len(ELLIPSIS.encode())
    return text.encode()[:room].decode(errors="ignore") + ELLIPSIS


def refusal_of(error: Exception, *, reference: str) -> Refusal:
    """What the peer may know of `error`: a refusal as it is; of a fault of ours only the reference."""
    if isinstance(error, Refusal):
        return error
    code = Code.UNAVAILABLE if isinstance(error, HubFault) else Code.INTERNAL
    return Refusal(code, detail=f"reference {reference}")


def status_of(refusal: Refusal, *, language: Language, reference: str | None = None) -> status_pb2.Status:
    """The refusal as google.rpc.Status; `reference` is given for faults of ours."""
    entry = CATALOGUE[refusal.code]
    field = clip(refusal.field) if refusal.field else None
    detail = clip(refusal.detail) if refusal.detail else None
    told = Refusal(refusal.code, field=field, detail=detail)
    facts = {"field": field, "detail": detail, "rule": refusal.rule, "reference": reference}
    info = error_details_pb2.ErrorInfo(
        reason=refusal.code,
        domain=DOMAIN,
        metadata={
            **{key: value for key, value in facts.items() if value},
            "retryable": "true" if entry.retryable else "false",
            "message_vi": told.message("vi"),
            "message_en": told.message("en"),
            "remedy_vi": entry.remedy_vi,
            "remedy_en": entry.remedy_en,
        },
    )
    details: list[Message] = [
        info,
        error_details_pb2.LocalizedMessage(locale=language, message=told.message(language)),
    ]
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=field, description=detail or entry.en, reason=refusal.code
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if entry.retryable:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(_retry_after(refusal) * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    number = grpc.StatusCode[entry.grpc_status].value[0]
    return status_pb2.Status(
        code=number, message=told.message("en"), details=[_pack(each) for each in details]
    )


def _retry_after(refusal: Refusal) -> float:
    if isinstance(refusal, SlowDown):
        return max(refusal.retry_after, 0.001)
    return RETRY_AFTER[refusal.code]


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
