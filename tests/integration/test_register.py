"""Groups, copies of the directory and reforms on a running hub, with its own store and broker."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from lienthong.domain.agency import AgencyStatus
from lienthong.domain.day import day_of
from lienthong.domain.lifecycle import ReformKind, ReformOrder
from lienthong.errors import Code, Refusal
from tests.services.linkage import OPERATOR, Linkage

COMMUNE, DISTRICT = "H48.31.05", "H48.31"


async def test_an_agencys_own_list_wins_over_the_operators(linkage: Linkage) -> None:
    register = linkage.hub.register
    us, others = linkage.caller(COMMUNE), linkage.caller("H48.11")
    await register.put_group(OPERATOR, "lut", ["@communes:H48.31", "H48.11"])
    await register.put_group(us, "lut", ["000.00.33.H48"])
    assert [a.code for a in await register.resolve(us, "@lut")] == ["H48.33"]
    assert [a.code for a in await register.resolve(others, "@lut")] == [COMMUNE, "H48.31.06"]
    assert [(row.owner, row.members) for row in await register.groups(us)] == [
        ("", ("@communes:H48.31", "H48.11")),
        (COMMUNE, ("H48.33",)),
    ]
    with pytest.raises(Refusal) as refused:
        await register.delete_group(others, "lut")
    assert refused.value.code is Code.NOT_FOUND
    await register.delete_group(us, "lut")
    assert len(await register.resolve(us, "@lut")) == 2


async def test_a_copy_gets_what_was_written_since_with_its_days_to_come(linkage: Linkage) -> None:
    register = linkage.hub.register
    first = await register.changed(0)
    assert (first.whole, len(first.agencies)) == (True, len(linkage.hub.directory))
    order = ReformOrder(kind=ReformKind.MOVE, codes=(COMMUNE,), into=("H48",), on=date(2026, 7, 1))
    await linkage.administration.reform(OPERATOR, order, "hai cấp")
    delta = await register.changed(first.version)
    assert (delta.whole, [a.code for a in delta.agencies]) == (False, [COMMUNE])
    assert delta.agencies[0].changes[0].parent == "H48"
    assert (await register.changed(delta.version)).agencies == []
    assert (await register.changed(delta.version + 100)).whole


async def test_a_reform_holds_from_its_day_on_and_is_logged(linkage: Linkage) -> None:
    tomorrow = day_of(linkage.now()) + timedelta(days=1)
    order = ReformOrder(kind=ReformKind.LOCK, codes=(DISTRICT,), on=tomorrow)
    told, _ = await linkage.administration.reform(OPERATOR, order, "thử", dry_run=True)
    assert (await linkage.store.directory()).agencies[DISTRICT].changes == ()
    done, _ = await linkage.administration.reform(OPERATOR, order, "chuyển hệ thống")
    assert done == told
    assert linkage.hub.directory.agencies[DISTRICT].status is AgencyStatus.ACTIVE
    listed, _ = await linkage.administration.agencies(
        OPERATOR, text="Bình Sơn", tier="", include_test=False, on=tomorrow
    )
    assert [a.status for a in listed if a.code == DISTRICT] == [AgencyStatus.LOCKED]
    await linkage.begin(tomorrow)
    sent = await linkage.submit(COMMUNE, [DISTRICT, "H48.11"])
    assert [d.error for d in sent.deliveries] == [Code.RECIPIENT_LOCKED, None]
    (event,) = [e for e in await linkage.store.events(limit=20) if e.kind == "agency.locked"]
    assert (event.subject, event.detail["reason"]) == (DISTRICT, "chuyển hệ thống")
