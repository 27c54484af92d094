"""Where the hub's facts are kept: SQLite (embedded default) or PostgreSQL, behind the `Store` port."""

from __future__ import annotations

from lienthong.store.schema import check_schema, migrate
from lienthong.store.store import SqlStore

__all__ = ["SqlStore", "check_schema", "migrate", "open_store"]


def open_store(url: str) -> SqlStore:
    """The store at ``sqlite:///path`` or ``postgresql+psycopg://…``; `HubFault` unless its schema is current."""
    check_schema(url)
    return SqlStore(url)
