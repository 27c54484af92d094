"""The truth on disk: SQLAlchemy Core on SQLite or PostgreSQL, tables by Alembic."""
