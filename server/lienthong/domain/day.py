"""Which day is it in Vietnam? Dates of the directory, of documents and of deadlines are all meant so."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])", re.ASCII)


def day_of(moment: datetime) -> date:
    """The day of an aware moment in Vietnam."""
    return moment.astimezone(VIETNAM).date()


def read_day(text: str) -> date:
    """A day as yyyy-MM-dd, nothing else. Raises ValueError."""
    if _DAY.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not yyyy-MM-dd")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no day: {error}") from error


def read_month(text: str) -> date:
    """The first day of a month as yyyy-MM. Raises ValueError."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a month as yyyy-MM")
    return date(int(found[1]), int(found[2]), 1)
