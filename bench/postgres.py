"""A private PostgreSQL for a benchmark, as the tests start theirs, but every commit synced to the disk.

with postgres() as server:
    url = server.empty_database()
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.postgres import Postgres, find_programs


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Started on a free loopback port; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="lienthong-bench-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = Postgres(find_programs(), folder, sync=True)
    try:
        server.start()
        yield server
    finally:
        server.stop()
