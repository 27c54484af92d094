"""Whether a database has this program's tables, and how it gets them: Alembic migrations, kept as package data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from lienthong.errors import HubFault, LienthongError
from lienthong.store.database import open_engine
from lienthong.store.writer import as_fault

_LOCK = 0x6C69656E74686F6E  # PostgreSQL advisory lock: one process migrates, the others wait and find it done


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(url: str) -> None:
    """Bring the database at `url` to this program's schema, in one transaction; a new file is made."""
    with _connected(url) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _check_known(connection)
        command.upgrade(_config(connection), "head")


def check_schema(url: str) -> None:
    """Raise `HubFault` unless the database has exactly this program's schema."""
    with _connected(url, must_exist=True) as connection:
        if _check_known(connection) != _head():
            raise HubFault("the store's schema is older than this program: run `lienthong migrate`")


@contextmanager
def _connected(url: str, *, must_exist: bool = False) -> Iterator[sa.Connection]:
    """One transaction, committed at the end; whatever the database raises becomes `HubFault`."""
    engine = open_engine(url)
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if must_exist and file is not None and not Path(file).is_file():
        raise HubFault("the store does not exist yet: run `lienthong migrate`")
    try:
        with engine.execution_options(writes=not must_exist).begin() as connection:
            yield connection
    except LienthongError:
        raise
    except Exception as error:
        raise as_fault(error) from error
    finally:
        engine.dispose()


def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _check_known(connection: sa.Connection) -> str | None:
    """The database's revision (None: no schema); raises when a newer program made it."""
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise HubFault("the store's schema is newer than this program: install the newer version")
    return revision
