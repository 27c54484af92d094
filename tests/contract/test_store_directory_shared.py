"""Do processes that share a store see each other's changes of the directory, though they read only what is new?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import pytest

from lienthong import store as stores
from lienthong.domain.agency import Agency, DatedChange
from lienthong.hub.ports import Store
from tests.contract.store_backends import any_url  # noqa: F401
from tests.contract.store_suite import an_agency, an_event

PROVINCE = an_agency("H48", "UBND tỉnh Quảng Ngãi", aliases=("000.00.00.H48",))
DISTRICT = an_agency("H48.31", "UBND huyện Bình Sơn", "H48")
COMMUNE = an_agency("H48.31.05", "UBND xã Bình Thạnh", "H48.31", aliases=("000.05.31.H48",))


@pytest.fixture
async def pair(url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two processes' stores on one database."""
    one, other = stores.open_store(url), stores.open_store(url)
    yield one, other
    await one.close()
    await other.close()


async def put(store: Store, *agencies: Agency) -> int:
    return await store.put_agencies(agencies, event=an_event("directory.changed"))


async def test_what_one_writes_the_other_knows(pair: tuple[Store, Store]) -> None:
    one, other = pair
    await put(one, PROVINCE, DISTRICT)
    assert len(await other.directory()) == 2
    change = DatedChange(on=date(2026, 7, 1), root=True)
    moved = replace(COMMUNE, aliases=(), changes=(change,), valid_from=date(2020, 1, 1), successors=("H48",))
    await put(one, COMMUNE)
    assert (await other.directory()).find("000.05.31.H48") == COMMUNE
    version = await put(one, moved, replace(DISTRICT, aliases=("000.05.31.H48",)))
    seen, whole = await other.directory(), await one.directory()
    assert seen == whole
    assert (seen.version, seen.agencies["H48.31.05"]) == (version, moved)
    assert seen.find("000.05.31.H48") == replace(DISTRICT, aliases=("000.05.31.H48",))
    assert list(seen) == sorted(whole, key=lambda agency: agency.code)


async def test_the_other_finds_a_new_name_and_no_longer_the_old_one(pair: tuple[Store, Store]) -> None:
    one, _ = pair
    await put(one, PROVINCE, DISTRICT, COMMUNE)
    for store in pair:
        assert [a.code for a in await store.search_agencies("binh thanh", limit=5)] == ["H48.31.05"]
    await put(one, replace(COMMUNE, name="UBND phường Trà Câu"))
    for store in pair:
        assert await store.search_agencies("binh thanh", limit=5) == []
        assert [a.code for a in await store.search_agencies("tra cau", limit=5)] == ["H48.31.05"]


async def test_both_change_the_directory_in_turn(pair: tuple[Store, Store]) -> None:
    one, other = pair
    await put(one, PROVINCE)
    await put(other, DISTRICT)
    await put(one, COMMUNE)
    await put(other, replace(COMMUNE, name="UBND xã Bình Minh"))
    assert await one.directory() == await other.directory()
    assert (await one.changed_agencies(2))[1] == [replace(COMMUNE, name="UBND xã Bình Minh")]
