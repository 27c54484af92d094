"""A private PostgreSQL for tests: own folder, free loopback port, gone after the run.

    url = postgres.new_database()        # "postgresql+psycopg://…", migrated, empty

`server()` starts it once per test run and stops it at the end. PostgreSQL refuses to run as root, so as root
its programs run as the user `postgres`.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from lienthong import store
from tests.fakes.ports import free_port

START = 60  # seconds for initdb and for the start


class Postgres:
    """A running server. `template` holds the migrated schema, from which databases are copied.

    Without `sync` nothing of it would survive a power cut, and tests are quicker.
    """

    def __init__(self, programs: Path, folder: Path, *, sync: bool = False) -> None:
        self._programs = programs
        self._folder = folder
        self._sync = sync
        self._data = folder / "data"
        self.port = free_port()
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        self._run(
            "initdb", "-D", str(self._data), "-U", "lienthong", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        options += "" if self._sync else " -c fsync=off"
        log = self._folder / "server.log"
        self._run(
            "pg_ctl", "-D", str(self._data), "-l", str(log), "-o", options, "-w", "-t", str(START), "start"
        )

    def stop(self) -> None:
        """Stop at once and remove everything."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://lienthong@127.0.0.1:{self.port}/{database}"

    def empty_database(self) -> str:
        """URL of a new database without any table."""
        return self._create("template1")

    def new_database(self) -> str:
        """URL of a new database with the store's schema."""
        return self._create(self._template())

    @functools.cache  # noqa: B019 - one server per run
    def _template(self) -> str:
        url = self.empty_database()
        store.migrate(url)
        return url.rpartition("/")[2]

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="lienthong", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # files, not pipes: the server inherits them and would keep a pipe open for ever
        with (self._folder / "programs.log").open("ab") as log:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                timeout=START * 2,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {(self._folder / 'programs.log').read_text()[-2000:]}")


def find_programs() -> Path:
    """The newest installed server's folder of programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql (or postgresql-15)")
    return Path(on_path).resolve().parent


@functools.cache
def server() -> Postgres:
    """The run's server, started when first asked for."""
    folder = Path(tempfile.mkdtemp(prefix="lienthong-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    running = Postgres(find_programs(), folder)
    running.start()
    atexit.register(running.stop)
    return running
