"""Does everybody see their own side alone, and is a month Vietnam's month?"""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from lienthong.errors import Code, Refusal
from lienthong.hub.receipt_port import OverdueKind
from lienthong.hub.receipts import Receipts, Side
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, OPERATOR, Bench

LATE = OverdueKind.LATE


@pytest.fixture
async def late(bench: Bench) -> Bench:
    """A document lies with the department, and its day is over."""
    await bench.arrived()
    bench.pass_time(15 * 86_400)
    return bench


def receipts(bench: Bench) -> Receipts:
    return Receipts(bench.store, bench.knowledge, bench.now)


async def seen(bench: Bench, code: str, side: Side, **conditions: str) -> list[str]:
    found = await receipts(bench).overdue(bench.caller(code), LATE, side=side, **conditions)  # type: ignore[arg-type]
    return [item.delivery.recipient for item in found]


async def test_each_side_sees_its_own(late: Bench) -> None:
    assert await seen(late, DEPARTMENT, Side.RECIPIENT) == [DEPARTMENT]
    assert await seen(late, DEPARTMENT, Side.SENDER) == []
    assert await seen(late, COMMUNE, Side.SENDER) == [DEPARTMENT]
    assert await seen(late, COMMUNE, Side.RECIPIENT) == []
    assert await seen(late, DISTRICT, Side.RECIPIENT) == await seen(late, DISTRICT, Side.SENDER) == []
    everything = await receipts(late).overdue(OPERATOR, LATE)
    assert [item.delivery.recipient for item in everything] == [DEPARTMENT]


async def test_an_agency_narrows_to_the_other_side_but_never_to_others(late: Bench) -> None:
    assert await seen(late, COMMUNE, Side.SENDER, recipient=DEPARTMENT) == [DEPARTMENT]
    assert await seen(late, COMMUNE, Side.SENDER, recipient=DISTRICT) == []
    assert await seen(late, DEPARTMENT, Side.RECIPIENT, sender=COMMUNE, recipient=DEPARTMENT) == [DEPARTMENT]
    for side, field in ((Side.SENDER, "sender"), (Side.RECIPIENT, "recipient")):
        with pytest.raises(Refusal) as refused:
            await seen(late, DISTRICT, side, **{field: COMMUNE})
        assert (refused.value.code, refused.value.field) == (Code.NOT_PERMITTED, field)


async def test_agencies_are_named_by_any_code(late: Bench) -> None:
    alias = late.knowledge.now.directory.agencies[DEPARTMENT].aliases[0]
    found = await receipts(late).overdue(OPERATOR, LATE, recipient=alias)
    assert [item.delivery.recipient for item in found] == [DEPARTMENT]
    with pytest.raises(Refusal) as refused:
        await receipts(late).overdue(OPERATOR, LATE, sender="nobody")
    assert (refused.value.code, refused.value.field) == (Code.NOT_FOUND, "sender")


@pytest.mark.parametrize(
    ("month", "since", "until"),
    [
        (date(2026, 3, 17), datetime(2026, 2, 28, 17, tzinfo=UTC), datetime(2026, 3, 31, 17, tzinfo=UTC)),
        (date(2026, 12, 1), datetime(2026, 11, 30, 17, tzinfo=UTC), datetime(2026, 12, 31, 17, tzinfo=UTC)),
    ],
)
async def test_a_month_begins_and_ends_at_vietnams_midnight(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, month: date, since: datetime, until: datetime
) -> None:
    asked: list[tuple[datetime, ...]] = []

    async def figures(*moments: datetime) -> list[object]:
        asked.append(moments)
        return []

    monkeypatch.setattr(bench.store, "figures", figures)
    await receipts(bench).figures(OPERATOR, month)
    assert asked == [(since, until, bench.at)]
