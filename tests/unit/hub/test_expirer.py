"""Does every delivery that nobody ends come to its end at the deadline, once, with evidence that is true?"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from lienthong.domain.deadline import Deadlines
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Priority
from lienthong.domain.evidence import ContentConsignmentFailure, ContentHandoverFailure, EvidenceKind
from lienthong.edxml.reader import parse
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.expirer import Expirer
from lienthong.hub.failure import Failures
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, NEIGHBOUR, OPERATOR, PROVINCE, ROAD, Bench, altered

S = DeliveryState


def expirer(bench: Bench) -> Expirer:
    return Expirer(bench.store, bench.broker, Failures(bench.world.hub_key), bench.now, every=0.01)


async def failure_of(
    bench: Bench, document_id: str, recipient: str
) -> ContentConsignmentFailure | ContentHandoverFailure:
    """The one failure of the delivery, its signature verified."""
    kinds = {EvidenceKind.CONTENT_CONSIGNMENT_FAILURE, EvidenceKind.CONTENT_HANDOVER_FAILURE}
    rows = await bench.store.evidence(document_id)
    (found,) = [row for row in rows if row.kind in kinds and row.recipient == recipient]
    trust = bench.world.infrastructure_trust
    verified = verify_record(found.xml, trust=trust, at=bench.world.at, root=records.root_name(found.kind))
    assert (verified.signer.identity or "").startswith("urn:lienthong:hub:")
    record = records.read(verified.root)
    assert isinstance(record, ContentConsignmentFailure | ContentHandoverFailure)
    return record


async def test_a_document_on_its_way_ends_at_its_deadline_and_says_where_it_was(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    await bench.dispatch()
    await bench.walk(*ROAD[:2])
    deadline = sent.deliveries[0].expires_at
    assert deadline == Deadlines().expires_at(Priority.NORMAL, bench.at)
    bench.at = deadline - timedelta(microseconds=1)
    assert await expirer(bench).expire() == 0
    bench.at = deadline
    assert await expirer(bench).expire() == 1
    (row,) = await bench.store.deliveries(sent.document.id)
    assert (row.state, row.error) == (S.EXPIRED, Code.DEADLINE_PASSED)
    failure = await failure_of(bench, sent.document.id, DEPARTMENT)
    assert isinstance(failure, ContentConsignmentFailure)
    assert (failure.node, failure.outcome, failure.failed_at) == (ROAD[1], "EXPIRED", deadline)
    assert failure.document_sha256 == sent.document.sha256
    assert failure.reason.startswith("not handed over by ")


async def test_a_document_nobody_fetched_ends_as_not_handed_over(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    await bench.dispatch()
    await bench.walk(*ROAD)
    bench.pass_time(60 * 86_400)
    assert await expirer(bench).expire() == 1
    failure = await failure_of(bench, sent.document.id, DEPARTMENT)
    assert isinstance(failure, ContentHandoverFailure)
    assert failure.outcome == "EXPIRED"
    for answer in (
        bench.hub.fetch(bench.caller(DEPARTMENT), sent.document.id, offset=0),
        bench.hub.acknowledge(bench.caller(DEPARTMENT), sent.document.id, bench.handover(sent, DEPARTMENT)),
    ):
        with pytest.raises(Refusal) as refused:
            await answer
        assert refused.value.code is Code.DEADLINE_PASSED
        assert refused.value.detail == failure.reason  # which deadline
        assert "ask the sender to send it again" in refused.value.remedy("en")


async def test_a_document_that_comes_after_its_deadline_is_not_put_into_the_inbox(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    await bench.dispatch()
    await bench.walk(*ROAD[:3])
    at = bench.at
    bench.pass_time(60 * 86_400)
    await expirer(bench).expire()
    bench.at = at  # the certificates' time
    await bench.walk(DEPARTMENT)
    (row,) = await bench.store.deliveries(sent.document.id)
    assert row.state is S.EXPIRED
    kinds = [row.kind for row in await bench.store.evidence(sent.document.id)]
    assert EvidenceKind.CONTENT_CONSIGNMENT not in kinds


async def test_expiring_again_changes_nothing(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT, PROVINCE])
    bench.pass_time(60 * 86_400)
    assert await expirer(bench).expire() == 2
    evidence = await bench.store.evidence(sent.document.id)
    assert await expirer(bench).expire() == 0
    assert await bench.store.evidence(sent.document.id) == evidence


async def test_two_hubs_end_a_delivery_once(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    bench.pass_time(60 * 86_400)
    assert sorted(await asyncio.gather(expirer(bench).expire(), expirer(bench).expire())) == [0, 1]
    events = await bench.store.events(document_id=sent.document.id)
    assert [event.kind for event in events].count("delivery.expired") == 1
    await failure_of(bench, sent.document.id, DEPARTMENT)


async def test_a_delivery_that_ended_is_left_alone(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT, "H48.99"])
    await bench.dispatch()
    await bench.walk(*ROAD)
    (delivery,) = [row for row in sent.deliveries if row.recipient == DEPARTMENT]
    await bench.hub.acknowledge(bench.caller(DEPARTMENT), delivery.id, bench.handover(sent, DEPARTMENT))
    bench.pass_time(60 * 86_400)
    assert await expirer(bench).expire() == 0
    states = {row.recipient: row.state for row in await bench.store.deliveries(sent.document.id)}
    assert states == {DEPARTMENT: S.HANDED_OVER, "H48.99": S.REFUSED}


async def test_what_is_handed_over_while_it_is_being_ended_stays_handed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await bench.arrived()
    bench.pass_time(60 * 86_400)
    move = bench.store.move

    async def too_late(*args: Any, **options: Any) -> list[str]:
        receipt = bench.handover(sent, DEPARTMENT)
        await bench.store.hand_over((await bench.delivery(sent)).id, receipt, bench.at)
        return await move(*args, **options)

    monkeypatch.setattr(bench.store, "move", too_late)
    assert await expirer(bench).expire() == 0
    assert await bench.state(sent) is S.HANDED_OVER
    kinds = [row.kind for row in await bench.store.evidence(sent.document.id)]
    assert EvidenceKind.CONTENT_HANDOVER_FAILURE not in kinds


async def test_what_moved_meanwhile_gets_no_evidence_of_where_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    await bench.dispatch()
    await bench.walk(*ROAD[:2])
    bench.at = sent.deliveries[0].expires_at or bench.at
    move = bench.store.move

    async def too_late(*args: Any, **options: Any) -> list[str]:
        await bench.store.touch(sent.document.id, bench.at + timedelta(seconds=1))
        return await move(*args, **options)

    monkeypatch.setattr(bench.store, "move", too_late)
    assert await expirer(bench).expire() == 0
    monkeypatch.undo()
    assert await expirer(bench).expire() == 1  # signed anew, for what it is now
    await failure_of(bench, sent.document.id, DEPARTMENT)


async def test_watching_senders_are_told(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    told: list[dict[str, str]] = []

    async def hear(notification: object) -> None:
        told.append(dict(notification))  # type: ignore[call-overload]

    await bench.broker.subscribe(hear)
    bench.pass_time(60 * 86_400)
    await expirer(bench).expire()
    (delivery,) = await bench.store.deliveries(sent.document.id)
    assert told == [
        {
            "kind": "changed",
            "document_id": sent.document.id,
            "delivery_id": delivery.id,
            "sender": COMMUNE,
            "recipient": DEPARTMENT,
        }
    ]


async def test_a_store_that_is_away_only_delays_it(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    bench.pass_time(60 * 86_400)
    bench.store.fail_next("expired", HubFault("away"))
    stop = asyncio.Event()
    running = asyncio.create_task(expirer(bench).run(stop))
    async with asyncio.timeout(10):
        while (await bench.store.deliveries(sent.document.id))[0].state is not S.EXPIRED:
            await asyncio.sleep(0.005)
    stop.set()
    await running


async def test_a_recipient_refused_at_once_has_evidence_too(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT, "H48.99"])
    failure = await failure_of(bench, sent.document.id, "H48.99")
    assert isinstance(failure, ContentConsignmentFailure)
    assert (failure.node, failure.outcome) == (COMMUNE, "REFUSED")
    assert failure.reason.startswith("RECIPIENT_UNKNOWN")
    refused = next(row for row in sent.deliveries if row.recipient == "H48.99")
    assert refused.expires_at is None
    records.read(parse((await bench.store.evidence(sent.document.id))[0].xml))


async def test_what_an_operator_rejects_has_evidence_too(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [NEIGHBOUR])
    await bench.dispatch()
    await bench.hop(COMMUNE, altered(bench.message(COMMUNE), recipients=("H48.33.02",)))
    held = await bench.quarantined()
    await bench.administration.resolve(OPERATOR, held.id, "rejected", "giả mạo")
    failure = await failure_of(bench, sent.document.id, NEIGHBOUR)
    assert (failure.outcome, failure.reason) == ("REFUSED", "giả mạo")
