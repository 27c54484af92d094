"""One node's hop when things go wrong: nothing lost, nothing doubled, nothing altered passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from lienthong.domain.agency import DatedChange
from lienthong.domain.day import VIETNAM, day_of
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import ContentConsignment, EvidenceKind, HopRecord
from lienthong.edxml.reader import parse
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.knowledge import Trusts
from lienthong.hub.ports import Outcome, Retry
from lienthong.hub.rows import HeldKind
from lienthong.signing.keys import SigningKey
from lienthong.signing.trust import Trust
from lienthong.signing.verify import verify_package
from lienthong.transit import records
from lienthong_client.proof import RecordTrust, verify_evidence
from tests.unit.hub.bench import (
    COMMUNE,
    DEPARTMENT,
    DISTRICT,
    NEIGHBOUR,
    OTHER_COMMUNE,
    OTHER_DISTRICT,
    PROVINCE,
    ROAD,
    Bench,
    altered,
)


def hop_record(xml: bytes) -> HopRecord:
    record = records.read(parse(xml))
    assert isinstance(record, HopRecord)
    return record


async def check_evidence(bench: Bench, document_id: str) -> None:
    """The evidence its sender gets verifies as a whole, every signature included, without the hub."""
    document = await bench.store.document(document_id)
    assert document is not None
    _, items = await bench.hub.evidence(bench.caller(document.sender), document_id)
    trust = RecordTrust(infrastructure=bench.world.infrastructure_trust, agencies=bench.world.trust)
    verify_evidence([item.xml for item in items], document_sha256=document.sha256, trust=trust, at=bench.at)


async def test_four_hops_end_in_the_inbox_with_a_consignment(bench: Bench) -> None:
    sent = await bench.arrived()
    assert [hop.node for hop in await bench.store.hops(sent.document.id)] == list(ROAD)
    assert await bench.state(sent) is DeliveryState.CONSIGNED
    await check_evidence(bench, sent.document.id)
    on_its_way, arrived = bench.broker.notified
    assert (on_its_way["kind"], on_its_way["sender"]) == ("changed", COMMUNE)
    assert (arrived["kind"], arrived["recipient"]) == ("consigned", DEPARTMENT)
    rows = await bench.store.evidence(sent.document.id)
    consigned = records.read(parse(next(r.xml for r in rows if r.kind is EvidenceKind.CONTENT_CONSIGNMENT)))
    assert isinstance(consigned, ContentConsignment)
    assert consigned.hop_digest == (await bench.store.hops(sent.document.id))[-1].digest


async def test_a_large_document_travels_as_a_blob() -> None:
    bench = await Bench.open(inline_limit=100)
    sent = await bench.arrived()
    assert bench.decoded(PROVINCE).document is None
    assert bench.decoded(PROVINCE).blob == sent.document.sha256
    assert await bench.state(sent) is DeliveryState.CONSIGNED


# --- what time can cure is tried again --------------------------------------------------------------------


async def retried_then_done(bench: Bench, node: str = DISTRICT) -> None:
    """The hop is a retry with a reason, holds nothing, and passes the next time."""
    outcome = await bench.hop(node)
    assert isinstance(outcome, Retry)
    assert outcome.reason
    assert await bench.store.held(HeldKind.QUARANTINE) == []
    assert await bench.hop(node, attempt=1) is Outcome.DONE


@pytest.mark.parametrize("method", ["record_hop", "directory_version"])
async def test_a_store_that_fails_is_a_retry(bench: Bench, method: str) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE)
    bench.store.fail_next(method, HubFault("the database is away"))
    if method == "directory_version":  # asked only when a refusal needs a second look
        await bench.revoke(bench.world.key(COMMUNE))
        assert isinstance(
            await bench.hop(DISTRICT, altered(bench.message(DISTRICT), document=b"<x/>")), Retry
        )
        assert await bench.store.held(HeldKind.QUARANTINE) == []
        return
    await retried_then_done(bench)


async def test_a_document_the_store_does_not_know_yet_is_a_retry(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    bench.store.fail_next("record_hop", Refusal(Code.NOT_FOUND, field="document_id"))
    await retried_then_done(bench, COMMUNE)


async def test_a_blob_that_has_not_arrived_yet_is_a_retry() -> None:
    bench = await Bench.open(inline_limit=100, payload_limit=0)
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    data = bench.blobs.content.pop(sent.document.sha256)
    assert isinstance(await bench.hop(COMMUNE), Retry)
    bench.blobs.content[sent.document.sha256] = data
    await bench.walk(COMMUNE)


async def test_a_damaged_blob_is_a_retry_and_never_passed_on() -> None:
    bench = await Bench.open(inline_limit=100, payload_limit=0)
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    bench.blobs.content[sent.document.sha256] = b"rotten"
    assert isinstance(await bench.hop(COMMUNE), Retry)
    assert await bench.store.hops(sent.document.id) == []


async def test_bytes_damaged_in_the_store_are_a_retry_and_never_passed_on() -> None:
    bench = await Bench.open(inline_limit=100)
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    data = bench.store.payloads[sent.document.sha256]
    bench.store.payloads[sent.document.sha256] = data[:-1] + b"X"
    assert isinstance(await bench.hop(COMMUNE), Retry)
    assert await bench.store.hops(sent.document.id) == []
    bench.store.payloads[sent.document.sha256] = data
    await bench.walk(COMMUNE)


async def test_a_missing_revocation_list_is_a_retry(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    good = bench.trusts
    bare = Trust.from_pem(anchors=[bench.world.agency_ca.certificate_pem()])
    bench.trusts = Trusts(agencies=bare, infrastructure=good.infrastructure)
    await bench.knowledge.refresh()
    outcome = await bench.hop(COMMUNE)
    assert isinstance(outcome, Retry)
    assert "revoked" in outcome.reason
    bench.trusts = good
    await bench.walk(COMMUNE)  # the list came back: the relay looks by itself


async def test_a_node_without_its_relay_key_is_a_retry(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    keys = bench.keys

    def none(node: str) -> SigningKey:
        raise HubFault(f"no usable relay key for node {node}")

    bench.keys = none
    assert isinstance(await bench.hop(COMMUNE), Retry)
    bench.keys = keys
    await bench.walk(COMMUNE)


async def test_a_quarantine_the_store_cannot_keep_is_a_retry(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    bad = altered(bench.message(COMMUNE), recipients=(PROVINCE,))
    bench.store.fail_next("hold", HubFault("the database is away"))
    assert isinstance(await bench.hop(COMMUNE, bad), Retry)
    assert await bench.state(sent) is DeliveryState.ACCEPTED
    assert await bench.hop(COMMUNE, bad, attempt=1) is Outcome.DONE
    assert (await bench.quarantined()).message == bad
    assert await bench.state(sent) is DeliveryState.QUARANTINED


async def test_a_quarantine_that_is_asked_for_twice_is_kept_once(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    bad = altered(bench.message(COMMUNE), recipients=(PROVINCE,))
    for _ in range(2):
        assert await bench.hop(COMMUNE, bad, redelivered=True) is Outcome.DONE
    assert (await bench.quarantined()).code is Code.RECIPIENTS_ALTERED


# --- once in effect ---------------------------------------------------------------------------------------


async def test_a_publish_that_fails_after_the_record_repeats_the_same_record(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    bench.broker.fail_next_publish()
    assert isinstance(await bench.hop(COMMUNE), Retry)
    (recorded,) = await bench.store.hops(sent.document.id)
    bench.pass_time(30)  # a hop made anew would be another record
    assert await bench.hop(COMMUNE, attempt=1) is Outcome.DONE
    assert await bench.store.hops(sent.document.id) == [recorded]
    assert bench.decoded(DISTRICT).hop_records == (recorded.record,)
    await bench.walk(DISTRICT, PROVINCE, DEPARTMENT)
    await check_evidence(bench, sent.document.id)


async def test_a_commit_whose_answer_was_lost_is_found_again(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    bench.store.fail_next("record_hop", HubFault("the connection broke"), after=True)
    assert isinstance(await bench.hop(COMMUNE), Retry)
    assert await bench.hop(COMMUNE, redelivered=True) is Outcome.DONE
    (recorded,) = await bench.store.hops(sent.document.id)
    assert bench.decoded(DISTRICT).hop_records == (recorded.record,)


async def test_one_branch_that_fails_keeps_no_other_back_and_is_sent_again(bench: Bench) -> None:
    sent = await bench.sent(PROVINCE, [DEPARTMENT, OTHER_DISTRICT])
    bench.broker.fail_next_publish()
    assert isinstance(await bench.hop(PROVINCE), Retry)
    went = {node for node, _, _ in bench.broker.published[1:]}
    assert len(went) == 1
    assert await bench.hop(PROVINCE, attempt=1) is Outcome.DONE
    await bench.walk(DEPARTMENT, OTHER_DISTRICT)
    for recipient in (DEPARTMENT, OTHER_DISTRICT):
        assert await bench.state(sent, recipient) is DeliveryState.CONSIGNED


async def test_a_second_copy_of_a_finished_document_goes_nowhere(bench: Bench) -> None:
    sent = await bench.arrived()
    first = next(body for node, _, body in bench.broker.published if node == COMMUNE)
    before = len(bench.broker.published)
    events = await bench.kinds(sent.document.id)
    assert await bench.hop(COMMUNE, first) is Outcome.DONE
    assert len(bench.broker.published) == before
    assert await bench.kinds(sent.document.id) == events


async def test_a_second_copy_at_the_end_consigns_once(bench: Bench) -> None:
    sent = await bench.arrived()
    evidence = await bench.store.evidence(sent.document.id)
    assert await bench.hop(DEPARTMENT, redelivered=True) is Outcome.DONE
    assert await bench.store.evidence(sent.document.id) == evidence
    told = [n["delivery_id"] for n in bench.broker.notified if n["kind"] == "consigned"]
    assert set(told) == {(await bench.delivery(sent)).id}


async def test_nobody_is_told_of_a_document_that_was_handed_over(bench: Bench) -> None:
    sent = await bench.arrived()
    caller = bench.caller(DEPARTMENT)
    await bench.hub.acknowledge(caller, sent.document.id, bench.handover(sent, DEPARTMENT))
    bench.broker.notified.clear()
    assert await bench.hop(DEPARTMENT) is Outcome.DONE
    assert bench.broker.notified == []


async def test_only_branches_with_somebody_left_are_sent_again(bench: Bench) -> None:
    await bench.sent(PROVINCE, [DEPARTMENT, OTHER_DISTRICT])
    first = bench.message(PROVINCE)
    await bench.walk(PROVINCE, DEPARTMENT)
    before = len(bench.broker.published)
    assert await bench.hop(PROVINCE, first) is Outcome.DONE
    assert [node for node, _, _ in bench.broker.published[before:]] == [OTHER_DISTRICT]


# --- the directory changes on the way ---------------------------------------------------------------------


async def test_a_certificate_bound_after_the_snapshot_is_no_quarantine(bench: Bench) -> None:
    key = bench.world.issue("second key").signing_key
    await bench.bind(key, COMMUNE)  # this process has not looked since
    assert key.certificate_sha256 not in bench.knowledge.now.bindings
    sent = await bench.sent(COMMUNE, [DEPARTMENT], key=key)
    await bench.walk(COMMUNE)
    assert await bench.state(sent) is DeliveryState.IN_TRANSIT


async def test_a_certificate_revoked_on_the_way_stops_the_document(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE, DISTRICT)
    await bench.revoke(bench.world.key(COMMUNE))
    await bench.knowledge.refresh()
    assert await bench.hop(PROVINCE) is Outcome.DONE
    assert (await bench.quarantined()).code is Code.CERTIFICATE_REVOKED
    delivery = await bench.delivery(sent)
    assert (delivery.state, delivery.error) == (DeliveryState.QUARANTINED, Code.CERTIFICATE_REVOKED)


async def moved_commune(bench: Bench) -> None:
    """OTHER_COMMUNE gets another parent."""
    await bench.change_agency(OTHER_COMMUNE, parent=PROVINCE)
    await bench.knowledge.refresh()


async def test_another_way_since_the_first_record_replaces_it(bench: Bench) -> None:
    sent = await bench.sent(PROVINCE, [OTHER_COMMUNE])
    first = bench.message(PROVINCE)
    await bench.walk(PROVINCE)
    await moved_commune(bench)
    await bench.hop(PROVINCE, first)
    former, hop = await bench.store.hops(sent.document.id)
    assert [branch.node for branch in hop_record(former.record).next] == [OTHER_DISTRICT]
    assert [branch.node for branch in hop_record(hop.record).next] == [OTHER_COMMUNE]
    await bench.walk(OTHER_COMMUNE)
    assert await bench.state(sent, OTHER_COMMUNE) is DeliveryState.CONSIGNED
    await check_evidence(bench, sent.document.id)
    assert "hop.replaced" in await bench.kinds(sent.document.id)


async def test_a_recipient_that_moved_between_two_branches_changes_the_way(bench: Bench) -> None:
    """Both next nodes were in the first record, only the recipient behind them is another."""
    sent = await bench.sent(PROVINCE, [NEIGHBOUR, OTHER_DISTRICT, OTHER_COMMUNE])
    first = bench.message(PROVINCE)
    await bench.walk(PROVINCE)
    await bench.change_agency(NEIGHBOUR, parent=OTHER_DISTRICT)
    await bench.change_agency(OTHER_COMMUNE, parent=DISTRICT)
    await bench.knowledge.refresh()
    await bench.hop(PROVINCE, first)
    _, hop = await bench.store.hops(sent.document.id)
    branches = {branch.node: branch.recipients for branch in hop_record(hop.record).next}
    assert branches == {DISTRICT: (OTHER_COMMUNE,), OTHER_DISTRICT: (OTHER_DISTRICT, NEIGHBOUR)[::-1]}
    await bench.walk(DISTRICT, OTHER_COMMUNE, OTHER_DISTRICT, NEIGHBOUR)
    states = {row.state for row in await bench.store.deliveries(sent.document.id)}
    assert states == {DeliveryState.CONSIGNED}


async def test_copies_on_two_roads_have_a_chain_each_and_one_delivery(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE, DISTRICT, PROVINCE)
    old = bench.message(DEPARTMENT)
    await bench.change_agency(COMMUNE, parent=PROVINCE)  # a shorter way: without the district
    await bench.knowledge.refresh()
    await bench.hop(COMMUNE, next(body for node, _, body in bench.broker.published if node == COMMUNE))
    assert len(bench.decoded(PROVINCE).hop_records) == 1
    await bench.hop(PROVINCE)
    await bench.hop(DEPARTMENT)
    await bench.hop(DEPARTMENT, old)
    assert await bench.state(sent) is DeliveryState.CONSIGNED
    tracking = await bench.hub.track(bench.caller(COMMUNE), sent.document.id)
    assert [hop.node for hop in tracking.deliveries[0].hops] == [COMMUNE, PROVINCE, DEPARTMENT]
    assert len(await bench.store.hops(sent.document.id)) == 7
    await check_evidence(bench, sent.document.id)


async def test_a_recipient_that_is_cut_off_on_the_way_still_gets_it(bench: Bench) -> None:
    sent = await bench.sent(PROVINCE, [OTHER_COMMUNE])
    await bench.change_agency(OTHER_COMMUNE, parent=None)
    await bench.knowledge.refresh()
    await bench.walk(PROVINCE, OTHER_COMMUNE)
    assert await bench.state(sent, OTHER_COMMUNE) is DeliveryState.CONSIGNED


async def test_a_document_below_a_former_parent_does_not_climb_back_through_a_node_it_passed(
    bench: Bench,
) -> None:
    """At the former district when the commune moves: today's road leads back through the province."""
    sent = await bench.sent(PROVINCE, [OTHER_COMMUNE])
    await bench.walk(PROVINCE)
    await moved_commune(bench)
    await bench.walk(OTHER_DISTRICT, OTHER_COMMUNE)
    assert await bench.state(sent, OTHER_COMMUNE) is DeliveryState.CONSIGNED
    await check_evidence(bench, sent.document.id)


async def test_branches_that_meet_again_are_a_chain_each(bench: Bench) -> None:
    """Two communes of two districts move below a third one while a copy is at each of the former ones."""
    sent = await bench.sent(PROVINCE, [NEIGHBOUR, OTHER_COMMUNE])
    await bench.walk(PROVINCE)
    for code in (NEIGHBOUR, OTHER_COMMUNE):
        await bench.change_agency(code, parent=DEPARTMENT)
    await bench.knowledge.refresh()
    await bench.walk(DISTRICT, DEPARTMENT, NEIGHBOUR, OTHER_DISTRICT, DEPARTMENT, OTHER_COMMUNE)
    states = {row.state for row in await bench.store.deliveries(sent.document.id)}
    assert states == {DeliveryState.CONSIGNED}
    await check_evidence(bench, sent.document.id)


async def test_the_day_begins_in_vietnam_and_the_road_is_that_days(bench: Bench) -> None:
    tomorrow = day_of(bench.at) + timedelta(days=1)
    await bench.change_agency(OTHER_COMMUNE, changes=(DatedChange(on=tomorrow, parent=PROVINCE),))
    await bench.knowledge.refresh()
    assert bench.knowledge.now.directory.route(PROVINCE, OTHER_COMMUNE) == (
        PROVINCE,
        OTHER_DISTRICT,
        OTHER_COMMUNE,
    )
    midnight = datetime.combine(tomorrow, time(), VIETNAM)
    bench.pass_time((midnight - bench.at).total_seconds() - 1)
    assert not await bench.knowledge.refresh()
    bench.pass_time(1)
    assert await bench.knowledge.refresh()
    assert bench.knowledge.now.directory.route(PROVINCE, OTHER_COMMUNE) == (PROVINCE, OTHER_COMMUNE)


# --- what a signature forbids -----------------------------------------------------------------------------

ATTACKS: dict[str, tuple[Code, Callable[[Bench, bytes], bytes]]] = {
    "unreadable": (Code.CHAIN_BROKEN, lambda _, body: b"\xff" + body),
    "a byte of the document changed": (
        Code.SIGNATURE_INVALID,
        lambda b, body: altered(
            body, document=(b.decoded(PROVINCE).document or b"").replace(b"212", b"213", 1)
        ),
    ),
    "another document under the same records": (
        Code.CHAIN_BROKEN,
        lambda b, body: altered(body, document=b.world.signed(COMMUNE, [DEPARTMENT], subject="Khác")),
    ),
    "a recipient added": (
        Code.RECIPIENTS_ALTERED,
        lambda _, body: altered(body, recipients=(DEPARTMENT, OTHER_DISTRICT)),
    ),
    "no recipients": (Code.RECIPIENTS_ALTERED, lambda _, body: altered(body, recipients=())),
    "recipients twice": (
        Code.RECIPIENTS_ALTERED,
        lambda _, body: altered(body, recipients=(DEPARTMENT, DEPARTMENT)),
    ),
    "another document's id": (Code.CHAIN_BROKEN, lambda _, body: altered(body, document_id="0195-forged")),
    "a record taken out": (
        Code.CHAIN_BROKEN,
        lambda b, body: altered(body, hop_records=b.decoded(PROVINCE).hop_records[1:]),
    ),
    "no records": (Code.CHAIN_BROKEN, lambda _, body: altered(body, hop_records=())),
    "a record's byte changed": (
        Code.SIGNATURE_INVALID,
        lambda b, body: altered(
            body,
            hop_records=(
                b.decoded(PROVINCE).hop_records[0],
                b.decoded(PROVINCE).hop_records[1].replace(b"PASSED", b"FAILED"),
            ),
        ),
    ),
    "an acceptance of nobody": (Code.XML_MALFORMED, lambda _, body: altered(body, acceptance=b"<")),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_altered_message_is_quarantined_with_its_code(bench: Bench, attack: str) -> None:
    code, alter = ATTACKS[attack]
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE, DISTRICT)
    bad = alter(bench, bench.message(PROVINCE))
    before = len(bench.broker.published)
    assert await bench.hop(PROVINCE, bad) is Outcome.DONE
    held = await bench.quarantined()
    assert (held.code, held.node, held.message) == (code, PROVINCE, bad)
    assert len(bench.broker.published) == before
    known = attack != "unreadable"
    assert held.document_id == (sent.document.id if known else None)
    expected = DeliveryState.QUARANTINED if known else DeliveryState.IN_TRANSIT
    assert await bench.state(sent) is expected
    await bench.hop(PROVINCE)  # the genuine copy still goes through
    assert await bench.state(sent) is DeliveryState.IN_TRANSIT


async def test_a_message_for_another_nodes_queue_is_caught(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.hop(OTHER_DISTRICT, bench.message(COMMUNE))
    assert (await bench.quarantined()).code is Code.CHAIN_BROKEN
    assert await bench.state(sent) is DeliveryState.ACCEPTED  # it waits behind another node


async def test_a_node_that_was_passed_refuses_a_loop(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE, DISTRICT, PROVINCE)
    await bench.hop(DISTRICT, bench.message(DEPARTMENT))
    held = await bench.quarantined()
    assert held.code is Code.CHAIN_BROKEN
    assert "loop" in (held.detail or "")


async def test_only_what_lies_behind_the_node_is_quarantined(bench: Bench) -> None:
    sent = await bench.sent(PROVINCE, [DEPARTMENT, OTHER_COMMUNE])
    await bench.walk(PROVINCE)
    await bench.hop(OTHER_DISTRICT, altered(bench.message(OTHER_DISTRICT), recipients=(DEPARTMENT,)))
    assert await bench.state(sent, OTHER_COMMUNE) is DeliveryState.QUARANTINED
    assert await bench.state(sent, DEPARTMENT) is DeliveryState.IN_TRANSIT


async def test_a_hop_record_of_another_kind_in_the_store_is_our_fault(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE)
    known = bench.store._documents[sent.document.id]
    (made,) = known.hops.values()
    made[0] = replace(made[0], record=sent.acceptance)
    assert isinstance(await bench.hop(COMMUNE), Retry)


async def test_what_arrives_is_what_the_sender_signed(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    await bench.hub.submit(bench.caller(COMMUNE), data)
    await bench.dispatch()
    await bench.walk(*ROAD)
    assert bench.decoded(DEPARTMENT).document == data
    w = bench.world
    verify_package(data, trust=w.trust, bindings=w.bindings, directory=w.directory, at=w.at)


async def test_a_refusal_of_the_store_itself_is_never_a_loss(bench: Bench) -> None:
    """Anything else the store refuses about a hop goes the way of every refusal: held, with the exact bytes."""
    await bench.sent(COMMUNE, [DEPARTMENT])
    bench.store.fail_next("record_hop", Refusal(Code.STATE_ILLEGAL, field="state"))
    assert await bench.hop(COMMUNE) is Outcome.DONE
    assert (await bench.quarantined()).message == bench.message(COMMUNE)
