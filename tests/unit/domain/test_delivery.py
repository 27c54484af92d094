"""Does the table of delivery states decide every move, and refuse the others without changing anything?"""

from __future__ import annotations

import itertools

import pytest

from lienthong.domain.delivery import FINAL, TRANSITIONS, UNDELIVERED, DeliveryState, move, sources
from lienthong.errors import Code, Refusal


def test_every_state_stands_in_the_table_and_leads_to_known_ones() -> None:
    assert set(TRANSITIONS) == set(DeliveryState)


@pytest.mark.parametrize(("current", "target"), list(itertools.product(DeliveryState, DeliveryState)))
def test_every_move_is_allowed_by_the_table_or_refused(current: DeliveryState, target: DeliveryState) -> None:
    if target is current or target in TRANSITIONS[current]:
        assert move(current, target) is target
    else:
        with pytest.raises(Refusal) as refused:
            move(current, target)
        assert refused.value.code is Code.STATE_ILLEGAL
        assert refused.value.field == "state"
        assert refused.value.detail == f"{current} -> {target}"


def test_nothing_leads_out_of_a_final_state() -> None:
    assert {"HANDED_OVER", "REFUSED", "WITHDRAWN", "EXPIRED"} == FINAL
    for state in FINAL:
        for target in set(DeliveryState) - {state}:
            with pytest.raises(Refusal, match=f"{state} -> {target}"):
                move(state, target)


@pytest.mark.parametrize("target", DeliveryState)
def test_sources_are_the_table_read_backwards(target: DeliveryState) -> None:
    assert sources(target) == {state for state in DeliveryState if target in TRANSITIONS[state]}
    assert target not in sources(target)


def test_a_handed_over_document_was_in_the_inbox_before() -> None:
    assert sources(DeliveryState.HANDED_OVER) == {DeliveryState.CONSIGNED}


def test_every_delivery_that_has_not_ended_can_expire() -> None:
    assert sources(DeliveryState.EXPIRED) == set(DeliveryState) - FINAL


def test_every_undelivered_state_can_still_reach_the_inbox() -> None:
    assert sources(DeliveryState.CONSIGNED) >= UNDELIVERED
