"""How many small writes share one fsync: the group commit of a process.

One thread owns the writing connection. It takes what has queued up (at most `BATCH`), runs each closure in
a SAVEPOINT of its own, commits once, and only then resolves the futures: nobody is told "written" before
the commit that holds the write is on disk. A closure that raises loses its own savepoint and nothing else.
When the commit fails, or the database rolls everything back by itself (disk full), all of the batch fail.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lienthong.errors import HubFault, LienthongError
from lienthong.store.prepared import say

BATCH = 64  #: writes per commit at most: bounds how long the first of them waits
ATTEMPTS = 5  #: tries of a write that another process's transaction made impossible
_TRY_AGAIN = frozenset({"40001", "40P01"})  # PostgreSQL: serialization failure, deadlock


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[sa.Connection], Any]
    future: Future[Any] = field(default_factory=Future)
    attempts: int = 0
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Runs write closures one after another and commits them together."""

    def __init__(
        self, engine: sa.Engine, turn: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._engine = engine
        self._turn = turn  # held during a commit, so that processes sharing a file take turns
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._closed = False

    def submit(self, work: Callable[[sa.Connection], Any]) -> Future[Any]:
        """Queue `work`; the future is done when its effect is durable, or failed."""
        job = _Job(work)
        with self._guard:
            if self._closed:
                raise HubFault("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()
            self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._guard:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            batch, last = self._gather(job)
            self._commit([job for job in batch if job.future.set_running_or_notify_cancel()])
            if last:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        batch = [first]
        while len(batch) < BATCH:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        """Run until every job is settled."""
        while batch:
            try:
                with self._turn(), self._engine.begin() as connection:
                    done = self._attempt_all(connection, batch)
            except Exception as error:  # noqa: BLE001 - the boundary: nothing may leave a future unresolved
                for job in batch:
                    job.future.set_exception(as_fault(error))
                return
            for job in batch[:done]:
                if job.error is not None:
                    job.future.set_exception(as_fault(job.error))
                else:
                    job.future.set_result(job.result)
            batch = batch[done:]

    def _attempt_all(self, connection: sa.Connection, batch: list[_Job]) -> int:
        """How many jobs this commit settles. A write that lost against another process ends it and opens the next:

        the two may be waiting for each other's locks, and only a commit lets go of them.
        """
        for done, job in enumerate(batch):
            self._attempt(connection, job)
            if _may_try_again(job):
                return done
        return len(batch)

    @staticmethod
    def _attempt(connection: sa.Connection, job: _Job) -> None:
        job.attempts += 1
        job.error = None
        say(connection, "SAVEPOINT one_write")
        try:
            job.result = job.work(connection)
            say(connection, "RELEASE SAVEPOINT one_write")
        except Exception as error:  # noqa: BLE001 - kept for the caller; the other writes go on
            job.error = error
            # raises when the whole transaction is gone: then the batch fails
            say(connection, "ROLLBACK TO SAVEPOINT one_write")
            say(connection, "RELEASE SAVEPOINT one_write")


def _may_try_again(job: _Job) -> bool:
    return (
        job.attempts < ATTEMPTS
        and job.error is not None
        and getattr(_origin(job.error), "sqlstate", None) in _TRY_AGAIN
    )


def _origin(error: BaseException) -> BaseException:
    """The driver's own error."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def as_fault(error: BaseException) -> BaseException:
    """What callers may see: our own errors as they are, everything of the database as `HubFault`."""
    if isinstance(error, LienthongError):
        return error
    origin = _origin(error)
    theirs = (
        isinstance(error, SQLAlchemyError) or hasattr(origin, "sqlstate") or isinstance(origin, sqlite3.Error)
    )
    kind = "the database failed" if theirs else "the store failed"
    fault = HubFault(f"{kind}: {type(origin).__name__}")
    fault.__cause__ = error  # for the log; the public text holds no SQL
    return fault
