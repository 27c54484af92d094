"""Does every store forward deliveries once, tell what changed since a version, and keep groups?"""

from __future__ import annotations

from dataclasses import replace

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import new_id
from lienthong.errors import Code
from lienthong.hub.directory_port import GroupRow
from lienthong.hub.ports import Store
from lienthong.hub.rows import EvidenceRow, NewDelivery
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import NOON, a_document, after, an_agency, an_event, consign, kinds

S = DeliveryState


def failure(document_id: str, recipient: str) -> EvidenceRow:
    kind = EvidenceKind.CONTENT_CONSIGNMENT_FAILURE
    return EvidenceRow(document_id=document_id, kind=kind, recipient=recipient, at=NOON, xml=b"<f/>")


async def test_a_forwarded_delivery_ends_and_its_successors_begins_once(store: Store) -> None:
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    await store.mark_published([document.id], NOON)
    (waiting,) = await store.unfinished_for(["H48.11", "H48.99"], limit=10)
    new = NewDelivery(id=new_id(), recipient="H48.14", state=S.ACCEPTED)
    event = an_event("delivery.forwarded", document.id)

    async def forward() -> bool:
        evidence = failure(document.id, "H48.11")
        return await store.forward(waiting, new, acceptance=b"<a/>", failure=evidence, event=event)

    assert await forward()
    assert not await forward()
    rows = await store.deliveries(document.id)
    assert [(r.recipient, r.state, r.error) for r in rows] == [
        ("H48.11", S.REFUSED, Code.RECIPIENT_CLOSED),
        ("H48.02", S.ACCEPTED, None),
        ("H48.14", S.ACCEPTED, None),
    ]
    assert rows[0].error_detail == "H48.11 → H48.14"
    assert (rows[2].id, rows[2].node, rows[2].expires_at) == (new.id, document.first_node, rows[1].expires_at)
    kept = {(e.kind, e.recipient) for e in await store.evidence(document.id)}
    assert (EvidenceKind.SUBMISSION_ACCEPTANCE, "H48.14") in kept
    assert (EvidenceKind.CONTENT_CONSIGNMENT_FAILURE, "H48.11") in kept
    assert [row.id for row in await store.unpublished(after(99), 10)] == [document.id]
    assert (await kinds(store, document.id)).count("delivery.forwarded") == 1
    assert await store.unfinished_for(["H48.11"], limit=10) == []


async def test_what_moved_since_it_was_read_is_not_forwarded(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    (waiting,) = await store.unfinished_for(["H48.11"], limit=10)
    await store.move(document.id, None, S.WITHDRAWN, event=an_event("x", document.id))
    new = NewDelivery(id=new_id(), recipient="H48.14", state=S.ACCEPTED)
    evidence = failure(document.id, "H48.11")
    event = an_event("delivery.forwarded", document.id)
    assert not await store.forward(waiting, new, acceptance=b"<a/>", failure=evidence, event=event)
    assert [row.recipient for row in await store.deliveries(document.id)] == ["H48.11"]


async def test_what_lies_in_the_inbox_of_a_closed_agency_is_forwarded_too(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    await consign(store, document, "H48.11")
    (waiting,) = await store.unfinished_for(["H48.11"], limit=10)
    assert waiting.state is S.CONSIGNED
    new = NewDelivery(id=new_id(), recipient="H48.14", state=S.ACCEPTED)
    evidence = failure(document.id, "H48.11")
    event = an_event("delivery.forwarded", document.id)
    assert await store.forward(waiting, new, acceptance=b"<a/>", failure=evidence, event=event)
    begun = (await store.deliveries(document.id))[1]
    assert (begun.state, begun.consigned_at, begun.receipt_due_at) == (S.ACCEPTED, None, None)
    assert await store.inbox("H48.11", after=None, limit=9) == []


async def test_unfinished_deliveries_of_many_agencies_come_in_bounds(store: Store) -> None:
    for _ in range(3):
        await store.accept(a_document("H48.11"))
    codes = [f"H{n}" for n in range(1_200)] + ["H48.11"]
    assert len(await store.unfinished_for(codes, limit=2)) == 2
    assert len(await store.unfinished_for(codes, limit=9)) == 3


async def test_a_copy_is_brought_up_to_date_by_version(store: Store) -> None:
    await store.put_agencies([an_agency("H1"), an_agency("H2")], event=an_event())
    version, agencies = await store.changed_agencies(0)
    assert (version, [a.code for a in agencies]) == (1, ["H1", "H2"])
    changed = replace(an_agency("H2"), name="Khác")
    await store.put_agencies([changed, an_agency("H3")], event=an_event())
    assert await store.changed_agencies(version) == (2, [changed, an_agency("H3")])
    assert await store.changed_agencies(2) == (2, [])


async def test_groups_are_kept_replaced_and_given_up(store: Store) -> None:
    group = GroupRow(owner="", name="lut", members=("H48", "@communes:H48"), updated_at=NOON, updated_by="o")
    await store.put_group(group, event=an_event("group.kept"))
    own = replace(group, owner="H48", members=("H48.11",))
    await store.put_group(own, event=an_event("group.kept"))
    other = replace(own, members=("H48.02",), updated_at=after(3))
    await store.put_group(other, event=an_event("group.kept"))
    assert await store.groups(["", "H48"]) == [group, other]
    assert await store.groups(["H44"]) == []
    assert await store.delete_group("H48", "lut", event=an_event("group.deleted"))
    assert not await store.delete_group("H48", "lut", event=an_event("group.deleted"))
    assert await store.groups(["", "H48"]) == [group]
    assert [e.kind for e in await store.events(limit=9)].count("group.deleted") == 1
