"""Does every store accept, find and publish documents as the port says?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store
from lienthong.hub.rows import DocumentQuery, NewDocument
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import NOON, a_document, a_hop, after, an_event, consign, kinds

MINUTE = timedelta(minutes=1)


async def test_acceptance_writes_document_deliveries_evidence_and_event(store: Store) -> None:
    new = a_document("H48.11", "H48.02", refused=["X99"])
    row = await store.accept(new)
    assert row == await store.document(new.id) == await store.find_identity(new.identity)
    assert (row.sha256, row.subject, row.published_at) == (new.sha256, new.subject, None)
    assert row.accepted_at == NOON
    assert row.accepted_at.tzinfo is UTC
    found = await store.deliveries(new.id)
    assert [(d.recipient, d.state, d.error) for d in found] == [
        ("H48.11", DeliveryState.ACCEPTED, None),
        ("H48.02", DeliveryState.ACCEPTED, None),
        ("X99", DeliveryState.REFUSED, Code.RECIPIENT_UNKNOWN),
    ]
    assert found[0] == await store.delivery(new.deliveries[0].id)
    (evidence,) = await store.evidence(new.id)
    assert (evidence.kind, evidence.recipient, evidence.xml) == (
        EvidenceKind.SUBMISSION_ACCEPTANCE,
        None,
        new.acceptance,
    )
    (event,) = await store.events(document_id=new.id)
    assert (event.kind, event.actor) == ("document.accepted", "H48.31")
    assert event.detail["recipients"] == ["H48.11", "H48.02"]
    assert event.detail["refused"] == {"X99": "RECIPIENT_UNKNOWN"}


async def test_accepting_the_same_bytes_again_changes_nothing(store: Store) -> None:
    first = a_document("H48.11")
    again = replace(a_document("H48.02", at=after(60)), identity=first.identity, sha256=first.sha256)
    stored = await store.accept(first)
    assert await store.accept(again) == stored
    assert await store.document(again.id) is None
    assert [d.recipient for d in await store.deliveries(first.id)] == ["H48.11"]
    assert await kinds(store, first.id) == ["document.accepted"]


async def test_other_bytes_under_the_same_identity_are_a_conflict(store: Store) -> None:
    first = a_document()
    await store.accept(first)
    other = replace(a_document(), identity=first.identity)
    with pytest.raises(Refusal) as refusal:
        await store.accept(other)
    assert refusal.value.code is Code.DOCUMENT_CONFLICT
    assert await store.document(other.id) is None
    assert await store.deliveries(other.id) == []
    assert await kinds(store, other.id) == []


async def test_one_identity_accepted_many_times_at_once_is_one_document(store: Store) -> None:
    first = a_document("H48.11")
    others = [
        replace(a_document("H48.11"), identity=first.identity, sha256=first.sha256 if n % 2 else f"{n:064x}")
        for n in range(16)
    ]
    outcomes = await asyncio.gather(*map(store.accept, [first, *others]), return_exceptions=True)
    conflicts = [o for o in outcomes if isinstance(o, BaseException)]
    rows = {o.id for o in outcomes if not isinstance(o, BaseException)}
    assert len(rows) == 1
    assert len(conflicts) == 8
    assert all(isinstance(c, Refusal) and c.code is Code.DOCUMENT_CONFLICT for c in conflicts)


async def test_a_document_is_found_by_id_digest_and_edxml_id_the_newest_first(store: Store) -> None:
    old = a_document(at=NOON)
    new = a_document(at=after(1), edxml_document_id=old.edxml_document_id)
    for document in (new, old):
        await store.accept(document)
    assert old.edxml_document_id is not None
    for reference, expected in ((old.id, old), (old.sha256, old), (old.edxml_document_id, new)):
        found = await store.document(reference)
        assert found is not None
        assert found.id == expected.id


@pytest.mark.parametrize("reference", ["", "unknown", "0" * 64, "' OR 1=1 --", "%", "nul\0"])
async def test_an_unknown_reference_finds_nothing(store: Store, reference: str) -> None:
    await store.accept(a_document())
    assert await store.document(reference) is None
    assert await store.delivery(reference) is None
    assert await store.find_identity(reference) is None
    assert await store.deliveries(reference) == []
    assert await store.hops(reference) == []
    assert await store.evidence(reference) == []


async def test_documents_are_paged_newest_first(store: Store) -> None:
    made = [a_document(at=after(n // 2)) for n in range(7)]  # pairs share a moment
    for document in made:
        await store.accept(document)
    expected = [d.id for d in sorted(made, key=lambda d: (d.accepted_at, d.id), reverse=True)]
    seen: list[str] = []
    last = None
    while page := await store.documents(DocumentQuery(limit=3, before_id=last)):
        seen += [row.id for row in page]
        last = seen[-1]
    assert seen == expected


async def test_documents_match_every_given_field(store: Store) -> None:
    one = a_document("H48.11", subject="Tuyển dụng viên chức huyện Bình Sơn", at=after(1))
    two = a_document("H48.02", "H48.11", subject="Bình chọn đơn vị", sender="H48.05", at=after(2))
    for document in (one, two):
        await store.accept(document)
    await consign(store, two, "H48.02")
    consigned = DeliveryState.CONSIGNED
    for query, expected in (
        (DocumentQuery(sender="H48.05"), [two]),
        (DocumentQuery(recipient="H48.11"), [two, one]),
        (DocumentQuery(state=consigned), [two]),
        (DocumentQuery(state=DeliveryState.ACCEPTED), [two, one]),
        (DocumentQuery(recipient="H48.11", state=consigned), []),
        (DocumentQuery(text="binh son"), [one]),
        (DocumentQuery(text="BÌNH"), [two, one]),
        (DocumentQuery(text="uyển dụ"), [one]),
        (DocumentQuery(text="bình", recipient="H48.02"), [two]),
        (DocumentQuery(text="bình", sender="H48.31", until=after(2)), [one]),
        (DocumentQuery(since=after(2)), [two]),
        (DocumentQuery(until=after(2)), [one]),
        (DocumentQuery(sender="H48.05", state=consigned, recipient="H48.02", since=NOON), [two]),
    ):
        assert [row.id for row in await store.documents(query)] == [d.id for d in expected], query


async def test_documents_are_found_by_their_number_even_a_short_one(store: Store) -> None:
    short, long = a_document(code_number="7"), a_document(code_number="1720", code_notation="KH-SNV")
    for document in (short, long):
        await store.accept(document)
    for text, expected in (("7", [short]), ("1720", [long]), ("720/kh", [long]), ("20/KH-SNV", [long])):
        assert [row.id for row in await store.documents(DocumentQuery(text=text))] == [d.id for d in expected]


@pytest.mark.parametrize(
    "text", ['"', '"a" OR "b"', "100%", "a_c", "\\", "NEAR(x)", "'; DROP TABLE documents"]
)
async def test_searched_text_is_text_and_no_pattern(store: Store, text: str) -> None:
    await store.accept(a_document(subject="abc 100 x"))
    assert await store.documents(DocumentQuery(text=text)) == []
    exact = a_document(subject=f"xx {text} yy")
    await store.accept(exact)
    if len(text) > 2:
        assert [row.id for row in await store.documents(DocumentQuery(text=text))] == [exact.id]


async def test_found_text_is_paged(store: Store) -> None:
    made = [a_document(subject="Kế hoạch", at=after(n)) for n in range(5)]
    for document in made:
        await store.accept(document)
    first = await store.documents(DocumentQuery(text="kế hoạch", limit=3))
    rest = await store.documents(DocumentQuery(text="kế hoạch", limit=3, before_id=first[-1].id))
    assert [row.id for row in first + rest] == [d.id for d in reversed(made)]


async def test_only_the_first_publication_is_kept(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    await store.mark_published([document.id], after(5))
    await store.mark_published([document.id], after(9))
    row = await store.document(document.id)
    assert row is not None
    assert row.published_at == after(5)


async def test_unpublished_documents_come_oldest_first(store: Store) -> None:
    made = [a_document(at=after(n)) for n in (3, 1, 2, 9)]
    for document in made:
        await store.accept(document)
    await store.mark_published([made[2].id], after(4))
    assert [row.id for row in await store.unpublished(after(9), 10)] == [made[1].id, made[0].id]
    assert [row.id for row in await store.unpublished(after(9), 1)] == [made[1].id]


async def test_stalled_documents_are_published_undelivered_and_long_unchanged(store: Store) -> None:
    stuck, young, unpublished, delivered = (a_document(at=after(n)) for n in (1, 50, 0, 0))
    for document in (stuck, young, unpublished, delivered):
        await store.accept(document)
    for document in (stuck, young, delivered):
        await store.mark_published([document.id], after(2))
    await consign(store, delivered, "H48.11")
    assert [row.id for row in await store.stalled(after(10), MINUTE / 60, 10)] == [stuck.id]
    await store.touch(stuck.id, after(20))
    assert await store.stalled(after(21), MINUTE / 60, 10) == []
    assert [row.id for row in await store.stalled(after(170), MINUTE, 10)] == [stuck.id, young.id]
    assert [row.id for row in await store.stalled(after(170), MINUTE, 1)] == [stuck.id]


async def published(store: Store) -> NewDocument:
    document = a_document()
    await store.accept(document)
    await store.mark_published([document.id], after(0))
    return document


async def stalled(store: Store, seconds: float, wait: timedelta = MINUTE) -> list[str]:
    return [row.id for row in await store.stalled(after(seconds), wait, 10)]


async def test_what_was_published_again_waits_twice_as_long_each_time_up_to_a_bound(store: Store) -> None:
    document = await published(store)
    at = 61.0
    for times in range(10):
        assert await stalled(store, at) == [document.id]
        await store.touch(document.id, after(at))
        wait = 60.0 * 2 ** min(times + 1, 6)
        assert await stalled(store, at + wait - 1) == []
        at += wait + 1


async def test_everything_that_waits_is_found_without_patience(store: Store) -> None:
    document = await published(store)
    for _ in range(3):
        await store.touch(document.id, after(9))
        assert await stalled(store, 10, MINUTE * 0) == [document.id]
        assert await stalled(store, 9, MINUTE * 0) == []


async def test_a_step_since_makes_the_wait_short_again(store: Store) -> None:
    document = await published(store)
    for at in (61, 200, 500):
        await store.touch(document.id, after(at))
    await store.record_hop(a_hop(document, received_at=after(510)), recipients=["H48.11"], consignment=None)
    assert await stalled(store, 569) == []
    assert await stalled(store, 571) == [document.id]
    await store.touch(document.id, after(571))
    assert await stalled(store, 571 + 119) == []
    assert await stalled(store, 571 + 121) == [document.id]


async def test_what_was_published_again_counts_until_it_moves_or_arrives(store: Store) -> None:
    _, moving, arrived = documents = [await published(store) for _ in range(3)]
    for document in documents:
        await store.touch(document.id, after(10))
    assert await store.republished(after(10)) == (3, 3)
    hop = a_hop(moving, received_at=after(11))
    await store.record_hop(hop, recipients=["H48.11"], consignment=None)
    await consign(store, arrived, "H48.11")
    assert await store.republished(after(10)) == (3, 1)
    assert await store.republished(after(11)) == (0, 0)


async def test_touch_leaves_delivered_copies_alone(store: Store) -> None:
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    await consign(store, document, "H48.11", at=after(3))
    await store.touch(document.id, after(60))
    assert [d.updated_at for d in await store.deliveries(document.id)] == [after(3), after(60)]


async def test_moments_keep_microseconds_and_come_back_in_utc(store: Store) -> None:
    moment = NOON.replace(microsecond=1) + timedelta(days=3650)
    document = a_document(at=moment)
    await store.accept(document)
    row = await store.document(document.id)
    assert row is not None
    assert row.accepted_at == moment
    assert row.accepted_at.utcoffset() == timedelta(0)


async def test_a_recipient_longer_than_an_index_entry_is_refused_not_a_fault(store: Store) -> None:
    for bad in (a_document("H" * 5000), a_document(edxml_document_id="ộ" * 5000)):
        with pytest.raises(Refusal) as refusal:
            await store.accept(bad)
        assert refusal.value.code is Code.ARGUMENT_INVALID
        assert await store.document(bad.id) is None


async def test_events_come_oldest_first_for_a_document_and_newest_first_for_all(store: Store) -> None:
    for n in range(4):
        await store.append(replace(an_event(f"thing.{n}", "one" if n % 2 else None), subject="đối tượng"))
    assert await kinds(store, "one") == ["thing.1", "thing.3"]
    assert [e.kind for e in await store.events(limit=3)] == ["thing.3", "thing.2", "thing.1"]
    (first, *_) = await store.events(document_id="one", limit=1)
    assert first == replace(an_event("thing.1", "one"), subject="đối tượng")


async def test_a_document_with_nothing_optional_is_kept(store: Store) -> None:
    bare = a_document(
        edxml_document_id=None, code_number=None, code_notation=None, promulgation_date=None, subject=""
    )
    bare = replace(bare, id=new_id(), sha256=sha256_hex(b""))
    assert (await store.accept(bare)) == await store.document(bare.id)
