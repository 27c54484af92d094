"""The day four tiers become two: documents at every node of the old road, and for agencies that close that day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from lienthong.broker.private_node import PrivateNode
from lienthong.domain.agency import AgencyStatus, DatedChange, Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import ContentConsignmentFailure, ContentHandoverFailure, EvidenceKind
from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import HeldKind
from lienthong.transit import records
from lienthong_client.proof import Proof, RecordTrust, verify_evidence
from lienthong_client.receive import verify_received
from tests.pki.world import world
from tests.services.linkage import Linkage

COMMUNE, DISTRICT, PROVINCE, OTHER_DISTRICT, OTHER = "H48.31.05", "H48.31", "H48", "H48.33", "H48.33.02"
OLD_ROAD = [COMMUNE, DISTRICT, PROVINCE, OTHER_DISTRICT, OTHER]
LAST_DAY, DAY = date(2026, 3, 2), date(2026, 3, 3)
SUCCESSORS = {DISTRICT: (COMMUNE,), OTHER_DISTRICT: (OTHER, "H48.33.03")}


def switching() -> Directory:
    """Four tiers until the last day; from the next, communes stand under the province and districts are closed."""
    agencies = []
    for agency in world().directory:
        if agency.tier == "commune":
            agencies.append(replace(agency, changes=(DatedChange(on=DAY, parent=PROVINCE),)))
        elif agency.tier == "district":
            agencies.append(replace(agency, valid_to=LAST_DAY, successors=SUCCESSORS[agency.code]))
        else:
            agencies.append(agency)
    return Directory.of(agencies)


@pytest.fixture
async def province(rabbitmq: PrivateNode, tmp_path: Path) -> AsyncIterator[Linkage]:
    async with Linkage.open([rabbitmq.amqp_url], tmp_path, directory=switching()) as running:
        yield running


@pytest.fixture
async def redirecting(rabbitmq: PrivateNode, tmp_path: Path) -> AsyncIterator[Linkage]:
    async with Linkage.open(
        [rabbitmq.amqp_url], tmp_path, directory=switching(), redirect_closed=True
    ) as running:
        yield running


async def proof(linkage: Linkage, agency: str, document_id: str) -> Proof:
    """What the agency can prove without the hub."""
    document, items = await linkage.hub.evidence(linkage.caller(agency), document_id)
    trust = RecordTrust(infrastructure=linkage.world.infrastructure_trust, agencies=linkage.world.trust)
    xmls = [item.xml for item in items]
    return verify_evidence(xmls, document_sha256=document.sha256, trust=trust, at=linkage.now())


async def waiting_at_every_node(linkage: Linkage, recipients: list[str]) -> dict[str, tuple[str, bytes]]:
    """For each node of the old road a document that waits there: its id and the message taken out of the queue."""
    waiting = {}
    for count, node in enumerate(OLD_ROAD):
        sent = await linkage.submit(COMMUNE, recipients, code_number=str(500 + count))
        waiting[node] = sent.document.id, await linkage.intercept(node)
        await linkage.relay(node)  # the next document goes one node further
    return waiting


async def test_documents_at_every_node_of_the_old_road_arrive_when_the_tiers_change(
    province: Linkage,
) -> None:
    waiting = await waiting_at_every_node(province, [OTHER])
    await province.relay("H48.33.03", "H48.31.06", "H48.11")
    await province.begin(DAY)
    assert province.hub.directory.route(COMMUNE, OTHER) == (COMMUNE, PROVINCE, OTHER)
    for node, (_, body) in waiting.items():
        await province.inject(node, body)
    for node, (document_id, _) in waiting.items():
        await province.receive(OTHER, document_id)
        passed = await province.hops(COMMUNE, document_id, OTHER)
        behind = OLD_ROAD[: OLD_ROAD.index(node)]
        assert passed[: len(behind)] == behind, "hops before the change stand"
        assert passed[-1] == OTHER
        assert len(passed) == len(set(passed)), "no node twice"
        proved = await proof(province, COMMUNE, document_id)
        assert [hop.node for hop in proved.way_to(OTHER)] == passed
    assert await province.hops(COMMUNE, waiting[COMMUNE][0], OTHER) == [COMMUNE, PROVINCE, OTHER]
    assert await province.hops(COMMUNE, waiting[OTHER_DISTRICT][0], OTHER) == OLD_ROAD
    assert await province.store.held(HeldKind.QUARANTINE) == []


async def test_a_directive_on_its_way_down_reaches_every_commune_of_the_former_districts(
    province: Linkage,
) -> None:
    communes = ["H48.31.05", "H48.31.06", "H48.33.02", "H48.33.03"]
    await province.relay(PROVINCE)
    sent = await province.submit(PROVINCE, communes)
    bodies = {node: await province.intercept(node) for node in (DISTRICT, OTHER_DISTRICT)}
    await province.begin(DAY)
    await province.relay(DISTRICT, OTHER_DISTRICT, *communes)
    for node, body in bodies.items():
        await province.inject(node, body)
    for commune in communes:
        await province.receive(commune, sent.document.id)
    await proof(province, PROVINCE, sent.document.id)


async def test_the_reconciler_after_the_change_doubles_nothing(province: Linkage) -> None:
    await province.relay(COMMUNE, PROVINCE)
    sent = await province.submit(COMMUNE, [OTHER])
    body = await province.intercept(DISTRICT)
    await province.begin(DAY)
    await province.relay(DISTRICT, OTHER_DISTRICT, OTHER)
    assert await province.reconciler.reconcile(everything=True) == 1
    await province.until(sent.document.id, OTHER, DeliveryState.CONSIGNED)
    await province.inject(DISTRICT, body)  # the copy on the old road comes, too
    later = await province.submit(COMMUNE, [OTHER], code_number="600")
    await province.receive(OTHER, sent.document.id)
    await province.until(later.document.id, OTHER, DeliveryState.CONSIGNED)
    assert await province.hops(COMMUNE, sent.document.id, OTHER) == [COMMUNE, PROVINCE, OTHER]
    await proof(province, COMMUNE, sent.document.id)


async def test_a_document_to_an_agency_that_closed_on_the_way_is_refused_with_evidence(
    province: Linkage,
) -> None:
    await province.relay(COMMUNE, DISTRICT)
    sent = await province.submit(COMMUNE, [OTHER_DISTRICT, OTHER])
    body = await province.intercept(PROVINCE)
    await province.begin(DAY)
    await province.relay(PROVINCE, OTHER_DISTRICT, OTHER)
    await province.inject(PROVINCE, body)
    await province.receive(OTHER, sent.document.id)
    assert await province.parts.closures.settle() == 1
    row = await province.delivery(sent.document.id, OTHER_DISTRICT)
    assert (row.state, row.error) == (DeliveryState.REFUSED, Code.RECIPIENT_CLOSED)
    assert row.error_detail == f"{OTHER_DISTRICT} → {OTHER}, H48.33.03"
    _, items = await province.hub.evidence(province.caller(COMMUNE), sent.document.id)
    (failure,) = [i for i in items if i.kind is EvidenceKind.CONTENT_CONSIGNMENT_FAILURE]
    said = records.read(parse(failure.xml))
    assert isinstance(said, ContentConsignmentFailure)
    assert (said.recipient, said.node, said.outcome) == (OTHER_DISTRICT, PROVINCE, "REFUSED")
    assert await province.parts.closures.settle() == 0
    refused = await province.submit(COMMUNE, [OTHER_DISTRICT, OTHER], code_number="601")
    assert [(d.recipient, d.error) for d in refused.deliveries] == [
        (OTHER_DISTRICT, Code.RECIPIENT_CLOSED),
        (OTHER, None),
    ]


async def test_a_document_to_an_agency_that_closed_on_the_way_goes_to_its_one_successor(
    redirecting: Linkage,
) -> None:
    await redirecting.relay("H48.11")
    sent = await redirecting.submit("H48.11", [DISTRICT])
    body = await redirecting.intercept(PROVINCE)
    await redirecting.begin(DAY)
    await redirecting.relay(PROVINCE, DISTRICT, COMMUNE)
    await redirecting.inject(PROVINCE, body)
    assert await redirecting.parts.closures.settle() == 1
    _, data = await redirecting.receive(COMMUNE, sent.document.id)
    former = await redirecting.delivery(sent.document.id, DISTRICT)
    assert (former.state, former.error) == (DeliveryState.REFUSED, Code.RECIPIENT_CLOSED)
    assert await redirecting.hops("H48.11", sent.document.id, COMMUNE) == ["H48.11", PROVINCE, COMMUNE]
    proved = await proof(redirecting, "H48.11", sent.document.id)
    assert [handover.recipient for handover in proved.handovers] == [COMMUNE]
    _, items = await redirecting.hub.evidence(redirecting.caller(COMMUNE), sent.document.id)
    trust = RecordTrust(
        infrastructure=redirecting.world.infrastructure_trust, agencies=redirecting.world.trust
    )
    receipt = verify_received(
        data,
        [item.xml for item in items],
        us=COMMUNE,
        trust=trust,
        at=redirecting.now(),
        limits=Limits(),
    )
    assert receipt.proof.acceptance.recipients == (COMMUNE,)


async def test_a_submission_to_a_closed_agency_goes_to_its_one_successor(redirecting: Linkage) -> None:
    await redirecting.begin(DAY)
    await redirecting.relay()
    sent = await redirecting.submit("H48.11", [DISTRICT, OTHER_DISTRICT])
    assert [(d.recipient, d.state, d.error) for d in sent.deliveries] == [
        (DISTRICT, DeliveryState.REFUSED, Code.RECIPIENT_CLOSED),
        (COMMUNE, DeliveryState.ACCEPTED, None),
        (OTHER_DISTRICT, DeliveryState.REFUSED, Code.RECIPIENT_CLOSED),
    ]
    await redirecting.receive(COMMUNE, sent.document.id)


async def test_a_closed_agency_sends_nothing_more_but_what_it_sent_arrives(province: Linkage) -> None:
    sent = await province.submit(DISTRICT, [OTHER])
    await province.begin(DAY)
    assert province.hub.directory.agencies[DISTRICT].status is AgencyStatus.CLOSED
    with pytest.raises(Refusal) as refused:
        await province.submit(DISTRICT, [OTHER], code_number="602")
    assert refused.value.code is Code.NOT_PERMITTED
    await province.relay()
    await province.receive(OTHER, sent.document.id)


async def test_what_lies_in_the_inbox_of_an_agency_that_closes_goes_to_its_one_successor(
    redirecting: Linkage,
) -> None:
    await redirecting.relay()
    sent = await redirecting.submit("H48.11", [DISTRICT])
    await redirecting.until(sent.document.id, DISTRICT, DeliveryState.CONSIGNED)
    await redirecting.begin(DAY)
    assert await redirecting.parts.closures.settle() == 1
    _, data = await redirecting.receive(COMMUNE, sent.document.id)
    assert data == await redirecting.payloads.get(sent.document.sha256)
    former = await redirecting.delivery(sent.document.id, DISTRICT)
    assert (former.state, former.error) == (DeliveryState.REFUSED, Code.RECIPIENT_CLOSED)
    proved = await proof(redirecting, "H48.11", sent.document.id)
    assert [handover.recipient for handover in proved.handovers] == [COMMUNE]
    assert [(f.recipient, f.outcome) for f in proved.failures] == [(DISTRICT, DeliveryState.REFUSED)]
    assert await redirecting.parts.closures.settle() == 0


async def test_the_sender_is_told_at_once_what_nobody_will_take_out_of_a_closed_inbox(
    province: Linkage,
) -> None:
    await province.relay()
    sent = await province.submit(COMMUNE, [OTHER_DISTRICT, OTHER])
    for recipient in (OTHER_DISTRICT, OTHER):
        await province.until(sent.document.id, recipient, DeliveryState.CONSIGNED)
    await province.begin(DAY)
    assert await province.parts.closures.settle() == 1
    row = await province.delivery(sent.document.id, OTHER_DISTRICT)
    assert (row.state, row.error_detail) == (DeliveryState.REFUSED, f"{OTHER_DISTRICT} → {OTHER}, H48.33.03")
    _, items = await province.hub.evidence(province.caller(COMMUNE), sent.document.id)
    (failure,) = [i for i in items if i.kind is EvidenceKind.CONTENT_HANDOVER_FAILURE]
    said = records.read(parse(failure.xml))
    assert isinstance(said, ContentHandoverFailure)
    assert said.reason == f"RECIPIENT_CLOSED: {OTHER_DISTRICT} → {OTHER}, H48.33.03"
    await province.receive(OTHER, sent.document.id)
