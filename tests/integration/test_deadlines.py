"""Does every document end in exactly one verdict by its deadline, and is it known who received it in time?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from lienthong.domain.day import VIETNAM
from lienthong.domain.deadline import Deadlines
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import OtherInfo, Priority
from lienthong.errors import Code, Refusal
from lienthong.hub.expirer import Expirer
from lienthong.hub.failure import Failures
from lienthong.hub.ports import Clock
from lienthong.hub.receipt_port import OverdueKind
from lienthong.hub.receipts import Receipts, Side
from lienthong_client.proof import RecordTrust, verify_evidence
from tests.services.linkage import OPERATOR, Linkage
from tests.services.speaking import say

COMMUNE, DISTRICT, DEPARTMENT, OTHER = "H48.31.05", "H48.31", "H48.11", "H48.33.02"
S = DeliveryState


def clock(linkage: Linkage, days: float) -> Clock:
    return lambda: linkage.now() + timedelta(days=days)


def expirer(linkage: Linkage, days: float) -> Expirer:
    """The hub's own, so many days later."""
    return Expirer(linkage.store, linkage.broker, Failures(linkage.world.hub_key), clock(linkage, days))


def receipts(linkage: Linkage, days: float) -> Receipts:
    return Receipts(linkage.store, linkage.knowledge, clock(linkage, days))


def numbered(number: int) -> dict[str, str]:
    """A document of its own number."""
    return {"code_number": str(number), "document_id": f"{COMMUNE},2026/03/02,{number}/UBND-VX"}


async def verdicts(linkage: Linkage, document_id: str) -> dict[str, str]:
    """Recipient -> how its delivery ended, from the sender's own evidence alone, every signature verified."""
    _, items = await linkage.hub.evidence(linkage.caller(COMMUNE), document_id)
    trust = RecordTrust(infrastructure=linkage.world.infrastructure_trust, agencies=linkage.world.trust)
    proof = verify_evidence(
        [item.xml for item in items],
        document_sha256=None,
        trust=trust,
        at=linkage.world.at + timedelta(minutes=5),
    )
    ended = [(record.recipient, S.HANDED_OVER.value) for record in proof.handovers]
    ended += [(record.recipient, record.outcome) for record in proof.failures]
    assert len(dict(ended)) == len(ended), "one verdict each"
    return dict(ended)


async def test_every_delivery_of_a_document_ends_in_one_verdict(linkage: Linkage) -> None:
    """One received, one lies unfetched, one is stuck on its way, one was never known."""
    recipients = [DISTRICT, DEPARTMENT, OTHER, "H48.99"]
    relay = await linkage.relay(COMMUNE, DISTRICT, "H48", DEPARTMENT)  # nobody serves the way to OTHER
    sent = await linkage.submit(COMMUNE, recipients)
    document_id = sent.document.id
    await linkage.receive(DISTRICT, document_id)
    await linkage.until(document_id, DEPARTMENT, S.CONSIGNED)
    await linkage.until(document_id, OTHER, S.IN_TRANSIT)
    assert await expirer(linkage, days=1).expire() == 0
    assert await expirer(linkage, days=60).expire() == 2
    assert await expirer(linkage, days=60).expire() == 0
    assert await verdicts(linkage, document_id) == {
        DISTRICT: "HANDED_OVER",
        DEPARTMENT: "EXPIRED",
        OTHER: "EXPIRED",
        "H48.99": "REFUSED",
    }
    stuck = await linkage.delivery(document_id, OTHER)
    assert (stuck.state, stuck.error, stuck.node) == (S.EXPIRED, Code.DEADLINE_PASSED, "H48")
    await relay.close()


async def test_a_copy_that_comes_after_the_deadline_reaches_no_inbox(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE, DISTRICT, "H48")
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    body = await linkage.intercept(DEPARTMENT)
    await expirer(linkage, days=60).expire()
    await linkage.relay(DEPARTMENT)
    await linkage.inject(DEPARTMENT, body)
    other = await linkage.submit(COMMUNE, [DEPARTMENT], **numbered(213))
    await linkage.until(other.document.id, DEPARTMENT, S.CONSIGNED)  # the copy before it was dealt with
    assert (await linkage.delivery(sent.document.id, DEPARTMENT)).state is S.EXPIRED
    waiting = await linkage.hub.inbox(linkage.caller(DEPARTMENT), after=None, limit=10)
    assert [item.document.id for item in waiting] == [other.document.id]


async def test_the_deadline_follows_from_the_urgency(linkage: Linkage) -> None:
    found = {}
    for priority in Priority:
        sent = await linkage.submit(
            COMMUNE, [DEPARTMENT], **numbered(priority), other=OtherInfo(priority=priority)
        )
        (delivery,) = sent.deliveries
        assert delivery.expires_at == Deadlines().expires_at(priority, sent.document.accepted_at)
        found[priority] = delivery.expires_at
    assert (
        found[Priority.NORMAL]
        > found[Priority.URGENT]
        > found[Priority.VERY_URGENT]
        > found[Priority.EXPRESS]
    )


async def test_two_hubs_and_a_recipient_at_the_deadline_make_one_verdict(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    await linkage.until(sent.document.id, DEPARTMENT, S.CONSIGNED)
    results = await asyncio.gather(
        expirer(linkage, days=60).expire(),
        expirer(linkage, days=60).expire(),
        linkage.receive(DEPARTMENT, sent.document.id),
        return_exceptions=True,
    )
    (verdict,) = (await verdicts(linkage, sent.document.id)).values()
    state = (await linkage.delivery(sent.document.id, DEPARTMENT)).state
    assert state.value == verdict
    assert (state is S.EXPIRED) == isinstance(results[2], BaseException)


async def test_an_expired_document_can_be_neither_fetched_nor_acknowledged(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    await linkage.until(sent.document.id, DEPARTMENT, S.CONSIGNED)
    await expirer(linkage, days=60).expire()
    with pytest.raises(Refusal):
        await linkage.hub.fetch(linkage.caller(DEPARTMENT), sent.document.id, offset=0)


async def test_late_and_unfetched_for_both_sides_and_for_operators(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT, DISTRICT])
    document_id = sent.document.id
    await linkage.receive(DISTRICT, document_id)
    row = await linkage.until(document_id, DEPARTMENT, S.CONSIGNED)
    assert row.consigned_at is not None
    assert row.receipt_due_at == Deadlines().receipt_due(row.consigned_at)

    async def listed(code: str | None, kind: OverdueKind, side: Side, days: float) -> list[str]:
        caller = OPERATOR if code is None else linkage.caller(code)
        found = await receipts(linkage, days).overdue(caller, kind, side=side)
        return [item.delivery.recipient for item in found if item.document.id == document_id]

    late, unfetched = OverdueKind.LATE, OverdueKind.UNFETCHED
    assert await listed(DEPARTMENT, unfetched, Side.RECIPIENT, 0) == [DEPARTMENT]
    assert await listed(COMMUNE, unfetched, Side.SENDER, 0) == [DEPARTMENT]
    assert await listed(None, unfetched, Side.RECIPIENT, 0) == [DEPARTMENT]
    assert await listed(DISTRICT, unfetched, Side.RECIPIENT, 0) == []
    assert await listed(DEPARTMENT, late, Side.RECIPIENT, 0) == []
    for code, side in ((DEPARTMENT, Side.RECIPIENT), (COMMUNE, Side.SENDER), (None, Side.RECIPIENT)):
        assert await listed(code, late, side, 15) == [DEPARTMENT]
    assert await listed(OTHER, late, Side.RECIPIENT, 15) == []


async def test_figures_of_the_month(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT, DISTRICT])
    await linkage.receive(DISTRICT, sent.document.id)
    row = await linkage.until(sent.document.id, DEPARTMENT, S.CONSIGNED)
    assert row.receipt_due_at is not None
    month = (row.receipt_due_at - timedelta(microseconds=1)).astimezone(VIETNAM).date()
    found = {r.agency: r for r in await receipts(linkage, days=15).figures(OPERATOR, month)}
    assert (found[DISTRICT].received, found[DISTRICT].on_time, found[DISTRICT].late) == (1, 1, 0)
    assert (found[DEPARTMENT].received, found[DEPARTMENT].on_time, found[DEPARTMENT].late) == (1, 0, 1)
    accepted = sent.document.accepted_at.astimezone(VIETNAM).date()
    if (accepted.year, accepted.month) == (month.year, month.month):
        assert found[COMMUNE].sent == 1
    assert [r.agency for r in await receipts(linkage, 15).figures(linkage.caller(DISTRICT), month)] == [
        DISTRICT
    ]


async def test_a_status_has_a_deadline_and_is_nobodys_duty(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    await linkage.receive(DEPARTMENT, sent.document.id)
    said = await say(linkage, DEPARTMENT, COMMUNE, "03", sent.document.edxml_document_id)
    row = await linkage.until(said.document.id, COMMUNE, S.CONSIGNED)
    assert row.receipt_due_at is None
    assert row.expires_at == Deadlines().expires_at(Priority.NORMAL, said.document.accepted_at)
    found = await receipts(linkage, days=15).overdue(linkage.caller(COMMUNE), OverdueKind.LATE)
    assert found == []
    assert await expirer(linkage, days=60).expire() == 1
