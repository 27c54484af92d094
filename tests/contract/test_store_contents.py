"""Does every store remember who has which external content, and forget what nobody named?"""

from __future__ import annotations

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.ids import sha256_hex
from lienthong.hub.content_port import DocumentContent
from lienthong.hub.ports import Store
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import a_document, after, an_event, consign

SHA, OTHER = sha256_hex(b"1"), sha256_hex(b"2")
A, B, C = "H48.31", "H48.11", "H48.33"


def a_content(sha256: str = SHA, size: int = 5_000_000_000) -> DocumentContent:
    return DocumentContent(
        content_id="cid:1", name="Quy hoạch.pdf", sha256=sha256, size=size, media_type="application/pdf"
    )


async def test_what_an_accepted_document_names_comes_back_in_order(store: Store) -> None:
    contents = (a_content(), a_content(OTHER, 7))
    row = await store.accept(a_document(B, contents=contents))
    assert await store.contents(row.id) == list(contents)
    plain = await store.accept(a_document(B))
    assert await store.contents(plain.id) == []


async def test_knowing_a_digest_is_not_having_the_content(store: Store) -> None:
    await store.hold_content(A, SHA, 7, after(0))
    assert await store.claim_contents(A, [SHA, OTHER], after(1)) == {SHA: 7}
    assert await store.claim_contents(B, [SHA], after(1)) == {}


async def test_a_recipient_may_name_what_it_received_once_it_has_it(store: Store) -> None:
    new = a_document(B, C, contents=(a_content(),))
    row = await store.accept(new)
    assert await store.claim_contents(B, [SHA], after(1)) == {}
    await consign(store, new, B)
    assert await store.claim_contents(B, [SHA], after(2)) == {SHA: 5_000_000_000}
    assert await store.claim_contents(C, [SHA], after(2)) == {}
    moved = await store.move(row.id, [B], DeliveryState.WITHDRAWN, event=an_event(document_id=row.id))
    assert moved == [B]
    assert await store.claim_contents(B, [SHA], after(3)) == {}, "what was recalled is no longer had"


async def test_what_nobody_named_is_counted_and_forgotten(store: Store) -> None:
    await store.hold_content(A, SHA, 7, after(0))
    await store.hold_content(A, SHA, 7, after(10))
    await store.hold_content(A, OTHER, 8, after(0))
    await store.hold_content(B, OTHER, 8, after(0))
    await store.accept(a_document(B, contents=(a_content(OTHER, 8),)))
    assert await store.unnamed_content(A) == 7
    assert await store.unnamed_content(C) == 0
    assert await store.forget_contents(after(10)) == [], "sent again at 10, or named"
    assert await store.forget_contents(after(11)) == [SHA]
    assert await store.content_known(SHA) is False
    assert await store.content_known(OTHER) is True
    assert await store.claim_contents(A, [SHA], after(12)) == {}


@pytest.mark.parametrize("claimed", [True, False])
async def test_a_claim_keeps_content_from_being_forgotten(store: Store, claimed: bool) -> None:
    await store.hold_content(A, SHA, 7, after(0))
    if claimed:
        await store.claim_contents(A, [SHA], after(100))
    assert await store.forget_contents(after(50)) == ([] if claimed else [SHA])


async def test_one_young_holder_keeps_it_for_all(store: Store) -> None:
    await store.hold_content(A, SHA, 7, after(0))
    await store.hold_content(B, SHA, 7, after(100))
    assert await store.forget_contents(after(50)) == []
    assert await store.claim_contents(A, [SHA], after(101)) == {SHA: 7}
