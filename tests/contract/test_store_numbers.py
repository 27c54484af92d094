"""Which new documents does a sender have under a number of a year, on every store?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import NumberTaken, Store
from lienthong.hub.rows import NewDocument
from lienthong.store import open_store
from tests.contract.store_backends import any_store, any_url  # noqa: F401
from tests.contract.store_suite import a_document, after, an_event

NUMBER: dict[str, Any] = {
    "code_number": "212",
    "code_notation": "UBND-VX",
    "promulgation_date": "2026-03-02",
}


async def test_documents_under_a_number_of_a_year(store: Store) -> None:
    one = NUMBER | {
        "edxml_document_id": "x"
    }  # a sender's own id: not another document, whatever else differs
    first = a_document(at=after(1), **one)
    again = a_document(at=after(5), **one)
    last_day = a_document(at=after(6), **one | {"promulgation_date": "2026-12-31"})
    others: list[dict[str, Any]] = [
        {"promulgation_date": "2025-12-31"},
        {"promulgation_date": "2027-01-01"},
        {"promulgation_date": None},
        {"code_number": "0212"},
        {"code_notation": "UBND-vx"},
        {"sender": "H48.77"},
        {"business_type": 1},
        {"code_number": None, "code_notation": None},
    ]
    for new in (first, again, last_day, *(a_document(**NUMBER | other) for other in others)):
        await store.accept(new)
    found = await store.numbered("H48.31", "212", "UBND-VX", 2026)
    assert [row.id for row in found] == [last_day.id, again.id, first.id]
    assert await store.numbered("H48.31", "212", "UBND-VX", 2024) == []


async def refused(store: Store, document: NewDocument) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await store.accept(document)
    assert await store.document(document.id) is None
    assert await store.find_identity(document.identity) is None
    return refusal.value


@pytest.mark.parametrize("change", [{"subject": "khác"}, {"promulgation_date": "2026-03-03"}])
async def test_another_document_under_a_number_is_refused_in_the_commit(
    store: Store, change: dict[str, Any]
) -> None:
    first = a_document(**NUMBER)
    await store.accept(first)
    refusal = await refused(store, a_document(**NUMBER | change))
    assert (refusal.code, refusal.rule) == (Code.RULE_VIOLATED, "number-in-year")
    assert refusal.field == "MessageHeader/Code/CodeNumber"
    assert "212/UBND-VX" in refusal.message("vi")


async def test_what_may_stand_under_a_number_that_is_taken(store: Store) -> None:
    first = a_document(**NUMBER)
    await store.accept(first)
    await store.accept(first)  # the same bytes
    others: list[dict[str, Any]] = [
        {},  # the same document, sent again under another DocumentId
        {"business_type": 1, "subject": "thu hồi"},
        {"business_type": 2, "subject": "cập nhật"},
        {"business_type": 3, "subject": "thay thế"},
        {"subject": "khác", "sender": "H48.11"},
        {"subject": "khác", "code_notation": "QĐ-UBND"},
        {"subject": "khác", "promulgation_date": "2027-03-02"},
        {"subject": "khác", "promulgation_date": None},
    ]
    for other in others:
        new = a_document(**NUMBER | other)
        assert (await store.accept(new)).id == new.id


async def test_the_same_document_id_is_no_other_document(store: Store) -> None:
    first = a_document(**NUMBER)
    await store.accept(first)
    again = a_document(**NUMBER | {"subject": "khác", "edxml_document_id": first.edxml_document_id})
    assert (await store.accept(again)).id == again.id


async def test_a_number_is_free_again_when_nobody_got_its_document(store: Store) -> None:
    first = a_document(**NUMBER)
    await store.accept(first)
    await store.move(first.id, None, DeliveryState.WITHDRAWN, event=an_event())
    second = a_document("H48.11", "H48.12", **NUMBER | {"subject": "khác"})
    await store.accept(second)
    await store.move(second.id, "H48.11", DeliveryState.WITHDRAWN, event=an_event())
    await refused(store, a_document(**NUMBER))  # H48.12 may have it


async def test_of_many_documents_under_a_number_at_the_very_same_moment_one_is_accepted(store: Store) -> None:
    race = [a_document(**NUMBER | {"subject": f"số {n}"}) for n in range(20)]
    answers = await asyncio.gather(*(store.accept(each) for each in race), return_exceptions=True)
    assert [type(answer) for answer in answers].count(Refusal) == 19
    assert len(await store.numbered("H48.31", "212", "UBND-VX", 2026)) == 1


async def test_of_two_processes_that_take_the_same_numbers_one_gets_each(url: str) -> None:
    """Each process has its own connection, and its own commits of many documents."""
    hubs = [open_store(url) for _ in range(2)]
    try:
        numbers = [f"{n}" for n in range(30)]
        works = [
            hub.accept(a_document(**NUMBER | {"code_number": number, "subject": f"hub {place}"}))
            for place, hub in enumerate(hubs)
            for number in (numbers if place == 0 else numbers[::-1])  # the locks are taken in opposite orders
        ]
        answers = await asyncio.gather(*works, return_exceptions=True)
        assert [type(answer) for answer in answers].count(Refusal) == len(numbers)
        for number in numbers:
            assert len(await hubs[0].numbered("H48.31", number, "UBND-VX", 2026)) == 1
    finally:
        for hub in hubs:
            await hub.close()


async def test_a_number_that_is_taken_is_found_in_the_commit_and_nothing_is_written(store: Store) -> None:
    await store.accept(a_document(**NUMBER))
    late = a_document(number_is_free=True, **NUMBER)
    with pytest.raises(NumberTaken):
        await store.accept(late)
    assert await store.document(late.id) is None
    assert (await store.deliveries(late.id), await store.evidence(late.id)) == ([], [])
    for other in ({"promulgation_date": "2025-12-31"}, {"sender": "H48.77"}, {"code_notation": "UBND-vx"}):
        new = a_document(number_is_free=True, **NUMBER | other)
        assert (await store.accept(new)).id == new.id


async def test_a_recall_does_not_take_the_number_it_speaks_of(store: Store) -> None:
    await store.accept(a_document(business_type=1, **NUMBER))
    new = a_document(number_is_free=True, **NUMBER)
    assert (await store.accept(new)).id == new.id
