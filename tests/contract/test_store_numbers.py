"""Which new documents does a sender have under a number of a year, on every store?"""

from __future__ import annotations

from typing import Any

from lienthong.hub.ports import Store
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import a_document, after

NUMBER: dict[str, Any] = {
    "code_number": "212",
    "code_notation": "UBND-VX",
    "promulgation_date": "2026-03-02",
}


async def test_documents_under_a_number_of_a_year(store: Store) -> None:
    first = a_document(at=after(1), **NUMBER)
    again = a_document(at=after(5), **NUMBER)
    last_day = a_document(at=after(6), **NUMBER | {"promulgation_date": "2026-12-31"})
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
