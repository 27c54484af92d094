"""Which business status may follow which, and what a status that comes late or twice means.

A status is what an office says of a document it received (01 to 06), what the sender asks of it (13), and what
the office answers (15, 16). It never moves a delivery: transport has states of its own (domain/delivery.py).
`FOLLOWERS` is the one table; docs/states.md draws it. Offices skip steps (03 without 01 is usual), repeat
themselves, and their packages overtake each other: two statuses are ordered by Timestamp, then by rank.
Source: the status samples of the national axis (SDK 2.0.1); Quyết định 28/2018/QĐ-TTg.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from lienthong.errors import Code, Refusal

_VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class StatusCode(StrEnum):
    """The codes of the national axis, in the order of their rank."""

    ARRIVED = "01"  #: in the receiver's software, no clerk has looked at it
    REJECTED = "02"  #: the clerk refuses it, with a reason
    REGISTERED = "03"  #: accepted and entered in the register of incoming documents
    ASSIGNED = "04"  #: a leader assigned it
    PROCESSING = "05"  #: being processed
    COMPLETED = "06"  #: processing is complete
    TAKE_BACK = "13"  #: its sender asks for it back
    AGREED = "15"  #: the receiver's clerk agrees to the recall or update asked for
    DECLINED = "16"  #: the receiver's clerk declines it


_S = StatusCode

#: what a recipient says of its own work; the others ask and answer
PROGRESS = frozenset({_S.ARRIVED, _S.REJECTED, _S.REGISTERED, _S.ASSIGNED, _S.PROCESSING, _S.COMPLETED})
ANSWERS = frozenset({_S.AGREED, _S.DECLINED})

#: status (None: none yet) -> statuses that may come after it
FOLLOWERS: dict[StatusCode | None, frozenset[StatusCode]] = {
    None: PROGRESS,
    _S.ARRIVED: PROGRESS - {_S.ARRIVED},
    _S.REJECTED: frozenset(),
    _S.REGISTERED: frozenset({_S.ASSIGNED, _S.PROCESSING, _S.COMPLETED}),
    _S.ASSIGNED: frozenset({_S.PROCESSING, _S.COMPLETED}),
    _S.PROCESSING: frozenset({_S.COMPLETED}),
    _S.COMPLETED: frozenset(),
}


class Step(StrEnum):
    """What a status does to the one before it."""

    APPLIED = "APPLIED"  #: it is the delivery's status now
    REPEATED = "REPEATED"  #: it was so already
    LATE = "LATE"  #: something later was known already: kept in the history, changes nothing


def read_code(written: str) -> tuple[StatusCode, bool]:
    """The code meant, and whether it was written otherwise: 14, which a public C# sample sends, means 15.

    Raises `Refusal` STATUS_ILLEGAL for a code the axis does not know.
    """
    if written == "14":
        return _S.AGREED, True
    try:
        return StatusCode(written), False
    except ValueError as error:
        raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=written) from error


def step(current: StatusCode | None, since: datetime | None, new: StatusCode, at: datetime) -> Step:
    """What `new`, said at `at`, does to `current`, said at `since`. Raises `Refusal` STATUS_ILLEGAL.

    A step back is late when it was said before the present status, and refused when it was said after it.
    """
    if new in FOLLOWERS[current]:
        return Step.APPLIED
    if new is current:
        return Step.REPEATED
    if current in FOLLOWERS.get(new, ()) and since is not None and _not_after(at, since):
        return Step.LATE
    detail = f"{current or '-'} → {new}"
    raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=detail)


def _not_after(at: datetime, since: datetime) -> bool:
    """Some systems write the day alone, as midnight: then the days decide."""
    here, there = at.astimezone(_VIETNAM), since.astimezone(_VIETNAM)
    if _is_midnight(here) or _is_midnight(there):
        return here.date() <= there.date()
    return here <= there


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)
