"""The writer on SQLite: whatever it waits for or fails at, the event loop goes on and nobody is told too much."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from lienthong.errors import Code, HubFault, Refusal
from lienthong.store import database as databases
from lienthong.store.database import Database


def _put(connection: sa.Connection, n: int) -> int:
    """Write a line."""
    connection.exec_driver_sql("INSERT INTO things VALUES (?)", (n,))
    return n


def _all(connection: sa.Connection) -> list[int]:
    return [n for (n,) in connection.exec_driver_sql("SELECT n FROM things ORDER BY rowid")]


def _new_database(folder: Path) -> Database:
    """With its table; the writer has its connection."""
    with sqlite3.connect(folder / "store.sqlite") as file:
        file.execute("CREATE TABLE things (n INTEGER)")
    return Database(f"sqlite:///{folder / 'store.sqlite'}")


@pytest.fixture(name="database")
async def _database(tmp_path: Path) -> AsyncIterator[Database]:
    database = _new_database(tmp_path)
    await database.write(lambda _: None)
    yield database
    await database.close()


@contextmanager
def _turn_taken(folder: Path) -> Iterator[None]:
    """As another process that writes."""
    file = os.open(folder / "store.sqlite-turn", os.O_WRONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


@contextmanager
def _at_commit(database: Database, do: Callable[[], object]) -> Iterator[None]:
    """Have something happen before each commit of the writer."""

    def happen(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes"):
            do()

    sa.event.listen(database.engine, "commit", happen)
    try:
        yield
    finally:
        sa.event.remove(database.engine, "commit", happen)


async def _reads_go_on(database: Database) -> None:
    """The loop turns, and reads are answered."""
    began = time.monotonic()
    for _ in range(20):
        await asyncio.sleep(0)
        await database.read(_all)
    assert time.monotonic() - began < 5


async def test_another_processs_turn_never_blocks_the_event_loop(database: Database, tmp_path: Path) -> None:
    commits: list[None] = []
    with _at_commit(database, lambda: commits.append(None)):
        with _turn_taken(tmp_path):
            writes = [asyncio.create_task(database.write(_put, 0))]
            await _reads_go_on(database)
            writes += [asyncio.create_task(database.write(_put, n)) for n in range(1, 30)]
            await _reads_go_on(database)
            assert not any(write.done() for write in writes)
        assert await asyncio.gather(*writes) == list(range(30))
    assert len(commits) <= 3  # the first alone, what gathered meanwhile together
    assert await database.read(_all) == list(range(30))


async def test_a_stopped_process_that_has_the_turn_holds_up_writes_alone(
    database: Database, tmp_path: Path
) -> None:
    program = (
        "import fcntl, os, sys, time\n"
        "fcntl.flock(os.open(sys.argv[1], os.O_WRONLY), fcntl.LOCK_EX)\n"
        "print('mine', flush=True)\n"
        "time.sleep(600)\n"
    )
    turn = str(tmp_path / "store.sqlite-turn")
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", program, turn, stdout=-1)
    assert other.stdout is not None
    assert await other.stdout.readline() == b"mine\n"
    other.send_signal(signal.SIGSTOP)
    write = asyncio.create_task(database.write(_put, 1))
    await _reads_go_on(database)
    assert not write.done()
    other.kill()
    await other.wait()
    assert await write == 1


async def test_a_program_that_locks_the_file_never_blocks_the_event_loop(
    database: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.create_task(database.write(_put, 1))
    await _reads_go_on(database)
    assert not write.done()
    other.execute("ROLLBACK")
    assert await write == 1
    other.close()


async def test_a_program_that_locks_the_file_for_too_long_is_a_fault_and_then_writing_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT", 0.1)
    database = _new_database(tmp_path)
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(HubFault):
        await database.write(_put, 1)
    other.execute("ROLLBACK")
    other.close()
    await database.write(_put, 2)
    assert await database.read(_all) == [2]
    await database.close()


async def test_a_failing_begin_is_a_fault_and_lets_go_of_the_turn(database: Database, tmp_path: Path) -> None:
    def broken(_connection: sa.Connection) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    sa.event.listen(database.engine, "begin", broken, insert=True)
    outcomes = await asyncio.gather(*[database.write(_put, n) for n in range(3)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [HubFault] * 3
    with _turn_taken(tmp_path):
        pass
    sa.event.remove(database.engine, "begin", broken)
    await database.write(_put, 4)
    assert await database.read(_all) == [4]


async def test_a_failing_closure_loses_its_own_write_alone(database: Database) -> None:
    def refused(connection: sa.Connection) -> None:
        _put(connection, 2)
        raise Refusal(Code.NOT_FOUND, field="it")

    first, second, third = await asyncio.gather(
        database.write(_put, 1), database.write(refused), database.write(_put, 3), return_exceptions=True
    )
    assert (first, third) == (1, 3)
    assert isinstance(second, Refusal)
    assert await database.read(_all) == [1, 3]


async def test_a_full_disk_fails_the_batch_and_nobody_is_told_written(database: Database) -> None:
    def fill(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.exec_driver_sql("INSERT INTO things VALUES (zeroblob(100000))")

    outcomes = await asyncio.gather(
        database.write(_put, 1), database.write(fill), database.write(_put, 3), return_exceptions=True
    )
    written = [n for n, outcome in zip((1, 2, 3), outcomes, strict=True) if outcome == n]
    assert isinstance(outcomes[1], HubFault)
    assert await database.read(_all) == written
    with sqlite3.connect(
        str(database.engine.url.database)
    ) as file:  # the setting was that connection's alone
        file.execute("INSERT INTO things VALUES (5)")


async def test_when_the_commit_fails_all_of_the_batch_fail_and_the_turn_is_free(
    database: Database, tmp_path: Path
) -> None:
    def broken() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with _at_commit(database, broken):
        outcomes = await asyncio.gather(*[database.write(_put, n) for n in range(3)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [HubFault] * 3
    with _turn_taken(tmp_path):
        pass
    assert await database.read(_all) == []
    await database.write(_put, 7)
    assert await database.read(_all) == [7]


async def test_nobody_is_told_written_while_the_commit_is_under_way(database: Database) -> None:
    reached, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow_disk() -> None:
        loop.call_soon_threadsafe(reached.set)
        assert go_on.wait(30)

    with _at_commit(database, slow_disk):
        writes = [asyncio.create_task(database.write(_put, n)) for n in range(3)]
        await reached.wait()
        await _reads_go_on(database)
        writes += [asyncio.create_task(database.write(_put, n)) for n in range(3, 6)]
        assert await database.read(_all) == []
        assert not any(write.done() for write in writes)
        writes[0].cancel()  # too late to undo it
        writes[3].cancel()  # not begun
        await asyncio.sleep(0)
        go_on.set()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [
        n in (0, 3) for n in range(6)
    ]
    assert await database.read(_all) == [0, 1, 2, 4, 5]


async def test_closing_finishes_what_is_begun_and_what_is_queued(tmp_path: Path) -> None:
    database = _new_database(tmp_path)
    go_on = threading.Event()

    def long(connection: sa.Connection) -> int:
        assert go_on.wait(30)
        return _put(connection, 0)

    writes = [asyncio.create_task(database.write(long))]
    writes += [asyncio.create_task(database.write(_put, n)) for n in range(1, 5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    go_on.set()
    await asyncio.gather(closing, *writes)
    with pytest.raises(HubFault, match="closed"):
        await database.write(_put, 5)
    with sqlite3.connect(tmp_path / "store.sqlite") as file:
        assert file.execute("SELECT count(*) FROM things").fetchone() == (5,)


def test_event_loops_may_follow_each_other_and_leave_writes_behind(tmp_path: Path) -> None:
    database = _new_database(tmp_path)
    asyncio.run(database.write(_put, 1))
    reached, go_on = threading.Event(), threading.Event()

    def slow_disk() -> None:
        reached.set()
        assert go_on.wait(30)

    async def leave() -> None:
        writes = [asyncio.create_task(database.write(_put, n)) for n in (2, 3)]
        await asyncio.to_thread(reached.wait, 30)
        for write in writes:
            write.cancel()

    async def come() -> None:
        write = asyncio.create_task(database.write(_put, 4))
        await asyncio.sleep(0.01)
        go_on.set()
        await write

    with _at_commit(database, slow_disk):
        asyncio.run(leave())  # its loop is closed before the commit ends
        asyncio.run(come())
    assert asyncio.run(database.read(_all)) == [1, 2, 3, 4]
    asyncio.run(database.close())
