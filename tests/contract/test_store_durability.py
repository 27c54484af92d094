"""Is what the real stores acknowledged on disk, whole, and safe from other processes and from failing disks?"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from lienthong import store as stores
from lienthong.blobs import open_blobs
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.payloads import DEFAULT_PAYLOAD_LIMIT, Payloads
from lienthong.hub.rows import DocumentQuery, DocumentRow, NewDocument
from lienthong.store.database import READERS, Database, open_engine
from lienthong.store.events import append
from tests.contract.store_backends import any_url, new_url  # noqa: F401
from tests.contract.store_suite import a_document, a_hop, after, an_agency, an_event, consign, kinds, states
from tests.services import postgres


@pytest.mark.parametrize("writes", [True, False])
def test_sqlite_syncs_before_commit_returns_on_every_connection(tmp_path: Path, writes: bool) -> None:
    """PITFALLS 19: synchronous=NORMAL would acknowledge before the fsync; FULL is 2."""
    engine = open_engine(f"sqlite:///{tmp_path / 'store.sqlite'}").execution_options(writes=writes)
    connections = [engine.connect() for _ in range(READERS + 1)]
    for connection in connections[: 1 if writes else None]:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
        }
        assert settings == {
            "synchronous": 2,
            "journal_mode": "wal",
            "foreign_keys": 1,
            "busy_timeout": 30_000,
        }
    for connection in connections:
        connection.close()
    engine.dispose()


def test_postgresql_syncs_before_commit_returns_whatever_the_server_prefers() -> None:
    url = postgres.server().new_database()
    engine = open_engine(url)
    name = sa.engine.make_url(url).database
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    engine.dispose()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    engine.dispose()


async def test_everything_is_there_after_reopening(url: str) -> None:
    store = stores.open_store(url)
    document = a_document("H48.11", "H48.02")
    await store.accept(document)
    await store.put_agencies([an_agency("H48")], event=an_event())
    await consign(store, document, "H48.11")
    before = [await store.document(document.id), await store.deliveries(document.id), await store.directory()]
    log = await store.events()
    await store.close()
    await store.close()
    again = stores.open_store(url)
    assert before == [
        await again.document(document.id),
        await again.deliveries(document.id),
        await again.directory(),
    ]
    assert await again.events() == log
    await again.close()


async def test_a_killed_process_loses_nothing_it_acknowledged(url: str) -> None:
    """Neither a document nor its bytes; and of what it did not acknowledge both are there, or neither."""
    program = (
        "import asyncio, os, sys\n"
        "from lienthong import store as stores\n"
        "from lienthong.domain.ids import sha256_hex\n"
        "from tests.contract.store_suite import a_document\n"
        "async def run():\n"
        "    store = stores.open_store(sys.argv[1])\n"
        "    async def accept():\n"
        "        while True:\n"
        "            data = os.urandom(20_000)\n"
        "            print((await store.accept(a_document(sha256=sha256_hex(data)), data)).id, flush=True)\n"
        "    await asyncio.gather(*[accept() for _ in range(4)])\n"
        "asyncio.run(run())\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, stdout=subprocess.PIPE)
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(40)]
    child.kill()
    lines += (await child.stdout.read()).splitlines()
    await child.wait()
    acknowledged = [line.decode().strip() for line in lines if len(line.strip()) == 36]
    assert len(acknowledged) >= 40
    store = stores.open_store(url)
    everything = await store.documents(DocumentQuery(limit=100_000))
    assert {row.id for row in everything}.issuperset(acknowledged)
    for row in everything:
        assert sha256_hex(await store.payload(row.sha256) or b"") == row.sha256
    for document_id in acknowledged:
        assert await states(store, document_id) == {"H48.11": DeliveryState.ACCEPTED}
        assert await kinds(store, document_id) == ["document.accepted"]
    await store.close()


async def test_bytes_and_document_are_written_together_or_not_at_all(url: str) -> None:
    """What the writes of an acceptance fail at, after the bytes: nothing of it is left, whoever looks."""
    store = stores.open_store(url)
    document = a_document("H48.11", "H48.11")  # a recipient twice: refused by the database, after the bytes
    with pytest.raises(HubFault):
        await store.accept(document, b"bytes")
    assert await store.document(document.id) is None
    assert await store.payload(document.sha256) is None
    bare = await store._db.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM payloads").scalar())
    assert bare == 0
    await store.close()


@pytest.mark.parametrize("size", [DEFAULT_PAYLOAD_LIMIT, DEFAULT_PAYLOAD_LIMIT + 1], ids=["small", "large"])
async def test_nobody_is_told_before_the_bytes_are_synced(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small package is in the commit's own sync; a large one is synced, file and folder, before the commit begins."""
    store = stores.open_store(new_url("sqlite", tmp_path))
    payloads, order = Payloads(store, open_blobs(str(tmp_path / "blobs"))), list[str]()
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    def committing(connection: sa.Connection) -> None:
        if connection.exec_driver_sql("SELECT count(*) FROM documents").scalar():
            held = connection.exec_driver_sql("SELECT count(*) FROM payloads").scalar()
            order.append(f"commit with {held}")

    monkeypatch.setattr(os, "fsync", synced)
    sa.event.listen(store._db.engine, "commit", committing)
    data = b"d" * size
    document = a_document(sha256=sha256_hex(data), size=size)
    told = asyncio.create_task(payloads.accept(document, data))
    told.add_done_callback(lambda _: order.append("told"))
    await told
    await asyncio.sleep(0)
    if size > DEFAULT_PAYLOAD_LIMIT:
        assert order[-4:] == ["file", "folder", "commit with 0", "told"]
    else:
        assert order == ["commit with 1", "told"]
    await store.close()


async def test_two_hubs_accepting_one_identity_at_once_have_one_document(url: str) -> None:
    hubs = [stores.open_store(url), stores.open_store(url)]

    async def race(documents: list[NewDocument]) -> list[DocumentRow | BaseException]:
        return await asyncio.gather(
            *[hub.accept(document) for hub, document in zip(hubs, documents, strict=True)],
            return_exceptions=True,
        )

    for _ in range(10):
        first = a_document()
        same = replace(a_document(), identity=first.identity, sha256=first.sha256)
        other = replace(a_document(), identity=first.identity)
        one, two = await race([first, same])
        assert one == two
        outcomes = await race([other, first])
        assert isinstance(outcomes[0], Refusal)
        assert outcomes[0].code is Code.DOCUMENT_CONFLICT
        assert outcomes[1] == one
    for hub in hubs:
        await hub.close()


async def test_two_hubs_taking_the_same_documents_in_opposite_order_do_not_block_each_other(url: str) -> None:
    """PostgreSQL sees a deadlock here, because each hub's commits hold several documents: the loser tries again."""
    hubs = [stores.open_store(url), stores.open_store(url)]
    made = [a_document() for _ in range(30)]
    rows = await asyncio.wait_for(
        asyncio.gather(*map(hubs[0].accept, made), *map(hubs[1].accept, reversed(made))), 60
    )
    assert [row.id for row in rows] == [d.id for d in (*made, *reversed(made))]
    for hub in hubs:
        await hub.close()


async def test_two_relays_recording_one_hop_at_once_record_it_once(url: str) -> None:
    relays = [stores.open_store(url), stores.open_store(url)]
    for _ in range(10):
        document = a_document("H48.11")
        await relays[0].accept(document)
        tries = [a_hop(document, digest=f"{n}" * 64) for n in range(2)]
        stored = await asyncio.gather(
            *[
                r.record_hop(h, recipients=["H48.11"], consignment=None)
                for r, h in zip(relays, tries, strict=True)
            ]
        )
        assert stored[0] == stored[1]
        assert await kinds(relays[1], document.id) == ["document.accepted", "hop.recorded"]
    for relay in relays:
        await relay.close()


async def test_another_processs_change_of_the_directory_is_seen(url: str) -> None:
    one, two = stores.open_store(url), stores.open_store(url)
    assert await two.search_agencies("H48", limit=5) == []
    await one.put_agencies([an_agency("H48", "Tỉnh Quảng Ngãi")], event=an_event())
    assert [a.code for a in await two.search_agencies("quang ngai", limit=5)] == ["H48"]
    assert await two.put_agencies([an_agency("H49")], event=an_event()) == 2
    assert sorted((await one.directory()).agencies) == ["H48", "H49"]
    await one.close()
    await two.close()


async def test_writes_that_wait_share_a_commit_and_a_failing_one_fails_alone(url: str) -> None:
    database = Database(url)
    commits: list[object] = []
    sa.event.listen(database.engine, "commit", commits.append)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold_up(_connection: sa.Connection) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(30)

    def log(connection: sa.Connection, n: int) -> int:
        append(connection, an_event(f"thing.{n}"))
        if n % 10 == 3:
            raise ZeroDivisionError
        return n

    first = asyncio.create_task(database.write(hold_up))
    others = [asyncio.create_task(database.write(log, n)) for n in range(40)]
    await asyncio.sleep(0)  # the tasks queue their writes
    gate.set()
    await first
    outcomes = await asyncio.gather(*others, return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, HubFault)] == [3, 13, 23, 33]
    assert len(commits) <= 3
    kept = await database.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM events").scalar())
    assert kept == 36
    await database.close()


async def test_when_the_commit_fails_nobody_is_told_written(url: str) -> None:
    store = stores.open_store(url)
    engine = store._db.engine

    def disk_full(_connection: sa.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    sa.event.listen(engine, "commit", disk_full)
    made = [a_document() for _ in range(5)]
    payloads = [document.id.encode() for document in made]
    outcomes = await asyncio.gather(*map(store.accept, made, payloads), return_exceptions=True)
    assert all(isinstance(outcome, HubFault) for outcome in outcomes)
    sa.event.remove(engine, "commit", disk_full)
    assert [await store.document(d.id) for d in made] == [None] * 5
    assert [await store.payload(d.sha256) for d in made] == [None] * 5
    assert [row.id for row in await asyncio.gather(*map(store.accept, made, payloads))] == [
        d.id for d in made
    ]
    assert [await store.payload(d.sha256) for d in made] == payloads
    await store.close()


async def test_a_caller_that_leaves_does_not_stop_the_others(url: str) -> None:
    store = stores.open_store(url)
    made = [a_document() for _ in range(20)]
    tasks = [asyncio.create_task(store.accept(document)) for document in made]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [row.id for row in outcomes[1::2] if not isinstance(row, BaseException)] == [
        d.id for d in made[1::2]
    ]
    await store.close()


async def test_nothing_of_the_database_is_seen_outside(url: str) -> None:
    store = stores.open_store(url)
    with store._db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hops RENAME TO gone")
        connection.exec_driver_sql("ALTER TABLE events RENAME TO gone_too")
    for call in (store.hops("x"), store.append(an_event()), store.accept(a_document())):
        with pytest.raises(HubFault) as fault:
            await call
        assert "events" not in str(fault.value)
        assert "SELECT" not in str(fault.value)
    await store.close()
    for call in (store.hops("x"), store.append(an_event())):
        with pytest.raises(HubFault, match="closed"):
            await call


async def test_a_zoneless_moment_is_a_fault_of_ours(url: str) -> None:
    store = stores.open_store(url)
    with pytest.raises(HubFault):
        await store.mark_published(["x"], after(0).replace(tzinfo=None))
    await store.close()


async def test_postgresql_restarted_under_the_writer_is_a_fault_once_and_then_goes_on(tmp_path: Path) -> None:
    """The busiest statements go past SQLAlchemy to the driver: a dead connection must be noticed all the same."""
    url = new_url("postgresql", tmp_path)
    store = stores.open_store(url)
    await store.accept(a_document())
    cut = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with cut.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    cut.dispose()
    document = a_document()
    for _ in range(2):
        try:
            await store.accept(document)
        except HubFault:
            continue
    assert (await store.document(document.id)) is not None
    await store.record_hop(
        a_hop(document), recipients=[d.recipient for d in document.deliveries], consignment=None
    )
    await store.close()
