"""Does any question get dearer as the store fills?

Each question is put to two stores that differ only in how many documents were delivered long ago. What it costs is
counted, not timed: on SQLite the steps of its machine, on PostgreSQL the pages its plan touches. A scan of what is
old and done costs eight times as much in the larger store; an index costs the same, or a step more.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pytest
import pytest_asyncio
import sqlalchemy as sa

from bench.fill import fill
from lienthong import store as stores
from lienthong.domain.delivery import DeliveryState
from lienthong.hub.receipt_port import OverdueKind, OverdueQuery
from lienthong.hub.rows import DocumentQuery, DocumentRow, HeldKind
from lienthong.store import SqlStore
from tests.contract.store_backends import REAL, new_url
from tests.contract.store_suite import a_document, consign

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL, LARGE = 1_000, 8_000
PAYLOAD = 10_000  # bytes of each of these documents
CODES = [f"H48.{number}" for number in range(5)]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
STEPS = 20  # of SQLite's machine, between two calls of the handler
#: what a question may cost more: an index is deeper by a level, a page is read in another place
MORE, BESIDES = 1.6, {"sqlite": 40, "postgresql": 40}

Ask = Callable[[SqlStore, DocumentRow], Awaitable[object]]


def documents(**wanted: Any) -> Ask:
    return lambda store, live: store.documents(
        DocumentQuery(**{name: value(live) if callable(value) else value for name, value in wanted.items()})
    )


def overdue(kind: OverdueKind, **wanted: Any) -> Ask:
    return lambda store, live: store.overdue(OverdueQuery(kind=kind, at=NOW, **wanted))


QUESTIONS: dict[str, Ask] = {
    "inbox": lambda store, _: store.inbox("H48.1", after=None, limit=100),
    "identity": lambda store, _: store.find_identity("H48.0|none"),
    "number": lambda store, _: store.numbered("H48.0", "77", "UBND-VX", 2025),
    "document by id": lambda store, live: store.document(live.id),
    "document by digest": lambda store, live: store.document(live.sha256),
    "a document's bytes": lambda store, live: store.payload(live.sha256),
    "document by its own id": lambda store, live: store.document(live.edxml_document_id or ""),
    "track: deliveries": lambda store, live: store.deliveries(live.id),
    "track: hops": lambda store, live: store.hops(live.id),
    "track: evidence": lambda store, live: store.evidence(live.id),
    "track: statuses": lambda store, live: store.statuses(live.id),
    "track: requests": lambda store, live: store.requests(live.id),
    "track: events": lambda store, live: store.events(document_id=live.id),
    "track: contents": lambda store, live: store.contents(live.id),
    "search: newest": documents(limit=50),
    "search: a word": documents(text="phân bổ", limit=50),
    "search: a number": documents(text="77", limit=50),
    "search: sender": documents(sender="H48.0", limit=50),
    "search: recipient": documents(recipient="H48.1", limit=50),
    "search: state": documents(state=DeliveryState.CONSIGNED, limit=50),
    "search: a time": documents(since=NOW - HOUR, until=NOW + HOUR, limit=50),
    "search: the next page": documents(before_id=lambda live: live.id, limit=50),
    "queues": lambda store, _: store.positions(),
    "unpublished": lambda store, _: store.unpublished(NOW + HOUR, 100),
    "stalled": lambda store, _: store.stalled(NOW + HOUR, timedelta(minutes=1), 100),
    "expired": lambda store, _: store.expired(NOW + HOUR, 100),
    "late: operators": overdue(OverdueKind.LATE),
    "late: a recipient": overdue(OverdueKind.LATE, recipient="H48.1"),
    "late: a sender": overdue(OverdueKind.LATE, sender="H48.0"),
    "unfetched": overdue(OverdueKind.UNFETCHED, recipient="H48.1"),
    "sent": lambda store, live: store.sent(live.sender, live.edxml_document_id or ""),
    "pending requests": lambda store, _: store.pending_requests(100),
    "changes": lambda store, _: store.changes("H48.0", after=None, limit=100),
    "newest change": lambda store, _: store.newest_change("H48.0"),
    "notices": lambda store, _: store.notices("H48.1", after=None, limit=100),
    "held": lambda store, _: store.held(HeldKind.QUARANTINE),
    "the log": lambda store, _: store.events(limit=100),
    "an agency that closes": lambda store, _: store.unfinished_for(["H48.1"], limit=100),
}


class Recording(psycopg.Cursor[Any]):
    """Notes every statement that is run."""

    said: ClassVar[list[tuple[Any, Any]]] = []

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self.said.append((query, params))
        return super().execute(query, params, **options)


class Meter:
    """A store, and what a question costs there."""

    def __init__(self, store: SqlStore, live: DocumentRow) -> None:
        self.store, self.live = store, live
        self.engine: sa.Engine = store._db.engine
        self.backend = self.engine.dialect.name
        self._steps = 0
        sa.event.listen(self.engine, "checkout", self._watch)

    def _watch(self, connection: Any, *_: object) -> None:
        if self.backend == "sqlite":
            connection.set_progress_handler(self._step, STEPS)
            connection.set_trace_callback(lambda said: Recording.said.append((said, None)))
        else:
            connection.cursor_factory = Recording

    def _step(self) -> int:
        self._steps += 1
        return 0

    async def cost(self, ask: Ask) -> int:
        self._steps = 0
        Recording.said.clear()
        await ask(self.store, self.live)
        if self.backend == "sqlite":
            return self._steps
        return sum(self._pages(query, values) for query, values in tuple(Recording.said))

    def _pages(self, query: Any, values: Any) -> int:
        if not str(query).lstrip().upper().startswith(("SELECT", "WITH")):
            return 0
        with self.engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", values)
            (told,) = cursor.fetchone() or ({},)
        plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def filled(backend: str, folder: Path, number: int, codes: Sequence[str] = CODES) -> Meter:
    """`number` documents delivered long ago, and the same few dozen that are on their way or wait."""
    folder.mkdir()  # noqa: ASYNC240 - nothing else runs
    url = new_url(backend, folder)
    fill(url, number, codes, payload=PAYLOAD)
    store = stores.open_store(url)
    live = None
    for turn in range(40):
        document = a_document(CODES[1 + turn % 2], sender=CODES[0], at=NOW + timedelta(milliseconds=turn))
        live = await store.accept(document, b"d" * PAYLOAD)
        if turn % 2:
            await consign(store, document, CODES[1 + turn % 2], NOW)
    assert live is not None
    return Meter(store, live)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=REAL)
async def meters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Meter, Meter]]:
    folder = tmp_path_factory.mktemp("growth")
    small = await filled(request.param, folder / "small", SMALL)
    large = await filled(request.param, folder / "large", LARGE)
    yield small, large
    await small.store.close()
    await large.store.close()


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_costs_the_same_in_a_full_store(meters: tuple[Meter, Meter], question: str) -> None:
    small, large = [await meter.cost(QUESTIONS[question]) for meter in meters]
    assert large <= small * MORE + BESIDES[meters[0].backend], (small, large)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_no_question_but_the_one_for_them_reads_the_documents_bytes(
    meters: tuple[Meter, Meter], question: str
) -> None:
    _, large = meters
    await large.cost(QUESTIONS[question])
    assert Recording.said
    read = any("payloads" in str(said) for said, _ in Recording.said)
    assert read == (question == "a document's bytes")


@pytest.mark.parametrize("backend", REAL)
async def test_an_inbox_costs_the_same_however_much_waits_in_others(backend: str, tmp_path: Path) -> None:
    meter = await filled(backend, tmp_path / "store", LARGE)  # PostgreSQL's statistics: all are handed over
    before = await meter.cost(QUESTIONS["inbox"])
    for turn in range(300):
        document = a_document(CODES[2 + turn % 3], sender=CODES[0], at=NOW + timedelta(seconds=turn))
        await meter.store.accept(document)
        await consign(meter.store, document, CODES[2 + turn % 3], NOW)
    assert await meter.cost(QUESTIONS["inbox"]) <= before + 2
    await meter.store.close()


@pytest.mark.parametrize("backend", REAL)
@pytest.mark.parametrize("question", ["late: a sender", "late: a recipient"])
async def test_a_late_list_costs_the_same_however_late_others_are(
    backend: str, question: str, tmp_path: Path
) -> None:
    province = [f"H48.{number}" for number in range(200)]  # with a handful PostgreSQL rather reads them all
    meter = await filled(backend, tmp_path / "store", LARGE, province)
    before = await meter.cost(QUESTIONS[question])
    late = "UPDATE deliveries SET receipt_due_at = handed_over_at - 1 WHERE state = 'HANDED_OVER'"
    others = " AND sender <> 'H48.0' AND recipient <> 'H48.1'"
    with meter.engine.begin() as connection:
        made = connection.exec_driver_sql(late + others).rowcount
        if backend == "postgresql":
            connection.exec_driver_sql("ANALYZE deliveries")
    assert made > LARGE / 2
    assert await meter.cost(QUESTIONS[question]) <= before + BESIDES[backend]
    await meter.store.close()


async def test_a_scan_would_be_seen(meters: tuple[Meter, Meter]) -> None:
    def scan(store: SqlStore, _: DocumentRow) -> Awaitable[object]:
        query = sa.text("SELECT count(*) FROM documents WHERE subject LIKE '%x%'")
        return store._db.read(lambda connection: connection.execute(query).scalar())

    small, large = [await meter.cost(scan) for meter in meters]
    assert large > small * MORE + BESIDES[meters[0].backend], (small, large)
