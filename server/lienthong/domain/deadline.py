"""By when does a delivery end, whatever happens, and by when should its recipient have received it?

Two moments, and they are not the same. The *deadline* follows from the document's urgency and is fixed when the
document is accepted: at the deadline a delivery that has not ended becomes EXPIRED, and its sender holds signed
evidence of it. The *receipt duty* is the law's: the recipient tells the sender within the day that the document
came (Nghị định 30/2020/NĐ-CP, article 21.2); it is fixed when the document lies in the inbox. To miss the duty is to be
late, and ends nothing.

The usual deadlines leave even the most urgent document one whole working day: an expired document must be sent
anew, and a document about a flood must not vanish from a commune's inbox over a weekend. Whoever waits for an
express document sees it in the list of late ones the same evening.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from lienthong.domain.calendar import WorkingCalendar
from lienthong.domain.day import VIETNAM
from lienthong.domain.document import Priority

_WRITTEN = re.compile(r"([1-9]\d{0,3})([dh])")


@dataclass(frozen=True, slots=True)
class Term:
    """A length of time: whole working days, or hours by the clock."""

    working_days: int = 0
    hours: int = 0

    @classmethod
    def read(cls, text: str) -> Term:
        """From `10d` (working days) or `24h` (hours). Raises `ValueError`."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is neither working days (10d) nor hours (24h)")
        count = int(found[1])
        return cls(working_days=count) if found[2] == "d" else cls(hours=count)

    def after(self, moment: datetime, calendar: WorkingCalendar) -> datetime:
        """When a time of this length that begins at `moment` is over, in UTC."""
        if self.working_days:
            return calendar.due(moment, self.working_days)
        return moment + timedelta(hours=self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a delivery may take, for each urgency, and the calendar it is counted in."""

    calendar: WorkingCalendar = field(default_factory=WorkingCalendar)
    normal: Term = Term(10)
    urgent: Term = Term(5)
    very_urgent: Term = Term(3)
    express: Term = Term(1)
    express_timed: Term = Term(1)

    def expires_at(self, priority: Priority, accepted_at: datetime, due_date: date | None = None) -> datetime:
        """When a delivery of this urgency ends, in UTC.

        A timed express document ends with the day its sender named (DueDate), where that day is neither past nor
        beyond the normal deadline; edXML has no other place for the appointed time.
        """
        if priority is Priority.EXPRESS_TIMED and due_date is not None:
            latest = self.normal.after(accepted_at, self.calendar)
            if accepted_at.astimezone(VIETNAM).date() <= due_date < latest.astimezone(VIETNAM).date():
                return self.calendar.end_of(due_date)
        return self._term(priority).after(accepted_at, self.calendar)

    def receipt_due(self, consigned_at: datetime) -> datetime:
        """When a document that came into the inbox at `consigned_at` should have been received, in UTC."""
        return self.calendar.due(consigned_at, 0)

    def _term(self, priority: Priority) -> Term:
        return {
            Priority.NORMAL: self.normal,
            Priority.URGENT: self.urgent,
            Priority.VERY_URGENT: self.very_urgent,
            Priority.EXPRESS: self.express,
            Priority.EXPRESS_TIMED: self.express_timed,
        }[priority]
