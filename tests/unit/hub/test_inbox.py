"""Does a recipient hear of each document once, get its exact bytes, and end the delivery with its own receipt?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Business, BusinessType, Replacement
from lienthong.domain.evidence import EvidenceKind
from lienthong.edxml.reader import parse
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub import inbox as inbox_module
from lienthong.hub.accept import Submission
from lienthong.hub.payloads import DEFAULT_PAYLOAD_LIMIT
from lienthong.hub.rows import InboxItem
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, OPERATOR, PROVINCE, Bench


async def code_of(answer: Any) -> Code:
    with pytest.raises(Refusal) as caught:
        await answer
    return caught.value.code


async def next_of(watch: AsyncIterator[InboxItem]) -> InboxItem:
    async with asyncio.timeout(10):
        return await anext(watch)


async def nothing_from(watch: AsyncIterator[InboxItem], act: Callable[[], Any]) -> None:
    """Nothing comes although `act` was done and the watcher has seen it."""
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    await act()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


# --- listing and watching ---------------------------------------------------------------------------------


async def test_the_inbox_lists_pages_of_what_waits(bench: Bench) -> None:
    sent = [await bench.arrived(code_number=str(number)) for number in range(3)]
    caller = bench.caller(DEPARTMENT)
    first = await bench.hub.inbox(caller, after=None, limit=2)
    rest = await bench.hub.inbox(caller, after=first[-1].delivery.id, limit=2)
    assert {i.document.id for i in (*first, *rest)} == {s.document.id for s in sent}
    assert (len(first), len(rest)) == (2, 1)
    assert await bench.hub.inbox(bench.caller(DISTRICT), after=None, limit=9) == []
    assert await code_of(bench.hub.inbox(OPERATOR, after=None, limit=9)) is Code.NOT_PERMITTED


async def test_a_watcher_gets_what_waits_and_then_what_comes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "_PAGE", 2)  # several pages wait
    waiting = [await bench.arrived(code_number=str(number)) for number in range(5)]
    async with aclosing(bench.hub.watch_inbox(bench.caller(DEPARTMENT), only_new=False)) as watch:  # type: ignore[type-var]
        found = [(await next_of(watch)).document.id for _ in waiting]
        assert sorted(found) == sorted(sent.document.id for sent in waiting)
        coming = asyncio.ensure_future(next_of(watch))
        sent = await bench.arrived(code_number="9")
        assert (await coming).document.id == sent.document.id


async def test_only_new_skips_what_waits(bench: Bench) -> None:
    await bench.arrived(code_number="1")
    async with aclosing(bench.hub.watch_inbox(bench.caller(DEPARTMENT), only_new=True)) as watch:  # type: ignore[type-var]
        coming = asyncio.ensure_future(next_of(watch))
        await asyncio.sleep(0)
        sent = await bench.arrived(code_number="2")
        assert (await coming).document.id == sent.document.id


async def test_a_notification_that_was_lost_is_made_up_for_by_looking(bench: Bench) -> None:
    bench.inbox._poll_every = 0.01
    bench.broker._subscribers.clear()
    async with aclosing(bench.hub.watch_inbox(bench.caller(DEPARTMENT), only_new=True)) as watch:  # type: ignore[type-var]
        coming = asyncio.ensure_future(next_of(watch))
        await asyncio.sleep(0)
        sent = await bench.arrived()
        assert (await coming).document.id == sent.document.id


async def test_a_stream_of_notifications_never_puts_the_look_off(bench: Bench) -> None:
    """One notification is lost; others, of nothing new, keep coming faster than the poll."""
    bench.inbox._poll_every = 0.05
    old = await bench.arrived(code_number="1")
    known = {"kind": "consigned", "recipient": DEPARTMENT, "delivery_id": (await bench.delivery(old)).id}
    async with aclosing(bench.hub.watch_inbox(bench.caller(DEPARTMENT), only_new=True)) as watch:  # type: ignore[type-var]
        coming = asyncio.ensure_future(next_of(watch))
        await asyncio.sleep(0)
        bench.broker._subscribers.clear()
        sent = await bench.arrived(code_number="2")
        while not coming.done():
            await bench.inbox.notified(known)
            await asyncio.sleep(0.005)
        assert (await coming).document.id == sent.document.id


async def test_a_delivery_told_twice_is_given_once(bench: Bench) -> None:
    async with aclosing(bench.hub.watch_inbox(bench.caller(DEPARTMENT), only_new=False)) as watch:  # type: ignore[type-var]
        coming = asyncio.ensure_future(next_of(watch))
        await asyncio.sleep(0)
        await bench.arrived()
        await coming
        told = bench.broker.notified[-1]
        assert told["kind"] == "consigned"
        await nothing_from(watch, lambda: bench.inbox.notified(told))


@pytest.mark.parametrize(
    "kind", ["unknown delivery", "another agency's", "other news", "handed over already"]
)
async def test_notifications_are_not_believed(bench: Bench, kind: str) -> None:
    """Somebody with the broker in hand tells of what is not so: nobody sees what is not theirs."""
    sent = await bench.arrived()
    told = {"kind": "consigned", "recipient": DISTRICT, "delivery_id": (await bench.delivery(sent)).id}
    agency = DISTRICT
    match kind:
        case "unknown delivery":
            told["delivery_id"] = "no such"
        case "other news":
            told["kind"] = "weather"
        case "handed over already":
            agency = told["recipient"] = DEPARTMENT
            evidence = bench.handover(sent, DEPARTMENT)
            await bench.hub.acknowledge(bench.caller(DEPARTMENT), sent.document.id, evidence)
    async with aclosing(bench.hub.watch_inbox(bench.caller(agency), only_new=False)) as watch:  # type: ignore[type-var]
        await nothing_from(watch, lambda: bench.inbox.notified(told))


async def test_many_watchers_of_one_agency_each_get_everything(bench: Bench) -> None:
    caller = bench.caller(DEPARTMENT)
    watches = [bench.hub.watch_inbox(caller, only_new=True) for _ in range(50)]
    coming = [asyncio.ensure_future(next_of(watch)) for watch in watches]
    await asyncio.sleep(0)
    sent = await bench.arrived()
    assert {item.document.id for item in await asyncio.gather(*coming)} == {sent.document.id}
    for watch in watches:
        await watch.aclose()  # type: ignore[attr-defined]
    assert bench.inbox._watchers == {}


async def test_a_watcher_that_leaves_is_forgotten_and_the_others_stay(bench: Bench) -> None:
    caller = bench.caller(DEPARTMENT)
    leaving, staying = (
        asyncio.ensure_future(next_of(bench.hub.watch_inbox(caller, only_new=True))) for _ in "ab"
    )
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    assert len(bench.inbox._watchers[DEPARTMENT]) == 1
    sent = await bench.arrived()
    assert (await staying).document.id == sent.document.id


async def test_an_operator_cannot_watch(bench: Bench) -> None:
    assert await code_of(anext(bench.hub.watch_inbox(OPERATOR, only_new=False))) is Code.NOT_PERMITTED


# --- fetching ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [DEFAULT_PAYLOAD_LIMIT, 0])
@pytest.mark.parametrize("offset", [0, 1, 5_000])
async def test_the_exact_bytes_from_any_offset(offset: int, limit: int) -> None:
    bench = await Bench.open(payload_limit=limit)
    sent = await bench.arrived()
    data = await bench.payloads.get(sent.document.sha256)
    item, chunks = await bench.hub.fetch(bench.caller(DEPARTMENT), sent.document.id, offset=offset)
    assert b"".join([chunk async for chunk in chunks]) == data[offset:]
    assert item.delivery.recipient == DEPARTMENT


@pytest.mark.parametrize("reference", ["delivery", "document", "sha256", "edxml"])
async def test_a_document_is_found_by_any_of_its_names(bench: Bench, reference: str) -> None:
    sent = await bench.arrived()
    names = {
        "delivery": (await bench.delivery(sent)).id,
        "document": sent.document.id,
        "sha256": sent.document.sha256,
        "edxml": sent.document.edxml_document_id or "",
    }
    item = await bench.inbox.find(bench.caller(DEPARTMENT), names[reference])
    assert item.document.id == sent.document.id


async def test_offsets_outside_the_document_are_refused(bench: Bench) -> None:
    sent = await bench.arrived()
    for offset in (-1, sent.document.size + 1):
        answer = bench.hub.fetch(bench.caller(DEPARTMENT), sent.document.id, offset=offset)
        assert await code_of(answer) is Code.ARGUMENT_INVALID


async def test_nothing_is_handed_out_before_it_is_consigned(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    answer = bench.hub.fetch(bench.caller(DEPARTMENT), sent.document.id, offset=0)
    assert await code_of(answer) is Code.STATE_ILLEGAL


@pytest.mark.parametrize("handed_over", [False, True])
@pytest.mark.parametrize("kind", [BusinessType.RECALL, BusinessType.REPLACE])
async def test_what_was_taken_back_or_replaced_gives_no_bytes(
    bench: Bench, kind: BusinessType, handed_over: bool
) -> None:
    sent = await bench.arrived()
    if handed_over:
        await acknowledged(bench, sent, bench.handover(sent, DEPARTMENT))
    name = sent.document.edxml_document_id or ""
    replaced = (
        (Replacement(document_id=name, organ_ids=(DEPARTMENT,)),) if kind is BusinessType.REPLACE else ()
    )
    business = Business(type=kind, reason="Nhầm", document_id=name, replacements=replaced)
    asking = await bench.submit(COMMUNE, [DEPARTMENT], business=business, code_number="99")
    caller = bench.caller(DEPARTMENT)
    (notice,) = await bench.hub.notices(caller, after=None, limit=9)
    assert (notice.document.id, notice.by.id) == (sent.document.id, asking.document.id)
    if kind is BusinessType.RECALL and handed_over:  # its clerk is asked: until it agrees, it may read
        await bench.hub.fetch(caller, sent.document.id, offset=0)
        return
    code = Code.DOCUMENT_RECALLED if kind is BusinessType.RECALL else Code.DOCUMENT_SUPERSEDED
    assert await code_of(bench.hub.fetch(caller, sent.document.id, offset=0)) is code
    if not handed_over:
        assert await code_of(acknowledged(bench, sent, bench.handover(sent, DEPARTMENT))) is code
    await bench.hub.see_notice(caller, sent.document.id)
    assert await bench.hub.notices(caller, after=None, limit=9) == []


@pytest.mark.parametrize("caller", [COMMUNE, DISTRICT, PROVINCE])
async def test_others_deliveries_do_not_exist_for_an_agency(bench: Bench, caller: str) -> None:
    sent = await bench.arrived()
    for reference in (sent.document.id, (await bench.delivery(sent)).id, "nothing"):
        assert await code_of(bench.inbox.find(bench.caller(caller), reference)) is Code.NOT_FOUND


# --- the receipt ------------------------------------------------------------------------------------------


async def acknowledged(bench: Bench, sent: Submission, evidence: bytes, caller: str = DEPARTMENT) -> Any:
    return await bench.hub.acknowledge(bench.caller(caller), sent.document.id, evidence)


async def test_the_recipients_own_receipt_ends_the_delivery(bench: Bench) -> None:
    sent = await bench.arrived()
    evidence = bench.handover(sent, DEPARTMENT)
    row = await acknowledged(bench, sent, evidence)
    assert row.state is DeliveryState.HANDED_OVER
    kept = {row.kind: row.xml for row in await bench.store.evidence(sent.document.id)}
    assert kept[EvidenceKind.CONTENT_HANDOVER] == evidence


async def test_a_receipt_again_changes_nothing(bench: Bench) -> None:
    sent = await bench.arrived()
    row = await acknowledged(bench, sent, bench.handover(sent, DEPARTMENT))
    events = await bench.kinds()
    bench.pass_time(5)
    assert await acknowledged(bench, sent, bench.handover(sent, DEPARTMENT)) == row
    assert await acknowledged(bench, sent, b"anything") == row
    assert await bench.kinds() == events


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"document_id": "another"}, Code.ARGUMENT_INVALID),
        ({"document_sha256": "0" * 64}, Code.ARGUMENT_INVALID),
        ({"recipient": DISTRICT}, Code.ARGUMENT_INVALID),
    ],
)
async def test_a_receipt_for_something_else_is_refused(
    bench: Bench, values: dict[str, str], code: Code
) -> None:
    sent = await bench.arrived()
    assert await code_of(acknowledged(bench, sent, bench.handover(sent, DEPARTMENT, **values))) is code
    assert await bench.state(sent) is DeliveryState.CONSIGNED


async def test_a_receipt_signed_by_somebody_else_is_refused(bench: Bench) -> None:
    sent = await bench.arrived()
    for key, code in (
        (bench.world.key(COMMUNE), Code.SIGNER_NOT_SENDER),
        (bench.world.issue("never bound").signing_key, Code.SIGNER_NOT_SENDER),
        (bench.world.node_key(DEPARTMENT), Code.CERTIFICATE_UNTRUSTED),
    ):
        assert await code_of(acknowledged(bench, sent, bench.handover(sent, DEPARTMENT, key=key))) is code


async def test_a_receipt_with_a_revoked_certificate_is_refused(bench: Bench) -> None:
    sent = await bench.arrived()
    evidence = bench.handover(sent, DEPARTMENT)
    await bench.revoke(bench.world.key(DEPARTMENT))
    await bench.knowledge.refresh()
    assert await code_of(acknowledged(bench, sent, evidence)) is Code.CERTIFICATE_REVOKED


async def test_a_receipt_with_a_certificate_bound_a_moment_ago_is_taken(bench: Bench) -> None:
    sent = await bench.arrived()
    key = bench.world.issue("second key").signing_key
    await bench.bind(key, DEPARTMENT)
    row = await acknowledged(bench, sent, bench.handover(sent, DEPARTMENT, key=key))
    assert row.state is DeliveryState.HANDED_OVER


async def test_another_record_is_no_receipt(bench: Bench) -> None:
    sent = await bench.arrived()
    key = bench.world.key(DEPARTMENT)
    acceptance = records.read(parse(sent.acceptance))
    forged = sign_record(records.write(acceptance), key, at=bench.at)
    assert await code_of(acknowledged(bench, sent, forged)) is Code.SCHEMA_INVALID


async def test_a_receipt_before_arrival_is_refused(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    assert await code_of(acknowledged(bench, sent, bench.handover(sent, DEPARTMENT))) is Code.STATE_ILLEGAL


async def test_a_receipt_the_store_could_not_keep_is_given_again(bench: Bench) -> None:
    sent = await bench.arrived()
    evidence = bench.handover(sent, DEPARTMENT)
    bench.store.fail_next("hand_over", HubFault("the connection broke"), after=True)
    with pytest.raises(HubFault):
        await acknowledged(bench, sent, evidence)
    assert (await acknowledged(bench, sent, evidence)).state is DeliveryState.HANDED_OVER
