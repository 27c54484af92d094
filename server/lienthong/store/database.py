"""How the store reaches its database: engines per URL, durable settings, threads for reads and writes.

The port is async, the queries are synchronous closures over a connection. Reads run on a few threads with
connections of their own; writes go through the one `Writer`. Errors of the driver become `HubFault` here.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from lienthong.errors import HubFault, LienthongError
from lienthong.store.prepared import say
from lienthong.store.writer import Writer, as_fault

READERS = 4  #: threads and connections for reading
BUSY_TIMEOUT = 30  #: seconds to wait for the lock that the hub's and the relays' processes share

P = ParamSpec("P")
T = TypeVar("T")


def open_engine(url: str) -> sa.Engine:
    """An engine for ``sqlite:///path`` or ``postgresql+psycopg://…``, set up so that a commit is durable."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise HubFault("the store's URL cannot be read") from error
    match parsed.get_backend_name():
        case "sqlite":
            return _open_sqlite(parsed)
        case "postgresql":
            # an explicit level: a server set to "off" would lose acknowledged documents on a crash
            return sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_size=READERS + 1,
                pool_pre_ping=True,
                connect_args={"options": "-c synchronous_commit=on -c timezone=UTC", "connect_timeout": 10},
            )
        case other:
            raise HubFault(f"the store knows sqlite and postgresql, not {other}")


def _open_sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise HubFault("the store needs a file: a database in memory keeps no promise")
    if not Path(url.database).parent.is_dir():
        raise HubFault("the folder of the store's file does not exist")
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"),
        poolclass=sa.QueuePool,
        pool_size=READERS + 1,
        connect_args={"timeout": BUSY_TIMEOUT},
    )
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # Here SQLite does not wait for a lock, whatever its timeout: two processes that open a new file may meet.
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # BEGIN is ours (below): the driver's own transactions skip SELECT, DDL and SAVEPOINT
    connection.isolation_level = None
    _switch_to_wal(connection)
    for pragma in (
        "synchronous=FULL",  # NORMAL commits before fsync: an acknowledged document could be lost
        "foreign_keys=ON",
        "cache_size=-32768",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # a writer takes the lock at once: a read transaction cannot be turned into a write one under contention
    writes = connection.get_execution_options().get("writes", False)
    say(connection, "BEGIN IMMEDIATE" if writes else "BEGIN")


def insert_once(connection: sa.Connection, table: sa.Table, values: dict[str, Any], *keys: str) -> bool:
    """Insert unless a row with the same `keys` (any unique key without them) exists; whether it was inserted.

    Safe between processes: the database decides who is first, the others wait for it and then read its row.
    """
    statement = insert_unless(connection.dialect.name, table, *keys)
    # without the option SQLAlchemy forgets the count of an INSERT when the driver closes its cursor
    return connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount > 0


@cache  # building a statement costs more than running it
def insert_unless(dialect_name: str, table: sa.Table, *keys: str) -> sa.Insert:
    """The statement of `insert_once`."""
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    statement: sa.Insert = dialect.insert(table).on_conflict_do_nothing(index_elements=keys or None)
    return statement


def _turns(engine: sa.Engine) -> Callable[[], AbstractContextManager[None]]:
    """What a writer holds while it writes. Only SQLite needs it.

    SQLite waits for its lock by looking again after ever longer sleeps, so that under load one process can keep
    another out for seconds. A lock of the kernel wakes who waits, and goes with the process that held it.
    """
    if engine.dialect.name != "sqlite":
        return nullcontext

    @contextmanager
    def turn() -> Iterator[None]:
        file = os.open(f"{engine.url.database}-turn", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)  # lets go of the lock

    return turn


class Database:
    """One database: `read` and `write` run a closure ``(connection, *args) -> result`` in a transaction."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        reading: dict[str, Any] = {}
        if self.engine.dialect.name == "postgresql":
            reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = self.engine.execution_options(**reading)
        self._writer = Writer(self.engine.execution_options(writes=True), _turns(self.engine))
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    async def read(
        self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kw: P.kwargs
    ) -> T:
        """Run `query` on one consistent snapshot."""

        def run() -> T:
            try:
                with self._reading.begin() as connection:
                    return query(connection, *args, **kw)
            except LienthongError:
                raise
            except Exception as error:
                raise as_fault(error) from error

        try:
            future = asyncio.get_running_loop().run_in_executor(self._readers, run)
        except RuntimeError as error:  # the executor is shut down
            raise HubFault("the store is closed") from error
        return await future

    async def write(
        self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kw: P.kwargs
    ) -> T:
        """Run `work`; returns after the commit that holds it is on disk."""
        result: T = await asyncio.wrap_future(self._writer.submit(lambda c: work(c, *args, **kw)))
        return result

    async def close(self) -> None:
        """Finish pending work and close every connection."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self.engine.dispose()
