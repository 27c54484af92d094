"""Which day is it in Vietnam? Dates of the directory, of documents and of deadlines are all meant so."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def day_of(moment: datetime) -> date:
    """The day of an aware moment in Vietnam."""
    return moment.astimezone(VIETNAM).date()
