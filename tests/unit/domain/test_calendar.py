"""Does the calendar know Vietnam's working days, and count the day something comes in as offices do?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time

import holidays
import pytest

from lienthong.domain.calendar import WorkingCalendar, _year
from lienthong.domain.day import VIETNAM

USUAL = WorkingCalendar()


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-03-02", True),  # an ordinary Monday
        ("2026-02-28", False),  # Saturday
        ("2026-03-01", False),  # Sunday
        ("2026-01-01", False),  # New Year
        ("2026-02-17", False),  # Tết
        ("2026-02-20", False),
        ("2026-02-23", True),  # the Monday after Tết
        ("2026-04-26", False),  # Hùng Kings' day falls on a Sunday …
        ("2026-04-27", False),  # … so Monday is off
        ("2026-08-22", True),  # a Saturday worked in exchange …
        ("2026-08-31", False),  # … for this Monday
        ("2026-09-02", False),  # National Day
    ],
)
def test_public_holidays_are_vietnams(day: str, works: bool) -> None:
    assert USUAL.is_working(date.fromisoformat(day)) is works


def test_what_administrators_set_wins() -> None:
    calendar = WorkingCalendar(
        days_off=frozenset({date(2026, 3, 2)}),
        working_days=frozenset({date(2026, 2, 28), date(2026, 9, 2)}),
    )
    assert not calendar.is_working(date(2026, 3, 2))
    assert calendar.is_working(date(2026, 2, 28))
    assert calendar.is_working(date(2026, 9, 2))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-02T00:00:00", "2026-03-02"),
        ("2026-03-02T16:59:59", "2026-03-02"),
        ("2026-03-02T17:00:00", "2026-03-03"),
        ("2026-03-06T17:00:00", "2026-03-09"),  # Friday evening counts for Monday
        ("2026-03-07T09:00:00", "2026-03-09"),
        ("2026-02-13T18:00:00", "2026-02-23"),  # the evening before the Tết week
    ],
)
def test_what_comes_after_the_cut_off_counts_for_the_next_working_day(moment: str, day: str) -> None:
    assert USUAL.day_of(local(moment)) == date.fromisoformat(day)


def test_the_day_is_vietnams_wherever_the_clock_is() -> None:
    assert USUAL.day_of(datetime(2026, 3, 2, 9, 59, tzinfo=UTC)) == date(2026, 3, 2)
    assert USUAL.day_of(datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) == date(2026, 3, 3)
    assert USUAL.day_of(datetime(2026, 3, 1, 17, 30, tzinfo=UTC)) == date(2026, 3, 2)


def test_the_cut_off_hour_can_be_set() -> None:
    early = WorkingCalendar(cut_off=time(11, 30))
    assert early.day_of(local("2026-03-02T11:29:00")) == date(2026, 3, 2)
    assert early.day_of(local("2026-03-02T11:30:00")) == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("moment", "working_days", "due"),
    [
        ("2026-03-02T08:00:00", 0, "2026-03-03T00:00:00"),
        ("2026-03-02T17:30:00", 0, "2026-03-04T00:00:00"),
        ("2026-03-06T08:00:00", 1, "2026-03-10T00:00:00"),  # Friday and one: Monday's end
        ("2026-02-13T08:00:00", 1, "2026-02-24T00:00:00"),  # across Tết
        ("2026-03-02T08:00:00", 10, "2026-03-17T00:00:00"),
    ],
)
def test_a_time_in_working_days_ends_with_the_day(moment: str, working_days: int, due: str) -> None:
    found = USUAL.due(local(moment), working_days)
    assert found == local(due)
    assert found.tzinfo is UTC


def test_many_threads_see_the_same_year() -> None:
    days = [date(2031, 1, 1), date(2031, 5, 1), date(2031, 9, 2)] * 50
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(USUAL.is_working, days))


def test_the_holidays_are_those_of_the_library() -> None:
    """They are loaded past its package, which would load every country of the world."""
    for year in range(2020, 2031):
        assert dict(_year(year)) == dict(holidays.country_holidays("VN", years=year, expand=False))
