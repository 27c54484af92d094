"""Which status may follow which, and how late, repeated and day-only ones are taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.request import RequestKind, RequestState, settled_as
from lienthong.domain.status import ANSWERS, FOLLOWERS, PROGRESS, StatusCode, Step, read_code, step
from lienthong.errors import Code, Refusal

S = StatusCode
NOON = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)  # 2 March in Viet Nam


@pytest.mark.parametrize("current", [None, *sorted(PROGRESS)])
@pytest.mark.parametrize("new", sorted(PROGRESS))
def test_every_pair_is_applied_repeated_late_or_refused(current: S | None, new: S) -> None:
    later, earlier = NOON + timedelta(hours=1), NOON - timedelta(hours=1)
    if new in FOLLOWERS[current]:
        assert step(current, NOON, new, later) is Step.APPLIED
        assert step(current, NOON, new, earlier) is Step.APPLIED  # the step before was said late
    elif new is current:
        assert step(current, NOON, new, later) is Step.REPEATED
    else:
        with pytest.raises(Refusal) as refusal:
            step(current, NOON, new, later)
        assert refusal.value.code is Code.STATUS_ILLEGAL
        if current in FOLLOWERS[new]:
            assert step(current, NOON, new, earlier) is Step.LATE


def test_offices_skip_01_and_04() -> None:
    assert step(None, None, S.REGISTERED, NOON) is Step.APPLIED
    assert step(S.ARRIVED, NOON, S.REGISTERED, NOON) is Step.APPLIED
    assert step(S.REGISTERED, NOON, S.PROCESSING, NOON) is Step.APPLIED


def test_after_a_refusal_by_the_clerk_nothing_follows() -> None:
    assert FOLLOWERS[S.REJECTED] == frozenset()


def test_the_same_second_is_ordered_by_rank() -> None:
    assert step(S.REGISTERED, NOON, S.ARRIVED, NOON) is Step.LATE


def test_a_timestamp_that_is_a_day_alone_is_compared_by_the_day() -> None:
    assert step(S.REGISTERED, MIDNIGHT, S.ARRIVED, NOON) is Step.LATE
    assert step(S.REGISTERED, NOON, S.ARRIVED, MIDNIGHT) is Step.LATE
    with pytest.raises(Refusal):
        step(S.REGISTERED, MIDNIGHT, S.ARRIVED, NOON + timedelta(days=1))


def test_14_is_read_as_15_and_said_so() -> None:
    assert read_code("14") == (S.AGREED, True)
    assert read_code("03") == (S.REGISTERED, False)
    with pytest.raises(Refusal):
        read_code("3")


def test_asking_and_answering_are_no_steps_of_the_work() -> None:
    assert PROGRESS | ANSWERS | {S.TAKE_BACK} == set(S)
    assert not ANSWERS & PROGRESS


def test_what_becomes_of_a_recall_follows_from_the_delivery() -> None:
    ends = {state: settled_as(RequestKind.RECALL, state) for state in DeliveryState}
    assert ends[DeliveryState.HANDED_OVER] is RequestState.ASKED
    assert ends[DeliveryState.WITHDRAWN] is RequestState.WITHDRAWN
    assert ends[DeliveryState.REFUSED] is ends[DeliveryState.EXPIRED] is RequestState.MOOT
    assert {state for state, end in ends.items() if end is None} == {
        DeliveryState.ACCEPTED,
        DeliveryState.IN_TRANSIT,
        DeliveryState.CONSIGNED,
        DeliveryState.QUARANTINED,
        DeliveryState.DEAD,
    }
