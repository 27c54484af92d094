"""Who sees what of a document, and does the trace hold whatever the directory says today?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code, HubFault, Refusal
from tests.unit.hub.bench import (
    COMMUNE,
    DEPARTMENT,
    DISTRICT,
    OPERATOR,
    OTHER_COMMUNE,
    OTHER_DISTRICT,
    PROVINCE,
    ROAD,
    Bench,
)


async def test_each_delivery_has_the_hops_of_its_own_way(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT, OTHER_COMMUNE, DISTRICT])
    await bench.walk(COMMUNE, DISTRICT, PROVINCE, DEPARTMENT, OTHER_DISTRICT, OTHER_COMMUNE)
    tracking = await bench.hub.track(bench.caller(COMMUNE), sent.document.id)
    ways = {t.delivery.recipient: [hop.node for hop in t.hops] for t in tracking.deliveries}
    assert ways == {
        DEPARTMENT: list(ROAD),
        OTHER_COMMUNE: [COMMUNE, DISTRICT, PROVINCE, OTHER_DISTRICT, OTHER_COMMUNE],
        DISTRICT: [COMMUNE, DISTRICT],
    }


async def test_the_trace_stays_when_the_directory_changes(bench: Bench) -> None:
    sent = await bench.arrived()
    await bench.change_agency(COMMUNE, parent=PROVINCE)
    await bench.knowledge.refresh()
    tracking = await bench.hub.track(OPERATOR, sent.document.id)
    assert [hop.node for hop in tracking.deliveries[0].hops] == list(ROAD)


async def test_a_recipient_sees_its_own_delivery_and_evidence_only(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT, OTHER_COMMUNE])
    await bench.walk(COMMUNE, DISTRICT, PROVINCE, DEPARTMENT, OTHER_DISTRICT, OTHER_COMMUNE)
    document, items = await bench.hub.evidence(bench.caller(DEPARTMENT), sent.document.id)
    assert document.id == sent.document.id
    assert [item.node for item in items if item.node] == list(ROAD)
    assert [i.recipient for i in items if i.kind is EvidenceKind.CONTENT_CONSIGNMENT] == [DEPARTMENT]
    tracking = await bench.hub.track(bench.caller(DEPARTMENT), sent.document.id)
    assert [t.delivery.recipient for t in tracking.deliveries] == [DEPARTMENT]


@pytest.mark.parametrize("reader", ["sender", "operator"])
async def test_sender_and_operators_see_all_of_it(bench: Bench, reader: str) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT, OTHER_COMMUNE])
    await bench.walk(COMMUNE, DISTRICT, PROVINCE, DEPARTMENT)
    caller = OPERATOR if reader == "operator" else bench.caller(COMMUNE)
    _, items = await bench.hub.evidence(caller, sent.document.sha256)
    assert [item.node for item in items if item.node] == list(ROAD)
    assert [item.kind for item in items if not item.node].count(EvidenceKind.SUBMISSION_ACCEPTANCE) == 1
    tracking = await bench.hub.track(caller, sent.document.edxml_document_id or "")
    assert [t.delivery.recipient for t in tracking.deliveries] == [DEPARTMENT, OTHER_COMMUNE]


async def test_another_agency_that_uses_our_document_id_does_not_hide_our_document(bench: Bench) -> None:
    """Only our own identity is ours to choose: whoever writes the same DocumentId later is another sender."""
    ours = await bench.sent(COMMUNE, [DEPARTMENT])
    written = ours.document.edxml_document_id or ""
    theirs = await bench.sent(OTHER_COMMUNE, [DEPARTMENT], document_id=written)
    assert theirs.document.edxml_document_id == written
    assert (await bench.hub.track(bench.caller(COMMUNE), written)).document.id == ours.document.id
    assert (await bench.hub.track(bench.caller(OTHER_COMMUNE), written)).document.id == theirs.document.id


@pytest.mark.parametrize("stranger", [DISTRICT, PROVINCE, OTHER_COMMUNE])
async def test_for_others_there_is_no_such_document(bench: Bench, stranger: str) -> None:
    """A node on the way is no reader either: its relay passes documents on, its office does not see them."""
    sent = await bench.arrived()
    for reference in (sent.document.id, "no such document"):
        with pytest.raises(Refusal) as caught:
            await bench.hub.track(bench.caller(stranger), reference)
        assert caught.value.code is Code.NOT_FOUND


async def test_a_stored_hop_that_is_no_hop_record_is_our_fault(bench: Bench) -> None:
    sent = await bench.arrived()
    known = bench.store._documents[sent.document.id]
    made = next(made for (node, _), made in known.hops.items() if node == PROVINCE)
    made[0] = replace(made[0], record=sent.acceptance)
    with pytest.raises(HubFault, match=PROVINCE):
        await bench.hub.track(OPERATOR, sent.document.id)
