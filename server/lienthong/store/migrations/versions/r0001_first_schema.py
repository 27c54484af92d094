"""First schema: documents, deliveries, hops, evidence, events, held messages, agencies, certificates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# frozen here: a migration must not change when store/tables.py does
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make everything, in the order of the references."""
    _make_documents()
    _make_payloads()
    _make_deliveries()
    _index_deadlines()
    _make_records()
    _make_business()
    _make_held()
    _make_directory()
    _make_contents()
    _make_text_index()
    op.execute("INSERT INTO directory_versions (id, agencies, whole) VALUES (1, 0, 0)")


def _make_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("serial", SERIAL, autoincrement=True, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("identity", KEY, nullable=False),
        sa.Column("sha256", KEY, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("business_type", sa.Integer(), nullable=False),
        sa.Column("sender", KEY, nullable=False),
        sa.Column("first_node", KEY, nullable=False),
        sa.Column("edxml_document_id", KEY, nullable=True),
        sa.Column("code_number", KEY, nullable=True),
        sa.Column("code_notation", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("lane", KEY, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("promulgation_date", sa.Text(), nullable=True),
        sa.Column("signer_sha256", KEY, nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("serial", name="pk_documents"),
        sa.UniqueConstraint("id", name="uq_documents_id"),
        sa.UniqueConstraint("identity", name="uq_documents_identity"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_documents_accepted_at_id", "documents", ["accepted_at", "id"])
    op.create_index("ix_documents_code_number_accepted_at", "documents", ["code_number", "accepted_at"])
    op.create_index(
        "ix_documents_edxml_document_id_accepted_at", "documents", ["edxml_document_id", "accepted_at"]
    )
    op.create_index("ix_documents_sender_accepted_at_id", "documents", ["sender", "accepted_at", "id"])
    op.create_index(
        "ix_documents_sender_code_number_promulgation_date",
        "documents",
        ["sender", "code_number", "promulgation_date"],
    )
    op.create_index("ix_documents_sha256", "documents", ["sha256"])
    op.create_index(
        "ix_documents_unpublished",
        "documents",
        ["accepted_at", "id"],
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )


def _make_payloads() -> None:
    op.create_table(
        "payloads",
        sa.Column("serial", SERIAL, autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["serial"], ["documents.serial"], name="fk_payloads_serial"),
        sa.PrimaryKeyConstraint("serial", name="pk_payloads"),
    )
    if op.get_bind().dialect.name == "postgresql":  # what packages hold is compressed before it is base64
        op.execute("ALTER TABLE payloads ALTER COLUMN data SET STORAGE EXTERNAL")


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("error", KEY, nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("status", KEY, nullable=True),
        sa.Column("status_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("consigned_at", sa.BigInteger(), nullable=True),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("receipt_due_at", sa.BigInteger(), nullable=True),
        sa.Column("node", KEY, nullable=False),
        sa.Column("lane", KEY, nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("sender", KEY, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_deliveries_document_id"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("document_id", "recipient", name="uq_deliveries_document_id_recipient"),
    )
    op.create_index(
        "ix_deliveries_recipient_accepted_at_document_id",
        "deliveries",
        ["recipient", "accepted_at", "document_id"],
    )
    op.create_index(
        "ix_deliveries_recipient_state_consigned_at_id",
        "deliveries",
        ["recipient", "state", "consigned_at", "id"],
    )
    op.create_index(
        "ix_deliveries_stalled",
        "deliveries",
        ["updated_at", "document_id"],
        sqlite_where=sa.text("state IN ('ACCEPTED', 'IN_TRANSIT')"),
        postgresql_where=sa.text("state IN ('ACCEPTED', 'IN_TRANSIT')"),
    )
    op.create_index(
        "ix_deliveries_state_accepted_at_document_id", "deliveries", ["state", "accepted_at", "document_id"]
    )
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["node", "lane", "accepted_at", "document_id"],
        sqlite_where=sa.text("state IN ('ACCEPTED', 'IN_TRANSIT')"),
        postgresql_where=sa.text("state IN ('ACCEPTED', 'IN_TRANSIT')"),
    )


def _index_deadlines() -> None:
    unended = (
        "state IN ('ACCEPTED', 'CONSIGNED', 'DEAD', 'IN_TRANSIT', 'QUARANTINED') AND expires_at IS NOT NULL"
    )
    with_duty = "receipt_due_at IS NOT NULL"
    unreceived = f"{with_duty} AND (state IN ('CONSIGNED', 'EXPIRED') OR handed_over_at > receipt_due_at)"
    for name, columns, condition in (
        ("ix_deliveries_expiring", ["expires_at", "id"], unended),
        ("ix_deliveries_due", ["receipt_due_at", "recipient"], with_duty),
        ("ix_deliveries_unreceived", ["receipt_due_at", "id"], unreceived),
        ("ix_deliveries_unreceived_of", ["sender", "receipt_due_at", "id"], unreceived),
        ("ix_deliveries_unreceived_by", ["recipient", "receipt_due_at", "id"], unreceived),
    ):
        where = sa.text(condition)
        op.create_index(name, "deliveries", columns, sqlite_where=where, postgresql_where=where)


def _make_records() -> None:
    op.create_table(
        "hops",
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("node", KEY, nullable=False),
        sa.Column("previous_digest", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("verdict", KEY, nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_hops_document_id"),
        sa.PrimaryKeyConstraint("document_id", "node", "previous_digest", "revision", name="pk_hops"),
    )
    op.create_table(
        "republications",
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_republications_document_id"),
        sa.PrimaryKeyConstraint("document_id", name="pk_republications"),
    )
    op.create_index("ix_republications_at_document_id", "republications", ["at", "document_id"])
    op.create_table(
        "evidence",
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("xml", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_evidence_document_id"),
        sa.PrimaryKeyConstraint("document_id", "kind", "recipient", name="pk_evidence"),
    )
    op.create_table(
        "events",
        sa.Column("serial", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_document_id_serial", "events", ["document_id", "serial"])


def _make_business() -> None:
    op.create_table(
        "statuses",
        sa.Column("package_id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("sender", KEY, nullable=False),
        sa.Column("code", KEY, nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("step", KEY, nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("staff", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["documents.id"], name="fk_statuses_package_id"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_statuses_document_id"),
        sa.PrimaryKeyConstraint("package_id", name="pk_statuses"),
    )
    op.create_index("ix_statuses_document_id_accepted_at", "statuses", ["document_id", "accepted_at"])
    op.create_table(
        "requests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("package_id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("answer_package_id", KEY, nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["documents.id"], name="fk_requests_package_id"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_requests_document_id"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_document_id_asked_at", "requests", ["document_id", "asked_at"])
    op.create_index("ix_requests_delivery_id_asked_at", "requests", ["delivery_id", "asked_at"])
    op.create_index("ix_requests_package_id", "requests", ["package_id"])
    op.create_index(
        "ix_requests_pending",
        "requests",
        ["asked_at", "id"],
        sqlite_where=sa.text("state = 'PENDING'"),
        postgresql_where=sa.text("state = 'PENDING'"),
    )
    _make_notices()
    _make_changes()


def _make_notices() -> None:
    untold = sa.text("seen_at IS NULL AND state IN ('ASKED', 'SUPERSEDED', 'WITHDRAWN')")
    op.create_index(
        "ix_requests_untold",
        "requests",
        ["recipient", "asked_at", "id"],
        sqlite_where=untold,
        postgresql_where=untold,
    )
    op.create_table(
        "onward",
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["documents.id"], name="fk_onward_source_id"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_onward_document_id"),
        sa.PrimaryKeyConstraint("source_id", "document_id", name="pk_onward"),
    )


def _make_changes() -> None:
    op.create_table(
        "changes",
        sa.Column("serial", SERIAL, autoincrement=True, nullable=False),
        sa.Column("written_in", sa.BigInteger(), nullable=False),
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("delivery_id", KEY, nullable=False),
        sa.Column("sender", KEY, nullable=False),
        sa.Column("recipient", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("serial", name="pk_changes"),
        sqlite_autoincrement=True,
    )
    for side in ("sender", "recipient"):
        op.create_index(f"ix_changes_{side}_written_in_serial", "changes", [side, "written_in", "serial"])


def _make_held() -> None:
    op.create_table(
        "held",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("node", KEY, nullable=False),
        sa.Column("lane", KEY, nullable=False),
        sa.Column("document_id", sa.Text(), nullable=True),
        sa.Column("code", KEY, nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("message_sha256", KEY, nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolution", KEY, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_held"),
    )
    op.create_index("ix_held_kind_at_id", "held", ["kind", "at", "id"])
    op.create_index(
        "ix_held_unresolved",
        "held",
        ["kind", "at", "id"],
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_index(
        "uq_held_message",
        "held",
        ["kind", "node", "message_sha256"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )


def _make_directory() -> None:
    op.create_table(
        "agencies",
        sa.Column("code", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("parent", KEY, nullable=True),
        sa.Column("aliases", JSON, nullable=False),
        sa.Column("status", KEY, nullable=False),
        sa.Column("successors", JSON, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("environment", KEY, nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("changed_in", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_agencies"),
    )
    op.create_index("ix_agencies_changed_in", "agencies", ["changed_in"])
    op.create_table(
        "recipient_groups",
        sa.Column("owner", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("members", JSON, nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", name="pk_recipient_groups"),
    )
    op.create_table(
        "certificates",
        sa.Column("sha256", KEY, nullable=False),
        sa.Column("agency", KEY, nullable=False),
        sa.Column("purpose", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name="pk_certificates"),
    )
    op.create_index("ix_certificates_agency_bound_at", "certificates", ["agency", "bound_at"])
    op.create_table(
        "directory_versions",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agencies", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_directory_versions"),
    )


def _make_contents() -> None:
    op.create_table(
        "document_contents",
        sa.Column("document_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", KEY, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_document_contents_document_id"),
        sa.PrimaryKeyConstraint("document_id", "position", name="pk_document_contents"),
    )
    op.create_index("ix_document_contents_sha256_document_id", "document_contents", ["sha256", "document_id"])
    op.create_table(
        "content_holders",
        sa.Column("sha256", KEY, nullable=False),
        sa.Column("agency", KEY, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "agency", name="pk_content_holders"),
    )
    op.create_index("ix_content_holders_agency_sha256", "content_holders", ["agency", "sha256"])
    op.create_index("ix_content_holders_at_sha256", "content_holders", ["at", "sha256"])


def _make_text_index() -> None:
    """Substrings of `documents.folded` through trigrams: FTS5 on SQLite, pg_trgm on PostgreSQL."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        op.execute("CREATE INDEX ix_documents_folded ON documents USING gin (folded gin_trgm_ops)")
        return
    op.execute(
        "CREATE VIRTUAL TABLE document_text USING fts5(folded, content='', columnsize=0, tokenize='trigram')"
    )
    op.execute(
        "CREATE TRIGGER documents_text AFTER INSERT ON documents BEGIN"
        " INSERT INTO document_text (rowid, folded) VALUES (new.serial, new.folded); END"
    )
