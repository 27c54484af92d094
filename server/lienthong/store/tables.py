"""Which tables, columns and indexes the store has: one definition for SQLite and PostgreSQL.

Moments are whole microseconds since 1970 (UTC) in a big integer, on both databases, so that they compare,
sort and come back exactly alike. Text that is compared or sorted by byte (ids, codes, states) carries the
"C" collation on PostgreSQL. Every query of the store is served by one of the indexes below; those over
undelivered, unpublished and unresolved rows are partial, so they stay small beside millions of old rows.
The migrations build the same schema (a test compares the two) and, beside it, the text index of documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from lienthong.domain.delivery import FINAL, UNDELIVERED, DeliveryState
from lienthong.domain.request import TOLD, RequestState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(sa.TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970-01-01T00:00Z; read back in UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Microseconds; a zoneless datetime is a fault of ours and raises."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a zoneless moment was given to the store")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        """The moment in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL cannot hold: a damaged message must be kept whatever it claims."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Words(sa.TypeDecorator[str]):
    """Text from outside, made storable."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """As `storable` makes it; also what is compared with a column."""
        return storable(value) if value is not None and "\0" in value else value


Key = Words().with_variant(Words(collation="C"), "postgresql")
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("serial", Serial, primary_key=True, autoincrement=True),  # order of acceptance; text index key
    sa.Column("id", Key, nullable=False, unique=True),
    sa.Column("identity", Key, nullable=False, unique=True),
    sa.Column("sha256", Key, nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("kind", Key, nullable=False),
    sa.Column("business_type", sa.Integer, nullable=False),
    sa.Column("sender", Key, nullable=False),
    sa.Column("first_node", Key, nullable=False),
    sa.Column("edxml_document_id", Key),
    sa.Column("code_number", Key),
    sa.Column("code_notation", Words),
    sa.Column("subject", Words, nullable=False),
    sa.Column("folded", Words, nullable=False),  # number and subject as `search.fold` makes them
    sa.Column("lane", Key, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("promulgation_date", Words),
    sa.Column("signer_sha256", Key, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("published_at", Instant),
    sa.Index(None, "edxml_document_id", "accepted_at"),
    sa.Index(None, "code_number", "accepted_at"),
    sa.Index(None, "accepted_at", "id"),
    sa.Index(None, "sender", "accepted_at", "id"),
    sa.Index(None, "sender", "code_number", "promulgation_date"),
    sqlite_autoincrement=True,
)

#: the same words in the partial indexes and in the queries, or SQLite would not see that the one fits the other
unpublished = documents.c.published_at.is_(None)
sa.Index(
    "ix_documents_unpublished",
    documents.c.accepted_at,
    documents.c.id,  # with it SQLite has no reason to prefer the index of all documents in this order
    sqlite_where=unpublished,
    postgresql_where=unpublished,
)

#: small packages, apart from `documents`, so that no question about documents walks over their pages. The key follows
#: the order of acceptance: pages are filled one after the other, and no further index is needed
payloads = sa.Table(
    "payloads",
    metadata,
    sa.Column("serial", Serial, sa.ForeignKey("documents.serial"), primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Key, primary_key=True),
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),  # order in which the sender wrote the recipients
    sa.Column("recipient", Key, nullable=False),
    sa.Column("state", Key, nullable=False),
    sa.Column("error", Key),
    sa.Column("error_detail", Words),
    sa.Column("status", Key),
    sa.Column("status_at", Instant),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("consigned_at", Instant),
    sa.Column("handed_over_at", Instant),
    sa.Column("expires_at", Instant),
    sa.Column("receipt_due_at", Instant),
    sa.Column("node", Key, nullable=False),  # where it waits: the first node, then that of its newest hop
    sa.Column("lane", Key, nullable=False),  # of the document, for `positions`
    sa.Column("accepted_at", Instant, nullable=False),  # of the document, for the order of `documents`
    sa.Column(
        "sender", Key, nullable=False
    ),  # of the document, for what it sent and was not received in time
    sa.UniqueConstraint("document_id", "recipient"),
    sa.Index(None, "recipient", "state", "consigned_at", "id"),
    sa.Index(None, "recipient", "accepted_at", "document_id"),
    sa.Index(None, "state", "accepted_at", "document_id"),
)

undelivered = deliveries.c.state.in_(
    [sa.literal_column(f"'{state}'", sa.Text) for state in sorted(UNDELIVERED)]
)
sa.Index(
    "ix_deliveries_waiting",
    deliveries.c.node,
    deliveries.c.lane,
    deliveries.c.accepted_at,
    deliveries.c.document_id,
    sqlite_where=undelivered,
    postgresql_where=undelivered,
)
sa.Index(
    "ix_deliveries_stalled",
    deliveries.c.updated_at,
    deliveries.c.document_id,
    sqlite_where=undelivered,
    postgresql_where=undelivered,
)


def _in_state(states: Iterable[str]) -> sa.ColumnElement[bool]:
    return deliveries.c.state.in_([sa.literal_column(f"'{state}'", sa.Text) for state in sorted(states)])


unended = sa.and_(_in_state(set(DeliveryState) - FINAL), deliveries.c.expires_at.is_not(None))
sa.Index(
    "ix_deliveries_expiring",
    deliveries.c.expires_at,
    deliveries.c.id,
    sqlite_where=unended,
    postgresql_where=unended,
)

with_duty = deliveries.c.receipt_due_at.is_not(None)
sa.Index(
    "ix_deliveries_due",
    deliveries.c.receipt_due_at,
    deliveries.c.recipient,
    sqlite_where=with_duty,
    postgresql_where=with_duty,
)

#: not received, or later than the duty was; those with time left are among them
unreceived = sa.and_(
    with_duty,
    sa.or_(
        _in_state({DeliveryState.CONSIGNED, DeliveryState.EXPIRED}),
        deliveries.c.handed_over_at > deliveries.c.receipt_due_at,
    ),
)
sa.Index(
    "ix_deliveries_unreceived",
    deliveries.c.receipt_due_at,
    deliveries.c.id,
    sqlite_where=unreceived,
    postgresql_where=unreceived,
)

sa.Index(
    "ix_deliveries_unreceived_of",
    deliveries.c.sender,
    deliveries.c.receipt_due_at,
    deliveries.c.id,
    sqlite_where=unreceived,
    postgresql_where=unreceived,
)
sa.Index(
    "ix_deliveries_unreceived_by",
    deliveries.c.recipient,
    deliveries.c.receipt_due_at,
    deliveries.c.id,
    sqlite_where=unreceived,
    postgresql_where=unreceived,
)

hops = sa.Table(
    "hops",
    metadata,
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("node", Key, primary_key=True),
    sa.Column("previous_digest", Key, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),  # 0; more when the directory changed before a repeat
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("verdict", Key, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("digest", Key, nullable=False),
)

republications = sa.Table(  # what the reconciler published again, and how often
    "republications",
    metadata,
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("at", Instant, nullable=False),  # the last time
    sa.Index(None, "at", "document_id"),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("kind", Key, primary_key=True),
    sa.Column("recipient", Key, primary_key=True),  # "" for what concerns the whole document
    sa.Column("at", Instant, nullable=False),
    sa.Column("xml", sa.LargeBinary, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("serial", Serial, primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", Words, nullable=False),
    sa.Column("kind", Key, nullable=False),
    sa.Column("document_id", Key),
    sa.Column("subject", Words),
    sa.Column("detail", Json, nullable=False),
    sa.Index(None, "document_id", "serial"),
    sqlite_autoincrement=True,
)

statuses = sa.Table(
    "statuses",
    metadata,
    sa.Column("package_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), nullable=False),
    sa.Column("delivery_id", Key, nullable=False),
    sa.Column("recipient", Key, nullable=False),
    sa.Column("sender", Key, nullable=False),
    sa.Column("code", Key, nullable=False),
    sa.Column("written", Words, nullable=False),
    sa.Column("said_at", Instant, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("step", Key, nullable=False),
    sa.Column("description", Words),
    sa.Column("department", Words),
    sa.Column("staff", Words),
    sa.Index(None, "document_id", "accepted_at"),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("id", Key, primary_key=True),
    sa.Column("kind", Key, nullable=False),
    sa.Column("state", Key, nullable=False),
    sa.Column("package_id", Key, sa.ForeignKey("documents.id"), nullable=False),
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), nullable=False),
    sa.Column("delivery_id", Key, nullable=False),
    sa.Column("recipient", Key, nullable=False),
    sa.Column("reason", Words),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("settled_at", Instant),
    sa.Column("answer_package_id", Key),
    sa.Column("answer", Words),
    sa.Column("seen_at", Instant),  # when its recipient said that it has seen how it ended
    sa.Index(None, "document_id", "asked_at"),
    sa.Index(None, "delivery_id", "asked_at"),
    sa.Index(None, "package_id"),
)

pending = requests.c.state == sa.literal_column(f"'{RequestState.PENDING}'", sa.Text)
sa.Index(
    "ix_requests_pending",
    requests.c.asked_at,
    requests.c.id,
    sqlite_where=pending,
    postgresql_where=pending,
)

#: what `notices` lists
untold = sa.and_(
    requests.c.seen_at.is_(None),
    requests.c.state.in_([sa.literal_column(f"'{state}'", sa.Text) for state in sorted(TOLD)]),
)
sa.Index(
    "ix_requests_untold",
    requests.c.recipient,
    requests.c.asked_at,
    requests.c.id,
    sqlite_where=untold,
    postgresql_where=untold,
)

#: new documents that pass on one their sender received
onward = sa.Table(
    "onward",
    metadata,
    sa.Column("source_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
)

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("serial", Serial, primary_key=True, autoincrement=True),
    sa.Column("written_in", sa.BigInteger, nullable=False),  # the transaction, see store/changes.py
    sa.Column("document_id", Key, nullable=False),
    sa.Column("delivery_id", Key, nullable=False),
    sa.Column("sender", Key, nullable=False),
    sa.Column("recipient", Key, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("kind", Key, nullable=False),
    sa.Column("value", Key, nullable=False),
    sa.Column("detail", Words),
    sa.Index(None, "sender", "written_in", "serial"),
    sa.Index(None, "recipient", "written_in", "serial"),
    sqlite_autoincrement=True,
)

held = sa.Table(
    "held",
    metadata,
    sa.Column("id", Key, primary_key=True),
    sa.Column("kind", Key, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("node", Key, nullable=False),
    sa.Column("lane", Key, nullable=False),
    sa.Column("document_id", Words),  # as the message claims: no key, no index, any length
    sa.Column("code", Key, nullable=False),
    sa.Column("detail", Words),
    sa.Column("message", sa.LargeBinary, nullable=False),
    sa.Column("message_sha256", Key, nullable=False),
    sa.Column("resolved_at", Instant),
    sa.Column("resolution", Key),
    sa.Column("reason", Words),
    sa.Column("resolved_by", Words),
    sa.Index(None, "kind", "at", "id"),
)

unresolved = held.c.resolved_at.is_(None)
sa.Index(
    "ix_held_unresolved",
    held.c.kind,
    held.c.at,
    held.c.id,
    sqlite_where=unresolved,
    postgresql_where=unresolved,
)
sa.Index(
    "uq_held_message",
    held.c.kind,
    held.c.node,
    held.c.message_sha256,
    unique=True,
    sqlite_where=unresolved,
    postgresql_where=unresolved,
)

document_contents = sa.Table(
    "document_contents",
    metadata,
    sa.Column("document_id", Key, sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),  # in the manifest
    sa.Column("content_id", Words, nullable=False),
    sa.Column("name", Words, nullable=False),
    sa.Column("sha256", Key, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", Words, nullable=False),
    sa.Index(None, "sha256", "document_id"),
)

#: agencies that sent all bytes of a content themselves
content_holders = sa.Table(
    "content_holders",
    metadata,
    sa.Column("sha256", Key, primary_key=True),
    sa.Column("agency", Key, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False),  # of the last upload or claim
    sa.Index(None, "agency", "sha256"),
    sa.Index(None, "at", "sha256"),
)

agencies = sa.Table(
    "agencies",
    metadata,
    sa.Column("code", Key, primary_key=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("tier", Words, nullable=False),
    sa.Column("parent", Key),
    sa.Column("aliases", Json, nullable=False),
    sa.Column("status", Key, nullable=False),
    sa.Column("successors", Json, nullable=False),
    sa.Column("valid_from", sa.Date),
    sa.Column("valid_to", sa.Date),
    sa.Column("environment", Key, nullable=False),
    sa.Column("changes", Json, nullable=False),  # those of days to come, as directory files write them
    sa.Column("changed_in", sa.BigInteger, nullable=False),  # version of the agencies that wrote this row
    sa.Index(None, "changed_in"),
)

certificates = sa.Table(
    "certificates",
    metadata,
    sa.Column("sha256", Key, primary_key=True),
    sa.Column("agency", Key, nullable=False),
    sa.Column("purpose", Key, nullable=False),
    sa.Column("role", Key, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("not_before", Instant, nullable=False),
    sa.Column("not_after", Instant, nullable=False),
    sa.Column("pem", Words, nullable=False),
    sa.Column("bound_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
    sa.Column("revoke_reason", Words),
    sa.Index(None, "agency", "bound_at"),
)

recipient_groups = sa.Table(
    "recipient_groups",
    metadata,
    sa.Column("owner", Key, primary_key=True),  # "" for the operators'
    sa.Column("name", Key, primary_key=True),
    sa.Column("members", Json, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("updated_by", Words, nullable=False),
)

#: one row, id 1: `agencies` rises with a change of agencies, `whole` also with one of certificates
directory_versions = sa.Table(
    "directory_versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agencies", sa.BigInteger, nullable=False),
    sa.Column("whole", sa.BigInteger, nullable=False),
)
