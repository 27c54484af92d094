"""How Alembic runs a migration here: on the connection and in the transaction that `store.migrate` holds."""

from __future__ import annotations

from alembic import context

from lienthong.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
