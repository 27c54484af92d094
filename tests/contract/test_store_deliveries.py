"""Does every store move deliveries, keep hops and fill inboxes as the port says?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lienthong.domain.delivery import TRANSITIONS, DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store
from lienthong.hub.rows import EvidenceRow, NewDocument
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import (
    NOON,
    a_consignment,
    a_document,
    a_hop,
    after,
    an_event,
    consign,
    kinds,
    states,
)

S = DeliveryState


async def in_state(store: Store, state: DeliveryState) -> NewDocument:
    """A document whose one delivery, for H48.11, is in `state`."""
    document = a_document("H48.11")
    await store.accept(document)
    if state is S.ACCEPTED:
        return document
    if state is S.HANDED_OVER:
        await consign(store, document, "H48.11")
        await store.hand_over(document.deliveries[0].id, b"<ContentHandover/>", after(1))
    elif state is S.CONSIGNED:
        await consign(store, document, "H48.11")
    else:
        await store.move(document.id, None, state, event=an_event("set.up", document.id))
    assert await states(store, document.id) == {"H48.11": state}
    return document


async def test_a_hop_moves_its_recipients_and_is_logged(store: Store) -> None:
    document = a_document("H48.11", "H48.02", "H48.05")
    await store.accept(document)
    hop = a_hop(document)
    assert (await store.record_hop(hop, recipients=["H48.02", "H48.11"], consignment=None)).hop == hop
    assert await store.hops(document.id) == [hop]
    assert await states(store, document.id) == {
        "H48.11": S.IN_TRANSIT,
        "H48.02": S.IN_TRANSIT,
        "H48.05": S.ACCEPTED,
    }
    event = (await store.events(document_id=document.id))[-1]
    assert (event.kind, event.actor, event.detail["moved"]) == (
        "hop.recorded",
        "H48.31",
        ["H48.11", "H48.02"],
    )


@pytest.mark.parametrize("state", list(S))
async def test_a_delivery_is_read_with_its_document_whatever_its_state(store: Store, state: S) -> None:
    document = await in_state(store, state)
    item = await store.inbox_item(document.deliveries[0].id)
    assert item is not None
    assert item.delivery == await store.delivery(document.deliveries[0].id)
    assert item.document == await store.document(document.id)
    assert await store.inbox_item(document.id) is None


async def test_a_repeated_hop_returns_the_first_one_and_changes_nothing(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    first = a_hop(document)
    await store.record_hop(first, recipients=["H48.11"], consignment=None)
    before = await store.deliveries(document.id), await store.events(document_id=document.id)
    again = replace(first, received_at=after(99), record=b"<other/>", digest=sha256_hex(b"<other/>"))
    assert (await store.record_hop(again, recipients=["H48.11"], consignment=None)).hop == first
    assert (await store.deliveries(document.id), await store.events(document_id=document.id)) == before


async def test_one_hop_recorded_by_many_relays_at_once_is_one_hop(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    tries = [
        a_hop(document, record=(record := f"<r>{n}</r>".encode()), digest=sha256_hex(record))
        for n in range(12)
    ]
    stored = await asyncio.gather(
        *[store.record_hop(hop, recipients=["H48.11"], consignment=a_consignment("H48.11")) for hop in tries]
    )
    assert len({done.hop.digest for done in stored if done.hop}) == 1
    assert await store.hops(document.id) == [stored[0].hop]
    assert (await kinds(store, document.id)).count("delivery.consigned") == 1
    assert (await kinds(store, document.id)).count("hop.recorded") == 1


async def test_hops_come_in_order_of_sequence_then_node(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    for node, sequence in (("H48.9", 3), ("H48", 2), ("H48.11", 3), ("H48.31", 1)):
        await store.record_hop(a_hop(document, node, sequence), recipients=[], consignment=None)
    assert [(h.sequence, h.node) for h in await store.hops(document.id)] == [
        (1, "H48.31"),
        (2, "H48"),
        (3, "H48.11"),
        (3, "H48.9"),
    ]


async def test_a_hop_of_an_unknown_document_is_refused(store: Store) -> None:
    with pytest.raises(Refusal) as refusal:
        await store.record_hop(a_hop(a_document()), recipients=["H48.11"], consignment=None)
    assert refusal.value.code is Code.NOT_FOUND


async def test_consigning_puts_the_document_into_the_inbox_with_its_evidence(store: Store) -> None:
    document = a_document("H48.11", "H48.11.02")
    await store.accept(document)
    hop = a_hop(document, "H48.11", 2)
    consignment = a_consignment("H48.11", after(3))
    await store.record_hop(hop, recipients=["H48.11", "H48.11.02"], consignment=consignment)
    assert await states(store, document.id) == {"H48.11": S.CONSIGNED, "H48.11.02": S.IN_TRANSIT}
    (item,) = await store.inbox("H48.11", after=None, limit=10)
    assert item.document == await store.document(document.id)
    assert item.delivery == await store.delivery(document.deliveries[0].id)
    assert item.delivery.consigned_at == after(3)
    evidence = (await store.evidence(document.id))[-1]
    assert (evidence.kind, evidence.recipient, evidence.xml) == (
        EvidenceKind.CONTENT_CONSIGNMENT,
        "H48.11",
        consignment.evidence,
    )
    assert (await kinds(store, document.id))[1:] == ["delivery.consigned", "hop.recorded"]


@pytest.mark.parametrize("state", [S.HANDED_OVER, S.REFUSED, S.WITHDRAWN])
async def test_a_late_copy_leaves_final_deliveries_alone(store: Store, state: DeliveryState) -> None:
    document = await in_state(store, state)
    before = await store.deliveries(document.id), await store.evidence(document.id)
    hop = a_hop(document, "H48.12", 2)
    late = a_consignment("H48.11", after(60))
    recorded = await store.record_hop(hop, recipients=["H48.11"], consignment=late)
    assert (await store.deliveries(document.id), await store.evidence(document.id)) == before
    assert recorded.waiting is None
    if state is S.HANDED_OVER:
        assert recorded.hop == hop
    else:
        assert (recorded.hop, recorded.stopped) == (None, ("H48.11",))
        assert await store.hops(document.id) == []


async def test_a_hop_with_somebody_whose_delivery_ended_writes_nothing_and_names_them(store: Store) -> None:
    document = a_document("H48.11", "H48.02", "H48.05")
    await store.accept(document)
    await store.move(document.id, ["H48.05", "H48.02"], S.WITHDRAWN, event=an_event())
    before = await store.deliveries(document.id), await store.events(document_id=document.id)
    hop = a_hop(document)
    recorded = await store.record_hop(hop, recipients=["H48.11", "H48.05", "H48.02"], consignment=None)
    assert (recorded.hop, recorded.stopped) == (None, ("H48.02", "H48.05"))
    assert (await store.deliveries(document.id), await store.events(document_id=document.id)) == before
    assert (await store.record_hop(hop, recipients=["H48.11"], consignment=None)).hop == hop


async def test_the_consigned_delivery_is_named_while_it_waits(store: Store) -> None:
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    hop, consignment = a_hop(document, "H48.11", 2), a_consignment("H48.11")
    for _ in range(2):
        recorded = await store.record_hop(hop, recipients=["H48.11"], consignment=consignment)
        assert recorded.waiting == document.deliveries[0].id
    await store.hand_over(document.deliveries[0].id, b"<ContentHandover/>", after(1))
    assert (await store.record_hop(hop, recipients=["H48.11"], consignment=consignment)).waiting is None


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 9])
async def test_any_number_of_recipients_moves_and_nobody_else(store: Store, number: int) -> None:
    codes = [f"H48.{n:02}" for n in range(10)]
    document = a_document(*codes)
    await store.accept(document)
    for hop in (a_hop(document), a_hop(document, "H48", 2, previous_digest="1" * 64)):
        await store.record_hop(hop, recipients=codes[:number], consignment=None)
        rows = await store.deliveries(document.id)
        assert [row.recipient for row in rows if row.state is S.IN_TRANSIT] == codes[:number]


@pytest.mark.parametrize("state", [S.QUARANTINED, S.DEAD])
async def test_a_genuine_copy_frees_a_held_delivery_even_if_the_hop_is_old(
    store: Store, state: DeliveryState
) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    hop = a_hop(document)
    await store.record_hop(hop, recipients=["H48.11"], consignment=None)
    event = an_event("held.x", document.id)
    await store.move(document.id, ["H48.11"], state, event=event, error=Code.CHAIN_BROKEN, error_detail="x")
    await store.record_hop(hop, recipients=["H48.11"], consignment=None)
    (row,) = await store.deliveries(document.id)
    assert (row.state, row.error, row.error_detail) == (S.IN_TRANSIT, None, None)
    assert (await kinds(store, document.id))[-1] == "delivery.resumed"


async def test_a_replaced_hop_is_logged_once_and_the_former_record_stays(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    first = a_hop(document)
    await store.record_hop(first, recipients=[], consignment=None)
    second = replace(first, record=b"<new/>", digest=sha256_hex(b"<new/>"), received_at=after(7))
    assert await store.replace_hop(second) == second
    assert await store.replace_hop(second) == second
    assert await store.hops(document.id) == [first, second]
    assert (await store.record_hop(first, recipients=[], consignment=None)).hop == second
    replaced = [e for e in await store.events(document_id=document.id) if e.kind == "hop.replaced"]
    assert [e.detail["replaced"] for e in replaced] == [first.digest]
    with pytest.raises(Refusal) as refusal:
        await store.replace_hop(a_hop(document, "H48", 2))
    assert refusal.value.code is Code.NOT_FOUND


async def test_two_branches_that_meet_at_a_node_are_two_hops(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    one = a_hop(document)
    other = a_hop(document, record=b"<other/>", digest=sha256_hex(b"<other/>"), previous_digest="0" * 64)
    assert (await store.record_hop(one, recipients=["H48.11"], consignment=None)).hop == one
    assert (await store.record_hop(other, recipients=["H48.02"], consignment=None)).hop == other
    assert {hop.digest for hop in await store.hops(document.id)} == {one.digest, other.digest}


@pytest.mark.parametrize("start", S)
async def test_only_legal_moves_change_anything(store: Store, start: DeliveryState) -> None:
    for target in S:
        document = await in_state(store, start)
        before = await store.deliveries(document.id), await store.events(document_id=document.id)
        event = an_event("operator.moved", document.id, after(30))
        why = {"error": Code.CHAIN_BROKEN, "error_detail": "why"}
        moved = await store.move(document.id, ["H48.11"], target, event=event, **why)  # type: ignore[arg-type]
        if target in TRANSITIONS[start]:
            assert moved == ["H48.11"]
            (row,) = await store.deliveries(document.id)
            assert (row.state, row.error, row.error_detail) == (target, Code.CHAIN_BROKEN, "why")
            assert row.updated_at == after(30)
            last = (await store.events(document_id=document.id))[-1]
            assert (last.kind, last.actor, last.detail["recipients"]) == (event.kind, event.actor, ["H48.11"])
        else:
            assert moved == []
            assert (
                await store.deliveries(document.id),
                await store.events(document_id=document.id),
            ) == before


async def test_move_takes_all_or_the_named_recipients(store: Store) -> None:
    document = a_document("H48.11", "H48.02", "H48.05", refused=["X1"])
    await store.accept(document)
    event = an_event("document.withdrawn", document.id)
    assert await store.move(document.id, ["H48.05", "nobody"], S.WITHDRAWN, event=event) == ["H48.05"]
    assert await store.move(document.id, [], S.WITHDRAWN, event=event) == []
    assert await store.move(document.id, None, S.WITHDRAWN, event=event) == ["H48.11", "H48.02"]
    assert await store.move("unknown", None, S.WITHDRAWN, event=event) == []


async def test_handing_over_keeps_the_signed_evidence_and_may_be_repeated(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    await consign(store, document, "H48.11")
    delivery_id = document.deliveries[0].id
    row = await store.hand_over(delivery_id, b"<ContentHandover/>", after(9))
    assert (row.state, row.handed_over_at) == (S.HANDED_OVER, after(9))
    assert await store.hand_over(delivery_id, b"<ContentHandover>2</>", after(10)) == row
    evidence = [e for e in await store.evidence(document.id) if e.kind is EvidenceKind.CONTENT_HANDOVER]
    assert [(e.recipient, e.at, e.xml) for e in evidence] == [("H48.11", after(9), b"<ContentHandover/>")]
    assert (await kinds(store, document.id)).count("delivery.handed_over") == 1
    assert await store.inbox("H48.11", after=None, limit=9) == []


async def test_handing_over_what_is_not_in_the_inbox_is_refused(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    for delivery_id, code in ((document.deliveries[0].id, Code.STATE_ILLEGAL), ("unknown", Code.NOT_FOUND)):
        with pytest.raises(Refusal) as refusal:
            await store.hand_over(delivery_id, b"<ContentHandover/>", NOON)
        assert refusal.value.code is code
    assert await states(store, document.id) == {"H48.11": S.ACCEPTED}


async def test_a_withdrawal_and_a_hand_over_at_once_have_one_winner(store: Store) -> None:
    for _ in range(5):
        document = a_document("H48.11")
        await store.accept(document)
        await consign(store, document, "H48.11")
        event = an_event("document.withdrawn", document.id)
        handed, withdrawn = await asyncio.gather(
            store.hand_over(document.deliveries[0].id, b"<ContentHandover/>", after(1)),
            store.move(document.id, None, S.WITHDRAWN, event=event),
            return_exceptions=True,
        )
        final = (await states(store, document.id))["H48.11"]
        assert (final is S.WITHDRAWN) == (withdrawn == ["H48.11"]) == isinstance(handed, Refusal)


async def test_the_inbox_is_paged_in_order_of_consignment(store: Store) -> None:
    made = [a_document("H48.11") for _ in range(7)]
    for n, document in enumerate(made):
        await store.accept(document)
        await consign(store, document, "H48.11", at=after(10 - n // 2))  # pairs share a moment
    whole = await store.inbox("H48.11", after=None, limit=100)
    expected = sorted((after(10 - n // 2), d.deliveries[0].id) for n, d in enumerate(made))
    assert [item.delivery.id for item in whole] == [delivery_id for _, delivery_id in expected]
    seen: list[str] = []
    last = None
    while page := await store.inbox("H48.11", after=last, limit=2):
        seen += [item.delivery.id for item in page]
        last = seen[-1]
        await store.hand_over(last, b"<ContentHandover/>", after(20))  # leaves the inbox between two pages
    assert seen == [delivery_id for _, delivery_id in expected]


async def test_a_page_after_another_agencys_delivery_is_refused(store: Store) -> None:
    document = a_document("H48.02")
    await store.accept(document)
    await consign(store, document, "H48.02")
    for last in (document.deliveries[0].id, "unknown"):
        with pytest.raises(Refusal) as refusal:
            await store.inbox("H48.11", after=last, limit=5)
        assert refusal.value.code is Code.ARGUMENT_INVALID


async def test_positions_tell_where_undelivered_copies_wait(store: Store) -> None:
    assert await store.positions() == []
    one = a_document("H48.11", "H48.02", at=after(1))
    two = a_document("H48.11", at=after(2))
    fast = a_document("H48.11", at=after(3), lane=Lane.EXPRESS)
    for document in (one, two, fast):
        await store.accept(document)

    async def waiting() -> list[tuple[str, Lane, float, int]]:
        found = await store.positions()
        return [(p.node, p.lane, (p.oldest - NOON).total_seconds(), p.documents) for p in found]

    assert await waiting() == [("H48.31", Lane.EXPRESS, 3, 1), ("H48.31", Lane.NORMAL, 1, 2)]
    for node, sequence in (("H48.31", 1), ("H48", 2)):
        await store.record_hop(a_hop(one, node, sequence), recipients=["H48.11", "H48.02"], consignment=None)
    await store.record_hop(
        a_hop(one), recipients=["H48.11", "H48.02"], consignment=None
    )  # late copy of the first
    assert await waiting() == [
        ("H48", Lane.NORMAL, 1, 1),
        ("H48.31", Lane.EXPRESS, 3, 1),
        ("H48.31", Lane.NORMAL, 2, 1),
    ]
    await consign(store, one, "H48.02")
    await store.move(one.id, ["H48.11"], S.DEAD, event=an_event())
    await consign(store, fast, "H48.11")
    assert await waiting() == [("H48.31", Lane.NORMAL, 2, 1)]


def a_failure(document: NewDocument, recipient: str) -> EvidenceRow:
    """Evidence that the delivery ended before the inbox."""
    return EvidenceRow(
        document_id=document.id,
        kind=EvidenceKind.CONTENT_CONSIGNMENT_FAILURE,
        recipient=recipient,
        at=after(5),
        xml=f"<ContentConsignmentFailure>{recipient}</>".encode(),
    )


async def test_a_move_keeps_the_evidence_of_those_that_moved_and_of_no_other(store: Store) -> None:
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    await consign(store, document, "H48.02")
    await store.hand_over(document.deliveries[1].id, b"<ContentHandover/>", after(1))
    evidence = [a_failure(document, "H48.11"), a_failure(document, "H48.02")]
    event = an_event("delivery.withdrawn", document.id, after(5))
    moved = await store.move(document.id, None, S.WITHDRAWN, event=event, evidence=evidence)
    assert moved == ["H48.11"]
    kept = [row for row in await store.evidence(document.id) if row.kind is evidence[0].kind]
    assert kept == [evidence[0]]
    assert await store.move(document.id, None, S.WITHDRAWN, event=event, evidence=evidence) == []


async def test_a_move_of_deliveries_as_they_were_read_leaves_those_that_went_on(store: Store) -> None:
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    read = await store.deliveries(document.id)
    assert [row.node for row in read] == ["H48.31", "H48.31"]
    await consign(store, document, "H48.02", after(2))
    event = an_event("delivery.withdrawn", document.id, after(5))
    assert await store.move(document.id, None, S.WITHDRAWN, event=event, unchanged=read) == ["H48.11"]
    assert await store.move(document.id, None, S.WITHDRAWN, event=event, unchanged=()) == []
    assert await states(store, document.id) == {"H48.11": S.WITHDRAWN, "H48.02": S.CONSIGNED}
    assert (await store.deliveries(document.id))[1].node == "H48.02"
