"""Which days do offices work, and when does a time counted in working days run out?

Public holidays, their substitute days and exchanged weekends are those of the library `holidays`, which follows the
Government's decisions; what it does not know yet is set by the administrators. A thing that comes after the
cut-off hour, or on a day off, counts for the next working day. Nghị định 30/2020/NĐ-CP, articles 18.1 and 21.2:
"the same day", "at latest the next working day". Everything is in Vietnam's time, +07:00.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import holidays

from lienthong.domain.day import VIETNAM

_DAY = timedelta(days=1)


@cache
def _vietnam() -> type[holidays.HolidayBase]:
    """The library's class for Vietnam, without its 200 other countries: they take 20 MB and half a second."""
    file = Path(holidays.__file__).parent / "countries" / "vietnam.py"
    loader = SourceFileLoader("holidays_vietnam", str(file))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    found: type[holidays.HolidayBase] = module.Vietnam
    return found


@cache
def _year(year: int) -> holidays.HolidayBase:
    """The holidays of one year, complete before any thread can see them."""
    return _vietnam()(years=year, expand=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCalendar:
    """Monday to Friday without public holidays, corrected by what administrators set."""

    cut_off: time = time(
        17
    )  #: Vietnam's time; what comes at this hour or later counts for the next working day
    days_off: frozenset[date] = frozenset()  #: besides the public holidays
    working_days: frozenset[date] = frozenset()  #: weekends and holidays worked in exchange for others

    def is_working(self, day: date) -> bool:
        """Whether offices work on `day`. What is set wins over what is usual."""
        if day in self.working_days or day in self.days_off:
            return day in self.working_days
        return _year(day.year).is_working_day(day)

    def day_of(self, moment: datetime) -> date:
        """The working day that something which comes at `moment` counts for."""
        local = moment.astimezone(VIETNAM)
        day = local.date()
        return day if self.is_working(day) and local.time() < self.cut_off else self.next(day)

    def next(self, day: date) -> date:
        """The first working day after `day`."""
        day += _DAY
        while not self.is_working(day):
            day += _DAY
        return day

    def due(self, moment: datetime, working_days: int) -> datetime:
        """The end of the day so many working days after the one `moment` counts for, in UTC; 0: of that very day.

        A day ends at midnight: the law says "within the day", not within office hours.
        """
        day = self.day_of(moment)
        for _ in range(working_days):
            day = self.next(day)
        return self.end_of(day)

    def end_of(self, day: date) -> datetime:
        """The midnight that ends `day`, in UTC."""
        return datetime.combine(day + _DAY, time(), VIETNAM).astimezone(UTC)
