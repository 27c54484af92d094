"""What waits for an operator: is it kept exactly, let go only as it may be, and only with a reason?"""

from __future__ import annotations

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.ids import new_id
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub import deadletters
from lienthong.hub.accept import Submission
from lienthong.hub.ports import Outcome, TransitDelivery
from lienthong.hub.rows import HeldKind, HeldRow
from tests.unit.hub.bench import (
    COMMUNE,
    DEPARTMENT,
    DISTRICT,
    OPERATOR,
    OTHER_COMMUNE,
    OTHER_DISTRICT,
    PROVINCE,
    Bench,
    altered,
)

REASON = "đã kiểm tra"


def dead(body: bytes, node: str = DISTRICT, reason: str | None = "the store was away") -> TransitDelivery:
    return TransitDelivery(
        node=node, lane=Lane.EXPRESS, body=body, attempt=5, redelivered=False, reason=reason
    )


async def dead_letter(bench: Bench, body: bytes) -> HeldRow:
    assert await bench.dead_letters.handle(dead(body)) is Outcome.DONE
    return await bench.held(HeldKind.DEAD_LETTER)


async def quarantine(bench: Bench) -> tuple[Submission, HeldRow]:
    """A document whose copy at the district was altered."""
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE)
    await bench.hop(DISTRICT, altered(bench.message(DISTRICT), recipients=(PROVINCE,)))
    return sent, await bench.quarantined()


async def resolved(bench: Bench, held: HeldRow, how: str, reason: str = REASON) -> HeldRow:
    return await bench.administration.resolve(OPERATOR, held.id, how, reason)


async def refusal(bench: Bench, held_id: str, how: str, reason: str = REASON) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await bench.administration.resolve(OPERATOR, held_id, how, reason)
    return caught.value


# --- dead letters are kept --------------------------------------------------------------------------------


async def test_a_dead_letter_is_kept_exactly_with_why_and_its_deliveries_are_dead(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE)
    held = await dead_letter(bench, bench.message(DISTRICT))
    assert (held.message, held.document_id) == (bench.message(DISTRICT), sent.document.id)
    assert (held.node, held.lane) == (DISTRICT, Lane.EXPRESS)
    assert held.detail == "5 retries; last: the store was away"
    assert await bench.state(sent) is DeliveryState.DEAD


async def test_a_dead_letter_nobody_can_read_is_kept_too(bench: Bench) -> None:
    held = await dead_letter(bench, b"\xff\xff")
    assert (held.document_id, held.message) == (None, b"\xff\xff")


async def test_a_dead_letter_of_a_document_nobody_knows_is_kept_without_it(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    held = await dead_letter(bench, altered(bench.message(COMMUNE), document_id="0195-unknown"))
    assert held.document_id is None


@pytest.mark.parametrize("name", ["sha256", "edxml_document_id"])
async def test_a_dead_letter_cannot_name_a_document_by_its_other_names(bench: Bench, name: str) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    body = altered(bench.message(COMMUNE), document_id=getattr(sent.document, name))
    assert (await dead_letter(bench, body)).document_id is None
    assert await bench.state(sent) is DeliveryState.ACCEPTED


@pytest.mark.parametrize("method", ["hold", "document"])
async def test_a_dead_letter_stays_in_its_queue_while_the_store_is_away(
    bench: Bench, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters, "_PAUSE", 0)
    await bench.sent(COMMUNE, [DEPARTMENT])
    bench.store.fail_next(method, HubFault("the database is away"))
    assert await bench.dead_letters.handle(dead(bench.message(COMMUNE), reason=None)) is Outcome.REQUEUE
    assert await bench.store.held(HeldKind.DEAD_LETTER) == []
    assert await bench.dead_letters.handle(dead(bench.message(COMMUNE), reason=None)) is Outcome.DONE


async def test_a_dead_letter_of_a_document_that_arrived_changes_no_delivery(bench: Bench) -> None:
    sent = await bench.arrived()
    await dead_letter(bench, bench.message(PROVINCE))
    assert await bench.state(sent) is DeliveryState.CONSIGNED


# --- what an operator may do ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(HeldKind))
async def test_acts_of_the_other_kind_are_refused(bench: Bench, kind: HeldKind) -> None:
    if kind is HeldKind.QUARANTINE:
        _, held = await quarantine(bench)
        foreign = ("requeued", "discarded", "", "forgotten")
    else:
        held = await dead_letter(bench, b"\xff")
        foreign = ("released", "rejected", "", "forgotten")
    for act in foreign:
        caught = await refusal(bench, held.id, act)
        assert (caught.code, caught.field) == (Code.ARGUMENT_INVALID, "resolution")
    assert (await bench.store.held_one(held.id)) == held


@pytest.mark.parametrize("reason", ["", "   "])
async def test_without_a_reason_nothing_is_let_go(bench: Bench, reason: str) -> None:
    _, held = await quarantine(bench)
    caught = await refusal(bench, held.id, "released", reason)
    assert (caught.code, caught.field) == (Code.ARGUMENT_INVALID, "reason")


async def test_what_is_not_held_is_not_found(bench: Bench) -> None:
    assert (await refusal(bench, new_id(), "released")).code is Code.NOT_FOUND


async def test_what_is_closed_stays_closed(bench: Bench) -> None:
    _, held = await quarantine(bench)
    closed = await resolved(bench, held, "released")
    assert (closed.resolution, closed.reason, closed.resolved_by) == ("released", REASON, OPERATOR.actor)
    before = len(bench.broker.published)
    caught = await refusal(bench, held.id, "rejected")
    assert caught.code is Code.STATE_ILLEGAL
    assert "released" in (caught.detail or "")
    assert len(bench.broker.published) == before


async def test_release_sends_the_stored_original_never_the_suspect_bytes(bench: Bench) -> None:
    sent, held = await quarantine(bench)
    await resolved(bench, held, "released")
    assert bench.decoded(COMMUNE).recipients == (DEPARTMENT,)
    await bench.hop(COMMUNE)
    await bench.walk(DISTRICT, PROVINCE, DEPARTMENT)
    assert await bench.state(sent) is DeliveryState.CONSIGNED
    assert held.message not in [body for _, _, body in bench.broker.published]


async def test_release_without_a_stored_document_is_refused(bench: Bench) -> None:
    await bench.hop(DISTRICT, b"\xff")
    held = await bench.quarantined()
    assert (await refusal(bench, held.id, "released")).code is Code.STATE_ILLEGAL
    assert (await resolved(bench, held, "rejected")).resolution == "rejected"


async def test_release_while_the_broker_is_away_leaves_it_open(bench: Bench) -> None:
    _, held = await quarantine(bench)
    bench.broker.block()
    with pytest.raises(HubFault):
        await resolved(bench, held, "released")
    assert (await bench.store.held_one(held.id)) == held
    bench.broker.block(blocked=False)
    assert (await resolved(bench, held, "released")).resolved_at is not None


async def test_reject_ends_the_deliveries_with_the_code(bench: Bench) -> None:
    sent, held = await quarantine(bench)
    await resolved(bench, held, "rejected")
    row = await bench.delivery(sent)
    assert (row.state, row.error, row.error_detail) == (
        DeliveryState.REFUSED,
        Code.RECIPIENTS_ALTERED,
        REASON,
    )
    assert {"delivery.refused", "held.rejected"} <= set(await bench.kinds(sent.document.id))


async def test_reject_ends_only_what_this_message_stopped(bench: Bench) -> None:
    """Two branches of one document are in quarantine; each message speaks for its own."""
    sent = await bench.sent(PROVINCE, [COMMUNE, OTHER_COMMUNE])
    await bench.walk(PROVINCE)
    for node in (DISTRICT, OTHER_DISTRICT):
        await bench.hop(node, altered(bench.message(node), recipients=(PROVINCE,)))
    held = {row.node: row for row in await bench.store.held(HeldKind.QUARANTINE)}
    await resolved(bench, held[DISTRICT], "rejected")
    assert await bench.state(sent, COMMUNE) is DeliveryState.REFUSED
    assert await bench.state(sent, OTHER_COMMUNE) is DeliveryState.QUARANTINED
    await resolved(bench, held[OTHER_DISTRICT], "released")
    await bench.hop(PROVINCE)
    await bench.walk(OTHER_DISTRICT, OTHER_COMMUNE)
    assert await bench.state(sent, OTHER_COMMUNE) is DeliveryState.CONSIGNED
    assert await bench.state(sent, COMMUNE) is DeliveryState.REFUSED


async def test_reject_after_a_genuine_copy_arrived_ends_nothing(bench: Bench) -> None:
    sent, held = await quarantine(bench)
    await bench.hop(DISTRICT)
    await bench.hop(PROVINCE)
    await bench.hop(DEPARTMENT)
    await resolved(bench, held, "rejected")
    assert await bench.state(sent) is DeliveryState.CONSIGNED


async def test_requeue_puts_the_very_message_back_where_it_died(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE)
    body = bench.message(DISTRICT)
    held = await dead_letter(bench, body)
    assert (await resolved(bench, held, "requeued")).resolution == "requeued"
    assert bench.broker.published[-1] == (DISTRICT, Lane.EXPRESS, body)
    await bench.walk(DISTRICT, PROVINCE, DEPARTMENT)
    assert await bench.state(sent) is DeliveryState.CONSIGNED


async def test_discard_ends_the_deliveries(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    held = await dead_letter(bench, bench.message(COMMUNE))
    await resolved(bench, held, "discarded")
    assert await bench.state(sent) is DeliveryState.REFUSED


async def test_discarding_what_nobody_can_read_only_closes_it(bench: Bench) -> None:
    held = await dead_letter(bench, b"\xff")
    assert (await resolved(bench, held, "discarded")).resolution == "discarded"
