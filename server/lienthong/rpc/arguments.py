"""Are the arguments of a request sensible? Every check returns the value as the hub takes it, or ARGUMENT_INVALID."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from lienthong.errors import Code, Refusal

_Choice = TypeVar("_Choice", bound=StrEnum)

_CONTROL = re.compile(
    r"[\x00-\x1f\x7f]"
)  # no id, code, name or reason holds them, and PostgreSQL takes no NUL
_SHA256 = re.compile(r"[0-9a-f]{64}")


def invalid(field: str, detail: str) -> Refusal:
    """ARGUMENT_INVALID for `field`."""
    return Refusal(Code.ARGUMENT_INVALID, field=field, detail=detail)


def text(value: str, field: str, *, longest: int = 500) -> str:
    """Free text, stripped, "" where absent."""
    value = value.strip()
    if len(value) > longest:
        raise invalid(field, f"longer than {longest} characters")
    if _CONTROL.search(value):
        raise invalid(field, "control characters")
    return value


def required(value: str, field: str, *, longest: int = 500) -> str:
    """Text that may not be empty: an id, a code, a reason."""
    value = text(value, field, longest=longest)
    if not value:
        raise invalid(field, "missing")
    return value


def optional(value: str, field: str) -> str | None:
    """Text, None where absent."""
    return text(value, field) or None


def sha256(value: str, field: str = "sha256") -> str:
    """A digest in lower-case hex."""
    if not _SHA256.fullmatch(value):
        raise invalid(field, "not a SHA-256 in lower-case hex")
    return value


def choice(value: str, field: str, kind: type[_Choice], *, default: _Choice | None = None) -> _Choice:
    """One of the values of `kind`; `default` for "" where given."""
    if not value and default is not None:
        return default
    try:
        return kind(value)
    except ValueError as error:
        raise invalid(field, f"one of {', '.join(kind)}") from error


def one_of(value: str, field: str, values: tuple[str, ...]) -> str:
    """One of `values`."""
    if value not in values:
        raise invalid(field, f"one of {', '.join(values)}")
    return value


def count(value: int, *, default: int, most: int) -> int:
    """How many to answer with: `default` for 0, never more than `most`."""
    return min(value or default, most)


def moment(request: Message, field: str) -> datetime | None:
    """The request's timestamp `field` in UTC, None where absent."""
    if not request.HasField(field):
        return None
    stamp: Timestamp = getattr(request, field)
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise invalid(field, "not a time") from error


def day(value: str, field: str) -> date | None:
    """yyyy-MM-dd, None for ""."""
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise invalid(field, "not a date as yyyy-MM-dd") from error
