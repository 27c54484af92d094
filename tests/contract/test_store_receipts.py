"""Do the stores know whose deadline is over, what was not received within the day, and the sums of it?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lienthong.domain.delivery import FINAL, DeliveryState
from lienthong.domain.document import PackageKind
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store
from lienthong.hub.receipt_port import FigureRow, OverdueKind, OverdueQuery
from lienthong.hub.rows import NewDocument
from lienthong.store import receipts
from tests.contract.store_backends import any_store, any_url, new_url  # noqa: F401
from tests.contract.store_suite import NOON, a_consignment, a_document, a_hop, after, an_event

S = DeliveryState
HOUR = 3600.0


def ending(document: NewDocument, at: float) -> NewDocument:
    """The same document with a deadline so many seconds after noon."""
    ways = tuple(replace(way, expires_at=after(at)) for way in document.deliveries)
    return replace(document, deliveries=ways)


async def consign(
    store: Store, document: NewDocument, recipient: str, due: float | None, at: float = 0
) -> str:
    """Put it into the inbox, the duty ending so many seconds after noon; the delivery's id."""
    consignment = a_consignment(recipient, after(at))
    if due is not None:
        consignment = replace(consignment, receipt_due_at=after(due))
    hop = a_hop(document, node=recipient, sequence=2)
    await store.record_hop(hop, recipients=[recipient], consignment=consignment)
    return next(way.id for way in document.deliveries if way.recipient == recipient)


async def test_a_delivery_keeps_its_deadline_and_its_duty(store: Store) -> None:
    document = ending(a_document("H48.11"), at=HOUR)
    await store.accept(document)
    (row,) = await store.deliveries(document.id)
    assert (row.expires_at, row.receipt_due_at) == (after(HOUR), None)
    await consign(store, document, "H48.11", due=60)
    (row,) = await store.deliveries(document.id)
    assert (row.expires_at, row.receipt_due_at) == (after(HOUR), after(60))


async def test_expired_are_those_that_have_not_ended_the_longest_over_first(store: Store) -> None:
    late, later, never = (
        ending(a_document("H48.11", "H48.02"), at=20),
        ending(a_document("H48.05"), at=10),
        a_document("H48.07"),
    )
    for document in (late, later, never):
        await store.accept(document)
    assert await store.expired(after(9), 10) == []
    assert [item.delivery.recipient for item in await store.expired(after(10), 10)] == ["H48.05"]
    found = await store.expired(after(20), 10)
    assert [item.document.id for item in found] == [later.id, late.id, late.id]
    assert found[0].delivery == (await store.deliveries(later.id))[0]
    assert await store.expired(after(20), 1) == found[:1]


@pytest.mark.parametrize("state", sorted(FINAL - {S.HANDED_OVER}))
async def test_a_delivery_that_ended_does_not_expire(store: Store, state: DeliveryState) -> None:
    document = ending(a_document("H48.11"), at=0)
    await store.accept(document)
    await store.move(document.id, None, state, event=an_event(document_id=document.id))
    assert await store.expired(after(HOUR), 10) == []


async def test_a_delivery_in_the_inbox_or_held_expires_too(store: Store) -> None:
    document = ending(a_document("H48.11", "H48.02", "H48.05"), at=0)
    await store.accept(document)
    await consign(store, document, "H48.11", due=60)
    for recipient, state in (("H48.02", S.QUARANTINED), ("H48.05", S.DEAD)):
        await store.move(document.id, [recipient], state, event=an_event(document_id=document.id))
    assert len(await store.expired(NOON, 10)) == 3
    moved = await store.move(document.id, None, S.EXPIRED, event=an_event(document_id=document.id))
    assert moved == ["H48.11", "H48.02", "H48.05"]
    assert await store.expired(NOON, 10) == []


async def test_late_are_those_whose_day_is_over(store: Store) -> None:
    document = a_document("H48.11", "H48.02", "H48.05", "H48.07", "H48.09")
    await store.accept(document)
    ids = [
        await consign(store, document, way.recipient, due=60 + number)
        for number, way in enumerate(document.deliveries)
    ]
    await store.hand_over(ids[1], b"<x/>", after(61))  # in time, at the last moment
    await store.hand_over(ids[2], b"<x/>", after(63))  # one second late
    await store.move(document.id, ["H48.07"], S.EXPIRED, event=an_event(document_id=document.id))
    await store.move(document.id, ["H48.09"], S.WITHDRAWN, event=an_event(document_id=document.id))

    async def late(at: float, **conditions: str | int) -> list[str]:
        asked = OverdueQuery(kind=OverdueKind.LATE, at=after(at), **conditions)  # type: ignore[arg-type]
        return [item.delivery.recipient for item in await store.overdue(asked)]

    assert await late(59) == []
    assert await late(60) == ["H48.11"]
    assert await late(HOUR) == ["H48.11", "H48.05", "H48.07"]
    assert await late(HOUR, limit=2) == ["H48.11", "H48.05"]
    assert await late(HOUR, after=ids[0]) == ["H48.05", "H48.07"]
    assert await late(HOUR, sender="H48.31", recipient="H48.05") == ["H48.05"]
    assert await late(HOUR, sender="H48.11") == []
    asked = OverdueQuery(kind=OverdueKind.LATE, at=after(HOUR), since=after(62))
    assert [item.delivery.id for item in await store.overdue(asked)] == [ids[2], ids[3]]


async def test_unfetched_are_those_in_an_inbox_due_or_not(store: Store) -> None:
    document = a_document("H48.11", "H48.02", "H48.05")
    status = a_document("H48.11", kind=PackageKind.STATUS)
    await store.accept(document)
    await store.accept(status)
    await consign(store, document, "H48.11", due=60)
    fetched = await consign(store, document, "H48.02", due=60)
    await consign(store, status, "H48.11", due=None)
    await store.hand_over(fetched, b"<x/>", after(1))
    asked = OverdueQuery(kind=OverdueKind.UNFETCHED, at=NOON)
    assert [item.delivery.recipient for item in await store.overdue(asked)] == ["H48.11"]


async def test_pages_go_on_from_a_delivery_with_a_duty_only(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    for reference in ("unknown", document.deliveries[0].id):
        with pytest.raises(Refusal) as refused:
            await store.overdue(OverdueQuery(kind=OverdueKind.LATE, at=NOON, after=reference))
        assert refused.value.code is Code.ARGUMENT_INVALID


async def test_figures_are_the_sums_of_every_outcome(store: Store) -> None:
    midnight, day = NOON, timedelta(days=1)
    counted = {"H48.11": (1, 1), "H48.02": (1, None), "H48.05": (86_400, 86_401), "H48.07": (86_400, None)}
    document = a_document(*counted, "H48.09", at=after(1))
    await store.accept(document)
    for recipient, (due, received) in counted.items():
        delivery = await consign(store, document, recipient, due=due)
        if received is not None:
            await store.hand_over(delivery, b"<x/>", after(received))
    await consign(store, document, "H48.09", due=5)
    await store.move(document.id, ["H48.09"], S.WITHDRAWN, event=an_event(document_id=document.id))
    status = a_document("H48.11", kind=PackageKind.STATUS, at=after(2))
    await store.accept(status)

    def row(agency: str, **sums: int) -> FigureRow:
        names = ("sent", "received", "on_time", "late", "waiting", "withdrawn")
        return FigureRow(agency=agency, **{name: sums.get(name, 0) for name in names})

    assert await store.figures(midnight, midnight + day, at=after(HOUR)) == [
        row("H48.02", received=1, late=1),
        row("H48.05", received=1, late=1),
        row("H48.07", received=1, waiting=1),
        row("H48.09", received=1, withdrawn=1),
        row("H48.11", received=1, on_time=1),
        row("H48.31", sent=1),
    ]
    assert await store.figures(midnight + day, midnight + 2 * day, at=after(HOUR)) == []
    later = await store.figures(midnight, midnight + day, at=midnight + day)
    assert next(found for found in later if found.agency == "H48.07") == row("H48.07", received=1, late=1)


@pytest.mark.parametrize(
    ("kind", "condition", "index"),
    [
        (OverdueKind.LATE, {"recipient": "H48.11"}, "ix_deliveries_unreceived_by (recipient=?"),
        (OverdueKind.LATE, {"sender": "H48.31"}, "ix_deliveries_unreceived_of (sender=?"),
        (OverdueKind.LATE, {}, "ix_deliveries_unreceived (receipt_due_at>?"),
        (OverdueKind.UNFETCHED, {"recipient": "H48.11"}, "(recipient=? AND state=?)"),
        (OverdueKind.UNFETCHED, {"sender": "H48.31"}, "(state=?)"),
        (OverdueKind.UNFETCHED, {}, "(state=?)"),
    ],
)
def test_no_list_reads_a_whole_history_on_sqlite(
    tmp_path: Path, kind: OverdueKind, condition: dict[str, Any], index: str
) -> None:
    """Each is read off an index of what may be on it: late or open deliveries, or what lies in inboxes now."""
    engine = sa.create_engine(new_url("sqlite", tmp_path))
    asked: list[tuple[str, Any]] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def keep(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with engine.connect() as connection:
        receipts.overdue(connection, OverdueQuery(kind=kind, at=NOON, since=NOON, **condition))
        statement, parameters = asked[-1]
        cursor = connection.connection.cursor()
        plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()]
    engine.dispose()
    assert index in plan[0], plan
    assert plan[1].startswith("SEARCH documents USING INDEX sqlite_autoindex_documents"), plan
