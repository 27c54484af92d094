"""Is a large directory imported in parts without reading it anew, and searched as fast as one types?"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path

from lienthong import store as stores
from lienthong.domain.agency import Agency, DatedChange
from lienthong.hub.rows import EventRow

DISTRICTS, COMMUNES = 100, 100
TYPED = 0.2  # seconds; measured: 3 ms for 10,000 agencies, 15 ms for 125,000


def agencies() -> list[Agency]:
    made = [Agency(code="H48", name="UBND tỉnh", tier="province")]
    for district in range(DISTRICTS):
        code = f"H48.{district}"
        made.append(Agency(code=code, name=f"UBND huyện Bình {district}", tier="district", parent="H48"))
        made.extend(
            Agency(code=f"{code}.{n}", name=f"UBND xã Sơn {n}, Bình {district}", tier="commune", parent=code)
            for n in range(COMMUNES)
        )
    return made


async def test_ten_thousand_agencies_are_imported_in_parts_and_found_at_typing_speed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    stores.migrate(url)
    store = stores.open_store(url)
    event = EventRow(at=datetime(2026, 3, 2, tzinfo=UTC), actor="test", kind="directory.changed")
    whole = agencies()
    for start in range(0, len(whole), 1_000):
        await store.put_agencies(whole[start : start + 1_000], event=event)
    assert (await store.directory()).agencies == {agency.code: agency for agency in whole}
    await store.search_agencies("b", limit=20)  # makes the index
    began = time.perf_counter()
    for text in ("b", "bi", "binh", "binh 7", "son 42 binh 7", "H48.77", "khong co"):
        await store.search_agencies(text, limit=20)
    assert time.perf_counter() - began < 7 * TYPED
    found = await store.search_agencies("sơn 42, bình 77", limit=20)
    assert [agency.code for agency in found] == ["H48.77.42", "H48.42.77"]
    await store.close()


async def test_a_name_to_come_is_found_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    stores.migrate(url)
    store = stores.open_store(url)
    event = EventRow(at=datetime(2026, 3, 2, tzinfo=UTC), actor="test", kind="directory.changed")
    changes = (DatedChange(on=date(2026, 7, 1), name="UBND phường Đức Phổ"),)
    agency = Agency(code="H48.5", name="UBND xã Phổ", tier="commune", changes=changes)
    await store.put_agencies([agency], event=event)
    assert await store.search_agencies("duc pho", limit=5) == [agency]
    assert await store.search_agencies("pho", limit=5) == [agency]
    await store.close()
