"""Does every urgency give a deadline, and is a document that was received within the day in time?"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from lienthong.domain.calendar import WorkingCalendar
from lienthong.domain.day import VIETNAM
from lienthong.domain.deadline import Deadlines, Term
from lienthong.domain.document import Priority

USUAL = Deadlines()
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=VIETNAM)


def end_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), VIETNAM) + timedelta(days=1)


@pytest.mark.parametrize(
    ("priority", "day"),
    [
        (Priority.NORMAL, "2026-03-16"),
        (Priority.URGENT, "2026-03-09"),
        (Priority.VERY_URGENT, "2026-03-05"),
        (Priority.EXPRESS, "2026-03-03"),
        (Priority.EXPRESS_TIMED, "2026-03-03"),
    ],
)
def test_the_deadline_follows_from_the_urgency(priority: Priority, day: str) -> None:
    assert USUAL.expires_at(priority, MONDAY) == end_of(day)


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("evening", ["2026-02-13T18:00", "2026-03-06T16:59", "2026-12-31T23:59"])
def test_every_deadline_leaves_a_whole_working_day(priority: Priority, evening: str) -> None:
    accepted = datetime.fromisoformat(evening).replace(tzinfo=VIETNAM)
    first = WorkingCalendar().next(accepted.date())
    assert USUAL.expires_at(priority, accepted) >= end_of(first.isoformat())


def test_hours_are_counted_by_the_clock() -> None:
    friday = datetime(2026, 3, 6, 22, 0, tzinfo=VIETNAM)
    assert Deadlines(express=Term.read("24h")).expires_at(Priority.EXPRESS, friday) == friday + timedelta(
        days=1
    )


@pytest.mark.parametrize(
    ("due_date", "day"),
    [
        ("2026-03-02", "2026-03-02"),  # today
        ("2026-03-12", "2026-03-12"),
        ("2026-03-16", "2026-03-16"),
        ("2026-03-01", "2026-03-03"),  # past: as any express document
        ("2026-03-17", "2026-03-03"),  # beyond the normal deadline: no appointed time
        ("9999-12-31", "2026-03-03"),
    ],
)
def test_a_timed_express_document_ends_with_the_day_its_sender_named(due_date: str, day: str) -> None:
    found = USUAL.expires_at(Priority.EXPRESS_TIMED, MONDAY, date.fromisoformat(due_date))
    assert found == end_of(day)


def test_a_due_date_moves_no_other_deadline() -> None:
    assert USUAL.expires_at(Priority.NORMAL, MONDAY, date(2026, 3, 2)) == end_of("2026-03-16")


def test_the_receipt_is_due_within_the_day_it_came() -> None:
    assert USUAL.receipt_due(MONDAY) == end_of("2026-03-02")
    assert USUAL.receipt_due(MONDAY.replace(hour=17)) == end_of("2026-03-03")


@pytest.mark.parametrize("text", ["", "10", "d", "0d", "1w", "-1d", "10 d", "1.5d", "10000d"])
def test_a_term_is_days_or_hours(text: str) -> None:
    assert (Term.read("10d"), Term.read("4h")) == (Term(working_days=10), Term(hours=4))
    with pytest.raises(ValueError, match="neither working days"):
        Term.read(text)
