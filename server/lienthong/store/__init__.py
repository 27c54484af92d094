"""Where the hub's facts are kept: SQLite (embedded default) or PostgreSQL, behind the `Store` port."""

from __future__ import annotations

from lienthong.store.schema import check_schema, migrate
from lienthong.store.sql import SqlStore, open_store

__all__ = ["SqlStore", "check_schema", "migrate", "open_store"]
