"""Does every store keep statuses, requests and changes as the port says?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import PackageKind
from lienthong.domain.ids import new_id
from lienthong.domain.request import RequestKind, RequestState
from lienthong.domain.status import StatusCode, Step
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store
from lienthong.hub.rows import NewDocument
from lienthong.hub.status_port import NewRequest, NewStatus
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import a_document, a_hop, after, an_event, consign

S = DeliveryState


def a_status(document: NewDocument, code: str, at: float = 10, **changes: Any) -> NewDocument:
    """A status package of the first recipient about `document`."""
    way = document.deliveries[0]
    values: dict[str, Any] = {
        "document_id": document.id,
        "delivery_id": way.id,
        "recipient": way.recipient,
        "sender": way.recipient,
        "code": StatusCode(code),
        "written": code,
        "said_at": after(at),
        "description": "vì thử",
    }
    status = NewStatus(**values | changes)
    return a_document("H48.31", sender=way.recipient, kind=PackageKind.STATUS, at=after(at), status=status)


def a_request(document: NewDocument, kind: RequestKind = RequestKind.RECALL) -> NewDocument:
    """A package that asks something about the first delivery."""
    way = document.deliveries[0]
    request = NewRequest(
        id=new_id(),
        kind=kind,
        document_id=document.id,
        delivery_id=way.id,
        recipient=way.recipient,
        reason="sai thẩm quyền",
    )
    return a_document(way.recipient, at=after(20), requests=(request,), business_type=1)


async def in_inbox(store: Store, *recipients: str) -> NewDocument:
    document = a_document(*recipients)
    await store.accept(document)
    for recipient in recipients or ("H48.11",):
        await consign(store, document, recipient)
    return document


async def test_a_status_and_its_package_are_one_commit(store: Store) -> None:
    document = await in_inbox(store)
    package = a_status(document, "05")
    await store.accept(package)
    (row,) = await store.deliveries(document.id)
    assert (row.status, row.status_at, row.state) == ("05", after(10), S.CONSIGNED)
    (line,) = await store.statuses(document.id)
    assert (line.package_id, line.code, line.step, line.said_at) == (
        package.id,
        StatusCode.PROCESSING,
        Step.APPLIED,
        after(10),
    )
    illegal = a_status(document, "03", 20)
    with pytest.raises(Refusal) as refusal:
        await store.accept(illegal)
    assert refusal.value.code is Code.STATUS_ILLEGAL
    assert await store.document(illegal.id) is None
    assert len(await store.statuses(document.id)) == 1


async def test_statuses_at_once_are_judged_one_after_the_other(store: Store) -> None:
    document = await in_inbox(store)
    packages = [a_status(document, code, 10 + n) for n, code in enumerate(("01", "03", "05", "06"))]
    answers = await asyncio.gather(*(store.accept(p) for p in packages), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, Refusal) for error in refused)
    assert (await store.deliveries(document.id))[0].status == "06"
    assert len(await store.statuses(document.id)) == len(packages) - len(refused)


async def test_a_status_of_what_has_not_arrived_is_refused(store: Store) -> None:
    document = a_document()
    await store.accept(document)
    with pytest.raises(Refusal, match="ACCEPTED"):
        await store.accept(a_status(document, "03"))


async def stopped(store: Store, document: NewDocument) -> tuple[str, ...]:
    """Who of both recipients a hop is not recorded for."""
    hop = a_hop(document)
    return (await store.record_hop(hop, recipients=["H48.02", "H48.11"], consignment=None)).stopped


async def test_a_recall_is_pending_until_settled_and_stops_the_document(store: Store) -> None:
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    assert await stopped(store, document) == ()
    package = a_request(document)
    await store.accept(package)
    (pending,) = await store.pending_requests(10)
    assert (pending.state, pending.package_id, pending.reason) == (
        RequestState.PENDING,
        package.id,
        "sai thẩm quyền",
    )
    assert await stopped(store, document) == ("H48.11",)
    assert await store.settle_requests([pending.id], RequestState.WITHDRAWN, after(30)) == [pending.id]
    assert await store.settle_requests([pending.id], RequestState.ASKED, after(31)) == []
    assert await store.pending_requests(10) == []
    await store.move(document.id, ["H48.11"], S.WITHDRAWN, event=an_event())
    assert await stopped(store, document) == ("H48.11",)
    assert await store.requests(document.id) == await store.requests(package.id)


async def test_15_and_16_answer_an_open_request_and_nothing_else(store: Store) -> None:
    document = await in_inbox(store)
    with pytest.raises(Refusal):
        await store.accept(a_status(document, "15"))
    await store.accept(a_request(document, RequestKind.UPDATE))
    answer = a_status(document, "15", 40)
    await store.accept(answer)
    (request,) = await store.requests(document.id)
    assert (request.state, request.answer_package_id, request.answer) == (
        RequestState.AGREED,
        answer.id,
        "vì thử",
    )
    await store.accept(a_status(document, "15", 50))
    steps = [line.step for line in await store.statuses(document.id)]
    assert steps == [Step.APPLIED, Step.REPEATED]
    with pytest.raises(Refusal):
        await store.accept(a_status(document, "16", 60))


async def test_changes_come_in_order_to_both_sides_and_go_on_from_any_place(store: Store) -> None:
    begun = await store.newest_change("H48.31")
    document = await in_inbox(store)
    await store.accept(a_status(document, "03"))
    await store.accept(a_request(document, RequestKind.REPLACE))
    told = await store.changes("H48.31", after=begun, limit=50)
    wanted = [
        ("state", "CONSIGNED"),
        ("status", "03"),
        ("request", "REPLACE PENDING"),
    ]
    assert [(change.kind.value, change.value) for change in told] == wanted
    assert {change.document.id for change in told} == {document.id}
    assert told == await store.changes("H48.11", after=None, limit=50)
    assert await store.changes("H48.31", after=told[0].id, limit=1) == told[1:2]
    assert await store.changes("H48.02", after=None, limit=50) == []
    assert await store.newest_change("H48.31") == told[-1].id
    assert await store.changes("H48.31", after="0.0", limit=50) == told
    with pytest.raises(Refusal) as refusal:
        await store.changes("H48.31", after="yesterday", limit=5)
    assert refusal.value.code is Code.ARGUMENT_INVALID


async def test_a_place_in_another_stores_changes_is_refused(store: Store) -> None:
    """A hub made anew, or brought back from a copy, gives its numbers again: to other changes, or not yet."""
    document = await in_inbox(store)
    await store.accept(a_status(document, "03"))
    *_, last = await store.changes("H48.31", after=None, limit=50)
    numbers, _, mark = last.id.rpartition(".")
    transaction, _, serial = numbers.partition(".")
    other = f"{int(mark, 16) ^ 1:012x}"
    for place in (f"{numbers}.{other}", f"{transaction}.{int(serial) + 1000}.{mark}", numbers):
        with pytest.raises(Refusal) as refusal:
            await store.changes("H48.31", after=place, limit=5)
        assert (refusal.value.code, refusal.value.field) == (Code.ARGUMENT_INVALID, "after")
    assert await store.changes("H48.31", after=last.id, limit=5) == []


async def test_documents_sent_under_one_id_come_with_the_new_one_first(store: Store) -> None:
    first = a_document()
    again = a_document(business_type=2, edxml_document_id=first.edxml_document_id, at=after(5))
    await store.accept(first)
    await store.accept(again)
    found = await store.sent("H48.31", first.edxml_document_id or "")
    assert [row.id for row in found] == [first.id, again.id]
    assert await store.sent("H48.11", first.edxml_document_id or "") == []


async def test_what_ended_a_delivery_is_told_to_its_recipient_until_it_was_seen(store: Store) -> None:
    documents = [await in_inbox(store, "H48.11", "H48.02") for _ in range(3)]
    kinds = (RequestKind.RECALL, RequestKind.REPLACE, RequestKind.UPDATE)
    packages = [a_request(document, kind) for document, kind in zip(documents, kinds, strict=True)]
    for package in packages:
        await store.accept(package)
    told = await store.notices("H48.11", after=None, limit=9)
    assert [notice.request.state for notice in told] == [RequestState.ASKED]  # the others are PENDING
    for document, state in zip(documents, (RequestState.WITHDRAWN, RequestState.SUPERSEDED), strict=False):
        (request,) = await store.requests(document.id)
        assert await store.settle_requests([request.id], state, after(30)) == [request.id]
    told = await store.notices("H48.11", after=None, limit=9)
    assert {notice.document.id for notice in told} == {document.id for document in documents}
    assert [notice.by.id for notice in told] == [notice.request.package_id for notice in told]
    assert {notice.delivery.id for notice in told} == {document.deliveries[0].id for document in documents}
    pages = [await store.notices("H48.11", after=after_, limit=1) for after_ in (None, told[0].request.id)]
    assert pages == [told[:1], told[1:2]]
    assert await store.notices("H48.02", after=None, limit=9) == []
    for document in documents:
        await store.see_notices(document.deliveries[0].id, after(40))
    assert [n.request.kind for n in await store.notices("H48.11", after=None, limit=9)] == [
        RequestKind.UPDATE
    ]
    assert await store.see_notices(documents[0].deliveries[0].id, after(50)) == []
    await store.accept(a_status(documents[2], "15", 60))
    assert await store.notices("H48.11", after=None, limit=9) == []
    with pytest.raises(Refusal):
        await store.notices("H48.11", after="unknown", limit=9)


async def test_what_passes_a_document_on_is_kept_with_it(store: Store) -> None:
    document = await in_inbox(store)
    copy = a_document("H48.02", sender="H48.11", at=after(5), onward=(document.id,))
    await store.accept(copy)
    await store.accept(copy)  # the same bytes again
    assert [row.id for row in await store.onward(document.id, "H48.11")] == [copy.id]
    assert await store.onward(document.id, "H48.02") == []
    assert await store.onward(copy.id, "H48.11") == []
    await store.accept(a_request(document, RequestKind.UPDATE))
    (notice,) = await store.notices("H48.11", after=None, limit=9)
    assert [row.id for row in notice.onward] == [copy.id]
