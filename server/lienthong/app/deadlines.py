"""How settings become deadlines and a calendar."""

from __future__ import annotations

from lienthong.domain.calendar import WorkingCalendar
from lienthong.domain.deadline import Deadlines, Term
from lienthong.settings import Settings


def deadlines_of(settings: Settings) -> Deadlines:
    """The deadlines of every urgency, counted in the calendar that is set."""
    terms, calendar = settings.deadlines, settings.calendar
    return Deadlines(
        calendar=WorkingCalendar(
            cut_off=calendar.cut_off,
            days_off=frozenset(calendar.days_off),
            working_days=frozenset(calendar.working_days),
        ),
        normal=Term.read(terms.normal),
        urgent=Term.read(terms.urgent),
        very_urgent=Term.read(terms.very_urgent),
        express=Term.read(terms.express),
        express_timed=Term.read(terms.express_timed),
    )
