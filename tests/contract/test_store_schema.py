"""Do the migrations make the schema of store/tables.py, is an older or newer one noticed, is every query indexed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from lienthong import store as stores
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.request import RequestState
from lienthong.errors import HubFault
from lienthong.hub.ports import Store
from lienthong.hub.receipt_port import OverdueKind, OverdueQuery
from lienthong.hub.rows import DocumentQuery, HeldKind, NewDocument
from lienthong.store import prepared
from lienthong.store.database import open_engine
from lienthong.store.tables import metadata
from tests.contract.store_backends import REAL, any_url, new_url  # noqa: F401
from tests.contract.store_suite import a_consignment, a_document, a_held, a_hop, after, an_event, consign
from tests.contract.test_store_status import a_request
from tests.services import postgres

TEXT_INDEX = "document_text", "ix_documents_folded"  # made by the migrations alone


def empty_url(backend: str, folder: Path) -> str:
    return (
        postgres.server().empty_database()
        if backend == "postgresql"
        else f"sqlite:///{folder / 'store.sqlite'}"
    )


def test_the_migrations_make_the_tables(url: str) -> None:
    def ours(thing: Any, name: str | None, *_: object) -> bool:
        return not (name or "").startswith(TEXT_INDEX)

    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_partial_indexes_of_migrations_and_tables_say_the_same(url: str, tmp_path: Path) -> None:
    """Alembic does not compare the WHERE of an index."""
    folder = tmp_path / "other"
    folder.mkdir()
    backend = "sqlite" if url.startswith("sqlite") else "postgresql"
    other = empty_url(backend, folder)
    engine = open_engine(other)
    metadata.create_all(engine)
    engine.dispose()
    migrated = indexes(url)
    assert {name: sql for name, sql in migrated.items() if name in indexes(other)} == indexes(other)
    assert migrated.keys() - indexes(other).keys() <= {"alembic_version_pkc", "ix_documents_folded"}


def indexes(url: str) -> dict[str, str]:
    engine = open_engine(url)
    asked = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if engine.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    with engine.begin() as connection:
        found = {name: " ".join(sql.split()) for name, sql in connection.exec_driver_sql(asked)}
    engine.dispose()
    return found


def test_postgresql_does_not_try_to_compress_packages(tmp_path: Path) -> None:
    """It would cost the server 0.15 ms for each and save nothing: what they hold is compressed before it is base64."""
    engine = open_engine(new_url("postgresql", tmp_path))
    with engine.connect() as connection:
        storage = connection.exec_driver_sql(
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'payloads'::regclass AND attname = 'data'"
        ).scalar()
    engine.dispose()
    assert storage in ("e", b"e")


@pytest.mark.parametrize("backend", REAL)
def test_migrating_again_or_at_once_is_harmless(backend: str, tmp_path: Path) -> None:
    url = empty_url(backend, tmp_path)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(stores.migrate, [url] * 3))
    stores.migrate(url)
    stores.check_schema(url)


@pytest.mark.parametrize("backend", REAL)
def test_a_database_without_schema_is_a_fault_that_says_what_to_do(backend: str, tmp_path: Path) -> None:
    url = empty_url(backend, tmp_path)
    with pytest.raises(HubFault, match="lienthong migrate"):
        stores.open_store(url)
    assert not (tmp_path / "store.sqlite").exists()


def test_a_newer_schema_is_refused_and_left_alone(url: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    for act in (stores.check_schema, stores.migrate, stores.open_store):
        with pytest.raises(HubFault, match="newer than this program"):
            act(url)


@pytest.mark.parametrize(
    "url_",
    ["nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "sqlite:////no/such/folder/x.sqlite"],
)
def test_an_unusable_url_is_a_fault(url_: str) -> None:
    with pytest.raises(HubFault):
        stores.open_store(url_)


class Noting:
    """A driver's connection or cursor that tells of the statements it is given."""

    def __init__(self, inner: Any, note: Callable[[str, Any], None]) -> None:
        self._inner = inner
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inner)

    def cursor(self) -> Noting:
        return Noting(self._inner.cursor(), self._note)

    def execute(self, statement: str, parameters: Any = ()) -> None:
        self._note(statement, parameters)
        self._inner.execute(statement, parameters)

    def executemany(self, statement: str, many: Any) -> None:
        self._note(statement, many[0])
        self._inner.executemany(statement, many)


async def test_no_query_reads_a_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten million documents: every statement is led by an index (SQLite's own account of its plans).

    SQLAlchemy tells of its statements, and `Noting` of the prepared ones, which go to the driver by themselves.
    """
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    stores.migrate(url)
    store = stores.open_store(url)
    statements: dict[str, Any] = {}
    prepared_ones: set[str] = set()

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH")) or "SELECT" in statement:
            statements[statement] = parameters[0] if many else parameters

    def note_prepared(statement: str, parameters: Any) -> None:
        prepared_ones.add(statement)
        note(None, None, statement, parameters, None, False)

    driver = prepared._driver
    monkeypatch.setattr(prepared, "_driver", lambda connection: Noting(driver(connection), note_prepared))
    sa.event.listen(store._db.engine, "before_cursor_execute", note)
    document = a_document("H48.11", "H48.02")
    await use_documents(store, document)
    await use_the_rest(store, document)
    await use_business(store, document)
    await use_receipts(store)
    sa.event.remove(store._db.engine, "before_cursor_execute", note)

    in_order_of_an_index = {  # read from its end until the page is full, never sorted
        "SCAN documents USING INDEX ix_documents_accepted_at_id",
        "SCAN documents USING COVERING INDEX ix_documents_accepted_at_id",
        "SCAN events",
        "SCAN deliveries USING COVERING INDEX ix_deliveries_waiting",  # holds the undelivered alone
        "SCAN requests USING INDEX ix_requests_pending",  # holds the pending alone
    }
    with store._db.engine.begin() as connection:
        for statement, parameters in statements.items():
            plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all()
            steps = [row.detail for row in plan]
            scans = {step for step in steps if step.startswith("SCAN")}
            own = {s for s in scans if s.split()[1] in metadata.tables and "directory_versions" not in s}
            assert own <= in_order_of_an_index, (statement, steps)
            if "SCAN events" in own:
                assert not any("TEMP B-TREE" in step for step in steps), (statement, steps)
    assert len(statements) > 30
    assert len(prepared_ones & statements.keys()) > 5, prepared_ones
    await store.close()


async def use_documents(store: Store, document: NewDocument) -> None:
    await store.accept(document)
    await store.accept(document)
    await store.record_hop(a_hop(document), recipients=["H48.11"], consignment=None)
    await store.record_hop(a_hop(document), recipients=["H48.11"], consignment=None)
    await consign(store, document, "H48.11")
    await store.inbox("H48.11", after=document.deliveries[0].id, limit=5)
    await store.hand_over(document.deliveries[0].id, b"x", after(1))
    await store.move(document.id, None, DeliveryState.WITHDRAWN, event=an_event())
    for reference in (document.id, document.sha256, document.edxml_document_id or ""):
        await store.document(reference)
    await store.numbered("H48", "7", "UBND-VX", 2026)
    for query in (
        DocumentQuery(),
        DocumentQuery(text="kinh phí", before_id=document.id),
        DocumentQuery(text="7"),
        DocumentQuery(sender="H48", before_id=document.id),
        DocumentQuery(recipient="H48", since=after(0)),
        DocumentQuery(state=DeliveryState.DEAD, before_id=document.id),
        DocumentQuery(text="kinh phí", recipient="H48.11"),
    ):
        await store.documents(query)


async def use_receipts(store: Store) -> None:
    document = a_document("H48.11")
    await store.accept(document)
    consignment = replace(a_consignment("H48.11"), receipt_due_at=after(5))
    await store.record_hop(a_hop(document, node="H48.11"), recipients=["H48.11"], consignment=consignment)
    await store.expired(after(9), 5)
    for kind in OverdueKind:
        asked = OverdueQuery(kind=kind, at=after(9), since=after(0), after=document.deliveries[0].id)
        for other in (asked, replace(asked, sender="H48"), replace(asked, recipient="H48.11")):
            await store.overdue(other)
    await store.figures(after(0), after(9), after(9))


async def use_the_rest(store: Store, document: NewDocument) -> None:
    await store.mark_published([document.id], after(1))
    await store.unpublished(after(9), 5)
    await store.stalled(after(9), timedelta(minutes=1), 5)
    await store.republished(after(1))
    await store.touch(document.id, after(2))
    await store.positions()
    await store.events(document_id=document.id)
    await store.events()
    held = a_held(document.id)
    await store.hold(held, recipients=["H48.02"])
    await store.hold(held, recipients=["H48.02"])
    await store.held(HeldKind.QUARANTINE)
    await store.held(HeldKind.QUARANTINE, include_resolved=True)
    await store.resolve(held.id, "released", "x", "y", after(3))
    for table in ("deliveries", "hops", "evidence"):
        await getattr(store, table)(document.id)


async def use_business(store: Store, document: NewDocument) -> None:
    await store.accept(a_request(document))
    (request,) = await store.pending_requests(5)
    await store.settle_requests([request.id], RequestState.ASKED, after(30))
    await store.requests(document.id)
    await store.statuses(document.id)
    await store.record_hop(a_hop(document, node="H48.12"), recipients=["H48.11"], consignment=None)
    await store.sent("H48.31", document.edxml_document_id or "")
    place = await store.newest_change("H48.11")
    await store.changes("H48.11", after=None, limit=5)
    await store.changes("H48.11", after=place, limit=5)
