"""The stores the suite runs on: in memory, SQLite file, PostgreSQL."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lienthong import store as stores
from lienthong.hub.ports import Store
from tests.fakes.store import FakeStore
from tests.services import postgres

REAL = ("sqlite", "postgresql")


_folder = tempfile.TemporaryDirectory(prefix="lienthong-template-")
atexit.register(_folder.cleanup)


@functools.cache
def _sqlite_template() -> Path:
    file = Path(_folder.name) / "store.sqlite"
    stores.migrate(f"sqlite:///{file}")
    return file


def new_url(backend: str, folder: Path) -> str:
    """URL of a fresh, migrated database."""
    if backend == "postgresql":
        return postgres.server().new_database()
    shutil.copy(_sqlite_template(), folder / "store.sqlite")
    return f"sqlite:///{folder / 'store.sqlite'}"


@pytest.fixture(name="url", params=REAL)
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database on each real backend."""
    return new_url(request.param, tmp_path)


@pytest.fixture(name="store", params=("fake", *REAL))
async def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A fresh store on every backend."""
    opened: Store = (
        FakeStore() if request.param == "fake" else stores.open_store(new_url(request.param, tmp_path))
    )
    yield opened
    await opened.close()
