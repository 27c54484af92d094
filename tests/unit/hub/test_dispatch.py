"""Does an accepted document leave, whatever fails between the commit and the broker's confirm?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub import dispatch
from lienthong.hub.dispatch import Dispatcher
from lienthong.hub.ports import Outcome
from lienthong.hub.reconcile import Reconciler
from lienthong.hub.rows import EvidenceRow
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, PATIENCE, Bench


async def published(bench: Bench, document_id: str) -> bool:
    row = await bench.store.document(document_id)
    assert row is not None
    return row.published_at is not None


async def test_a_document_leaves_with_its_acceptance_and_nothing_else(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    message = bench.decoded(COMMUNE)
    assert (message.acceptance, message.hop_records) == (sent.acceptance, ())
    assert await published(bench, sent.document.id)


async def test_a_broker_that_is_away_leaves_it_to_the_reconciler(bench: Bench) -> None:
    bench.broker.block()
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    assert not await published(bench, sent.document.id)
    bench.pass_time(11)
    assert await bench.reconciler.reconcile() == 0
    bench.broker.block(blocked=False)
    assert await bench.reconciler.reconcile() == 1
    assert await published(bench, sent.document.id)
    await bench.walk(COMMUNE)


async def test_what_was_accepted_a_moment_ago_is_left_to_the_dispatcher(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT])
    bench.dispatcher._in_hand.clear()
    bench.pass_time(9)
    assert await bench.reconciler.reconcile() == 0
    assert await bench.reconciler.reconcile(everything=True) == 1


async def test_a_confirm_that_could_not_be_noted_is_published_twice_and_arrives_once(bench: Bench) -> None:
    bench.store.fail_next("mark_published", HubFault("the database is away"))
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE)
    bench.pass_time(11)
    assert await bench.reconciler.reconcile() == 1
    assert await bench.hop(COMMUNE) is Outcome.DONE
    assert len(await bench.store.hops(sent.document.id)) == 1


async def test_confirmations_are_noted_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[list[str]] = []
    mark = bench.store.mark_published

    async def counted(ids: Sequence[str], at: datetime) -> None:
        writes.append(list(ids))
        await mark(ids, at)

    monkeypatch.setattr(bench.store, "mark_published", counted)
    sent = [await bench.submit(COMMUNE, [DEPARTMENT], code_number=str(number)) for number in range(9)]
    await bench.dispatch()
    (ids,) = writes
    assert sorted(ids) == sorted(one.document.id for one in sent)
    assert all([await published(bench, document_id) for document_id in ids])


async def test_a_full_backlog_never_holds_a_sender_up(bench: Bench) -> None:
    small = Dispatcher(bench.store, bench.payloads, bench.broker, bench.now, backlog=1)
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    for _ in range(3):
        small.enqueue(sent.document, sent.acceptance, (DEPARTMENT,), b"")
    stop = asyncio.Event()
    stop.set()
    await small.run(stop)
    assert len(bench.broker.published) == 1


async def test_the_end_publishes_and_notes_what_is_enqueued_and_then_returns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "NOTE_AFTER", 3600.0)  # the end waits for nobody
    stop = asyncio.Event()
    running = asyncio.create_task(bench.dispatcher.run(stop, workers=2))
    sent = [await bench.submit(COMMUNE, [DEPARTMENT], code_number=str(number)) for number in range(5)]
    stop.set()
    await asyncio.wait_for(running, 60)
    assert len(bench.broker.published) == 5
    assert all([await published(bench, one.document.id) for one in sent])


async def test_a_stored_acceptance_of_another_kind_is_our_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await bench.arrived()
    rows = await bench.store.evidence(sent.document.id)
    consigned = next(row.xml for row in rows if row.kind is EvidenceKind.CONTENT_CONSIGNMENT)
    kept = [replace(row, xml=consigned) for row in rows if row.kind is EvidenceKind.SUBMISSION_ACCEPTANCE]

    async def evidence(_: str) -> list[EvidenceRow]:
        return kept

    monkeypatch.setattr(bench.store, "evidence", evidence)
    with pytest.raises(HubFault, match="SubmissionAcceptance"):
        await bench.dispatcher.publish_again(sent.document)


# --- the reconciler ---------------------------------------------------------------------------------------


async def test_a_document_without_progress_is_published_again_once_per_patience(bench: Bench) -> None:
    bench.broker.drop_next_publish()  # confirmed, then the broker's disk was lost
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    bench.pass_time(599)
    assert await bench.reconciler.reconcile() == 0
    bench.pass_time(2)
    assert await bench.reconciler.reconcile() == 1
    assert await bench.reconciler.reconcile() == 0  # it was touched
    bench.pass_time(1)
    await bench.walk(COMMUNE)
    bench.pass_time(601)
    assert await bench.reconciler.reconcile() == 1  # lost again, further on
    assert await bench.state(sent) is DeliveryState.IN_TRANSIT


async def test_a_document_that_arrived_is_left_alone(bench: Bench) -> None:
    await bench.arrived()
    bench.pass_time(10_000)
    assert await bench.reconciler.reconcile() == 0
    assert await bench.reconciler.reconcile(everything=True) == 0


async def waiting(bench: Bench, count: int) -> list[str]:
    """So many documents that no broker has confirmed, oldest first."""
    ids = []
    for number in range(count):
        sent = await bench.submit(COMMUNE, [DEPARTMENT], code_number=str(number))
        ids.append(sent.document.id)
        bench.pass_time(1)
    bench.pass_time(60)
    bench.dispatcher._in_hand.clear()  # of a hub that was killed
    return ids


async def test_what_the_dispatcher_has_in_hand_is_left_to_it_however_long_it_takes(bench: Bench) -> None:
    """Under load its queue is longer than the reconciler's patience: a second copy of each would double the load."""
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    bench.pass_time(3600)
    assert await bench.reconciler.reconcile() == 0
    await bench.dispatch()
    assert len(bench.broker.published) == 1
    assert await published(bench, sent.document.id)
    assert not bench.dispatcher.has(sent.document.id)


async def test_what_is_confirmed_and_not_yet_noted_is_not_published_again(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    stop = asyncio.Event()
    running = asyncio.create_task(bench.dispatcher.run(stop))
    async with asyncio.timeout(5):
        while not bench.dispatcher._confirmed:
            await asyncio.sleep(0)
    assert not await published(bench, sent.document.id)
    bench.pass_time(3600)
    assert await bench.reconciler.reconcile() == 0
    stop.set()
    await running
    assert await published(bench, sent.document.id)
    assert not bench.dispatcher.has(sent.document.id)


async def test_a_failed_publish_is_in_nobodys_hand(bench: Bench) -> None:
    bench.broker.fail_next_publish()
    await bench.sent(COMMUNE, [DEPARTMENT])
    bench.pass_time(11)
    assert await bench.reconciler.reconcile() == 1


async def test_a_backlog_longer_than_the_patience_is_not_published_over_and_over(bench: Bench) -> None:
    """1,000 documents queue for an hour with a patience of ten minutes: rounds every five seconds add few copies."""
    number = 1_000
    one = await bench.sent(COMMUNE, [DEPARTMENT])
    known = bench.store._documents[one.document.id]
    for n in range(number - 1):
        row = replace(known.row, id=f"{n:04}")
        ways = {code: replace(way, document_id=row.id) for code, way in known.deliveries.items()}
        bench.store._documents[row.id] = replace(known, row=row, deliveries=ways)
    copies = 0
    for _ in range(720):
        bench.pass_time(5)
        copies += await bench.reconciler.reconcile()
    assert copies < number  # before: five of each


async def test_a_broker_that_lost_everything_is_filled_again_ever_faster(bench: Bench) -> None:
    number = 300
    for n in range(number):
        await bench.submit(COMMUNE, [DEPARTMENT], code_number=str(n))
    bench.broker.drop_next_publish(number)
    await bench.dispatch()
    bench.pass_time(601)
    rounds: list[int] = []
    while len(rounds) < 10 and sum(rounds) < number:
        before = len(bench.broker.published)
        rounds.append(await bench.reconciler.reconcile())
        bench.pass_time(5)
        for _, _, body in bench.broker.published[before:]:
            await bench.hop(COMMUNE, body)
    assert sum(rounds) == number
    assert rounds[:-1] == sorted(rounds[:-1])
    assert len(rounds) <= 5


async def test_documents_whose_bytes_are_gone_keep_no_other_from_leaving(bench: Bench) -> None:
    ids = await waiting(bench, 22)
    for document_id in ids[:20]:
        row = await bench.store.document(document_id)
        assert row is not None
        del bench.store.payloads[row.sha256]
    assert await bench.reconciler.reconcile() == 2
    assert [await published(bench, document_id) for document_id in ids] == [False] * 20 + [True] * 2


async def test_a_document_whose_bytes_are_damaged_keeps_no_other_from_leaving(bench: Bench) -> None:
    ids = await waiting(bench, 3)
    row = await bench.store.document(ids[0])
    assert row is not None
    bench.store.payloads[row.sha256] = b"rotten"
    assert await bench.reconciler.reconcile() == 2


async def test_a_round_gives_up_when_the_broker_is_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(bench, 60)
    tries = 0
    publish = bench.broker.publish

    async def counted(node: str, lane: Lane, body: bytes) -> None:
        nonlocal tries
        tries += 1
        await publish(node, lane, body)

    monkeypatch.setattr(bench.broker, "publish", counted)
    bench.broker.block()
    assert await bench.reconciler.reconcile() == 0
    assert tries < 40
    bench.broker.block(blocked=False)
    assert await bench.reconciler.reconcile() == 60


async def test_rounds_go_on_when_the_store_was_away(bench: Bench) -> None:
    await waiting(bench, 1)
    bench.store.fail_next("unpublished", HubFault("the database is away"))
    bench.store.fail_next("touch", HubFault("the database is away"))
    stop = asyncio.Event()
    reconciler = Reconciler(bench.store, bench.dispatcher, bench.now, PATIENCE)
    running = asyncio.create_task(reconciler.run(stop))
    async with asyncio.timeout(10):
        while not bench.broker.published:
            await asyncio.sleep(0.005)
    stop.set()
    await running


async def test_releasing_a_document_whose_bytes_are_gone_says_so(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    del bench.store.payloads[sent.document.sha256]
    with pytest.raises(Refusal) as caught:
        await bench.dispatcher.publish_again(sent.document)
    assert caught.value.code is Code.NOT_FOUND
