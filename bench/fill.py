"""How does a store come to hold a million delivered documents in minutes? Rows in bulk, past the program.

Every document has a delivery that was handed over long ago, four hops, its evidence and its events: 13 rows, and its
place in the text index. Only the signed records are stand-ins of 200 bytes (real ones have about 3 KB), and so are the
packages themselves unless the caller wants them larger (a million of 10 KB are 10 GB). So a full store here is smaller
than a real one by the bytes of these; every index and every row is there.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from lienthong.domain.evidence import EvidenceKind
from lienthong.store.search import fold

BATCH = 20_000  # documents per transaction
RECORD = b"<record/>".ljust(200)
HOPS = 4
SUBJECTS = (
    "V/v triển khai gửi, nhận văn bản điện tử liên thông 4 cấp",
    "Báo cáo tình hình kinh tế xã hội quý",
    "Kế hoạch phòng chống thiên tai và tìm kiếm cứu nạn",
    "Quyết định phê duyệt dự toán kinh phí",
    "Giấy mời họp giao ban công tác tháng",
)
COLUMNS = {
    "documents": "id identity sha256 size kind business_type sender first_node edxml_document_id code_number "
    "code_notation subject folded lane priority promulgation_date signer_sha256 accepted_at published_at",
    "deliveries": "id document_id position recipient state updated_at consigned_at handed_over_at node lane "
    "accepted_at sender",
    "hops": "document_id node revision sequence received_at verdict record digest previous_digest",
    "evidence": "document_id kind recipient at xml",
    "events": "at actor kind document_id subject detail",
}
#: batch by batch, as they come to lie between the other rows' pages
PAYLOADS = (
    "INSERT INTO payloads (serial, data) SELECT serial, {} FROM documents"
    " WHERE serial > (SELECT coalesce(max(serial), 0) FROM payloads)"
)
Rows = dict[str, list[tuple[Any, ...]]]


def fill(url: str, number: int, codes: Sequence[str], *, payload: int = len(RECORD)) -> None:
    """Add `number` documents of `payload` bytes between the agencies `codes` to the store at `url`, alone there."""
    parsed = make_url(url)
    batches = _batches(number, codes)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database
        _fill_sqlite(Path(parsed.database), batches, payload)
    else:
        plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        _fill_postgresql(plain, batches, payload)


def _fill_sqlite(file: Path, batches: Iterator[Rows], payload: int) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    # without a journal: a fill that is broken off leaves nothing that is worth keeping
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "locking_mode=EXCLUSIVE"):
        connection.execute(f"PRAGMA {pragma}").close()
    connection.execute("PRAGMA temp_store=MEMORY").close()
    # indexes are made at once from sorted rows, the text index last: several times faster than row by row
    made = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ({}) AND type IN ({})"
    tables = ", ".join(f"'{table}'" for table in COLUMNS)
    later = connection.execute(made.format(tables, "'index', 'trigger'")).fetchall()
    (before,) = connection.execute("SELECT coalesce(max(serial), 0) FROM documents").fetchone()
    for kind, name, _ in later:
        connection.execute(f"DROP {kind} {name}")
    for rows in batches:
        connection.execute("BEGIN")
        for table, columns in COLUMNS.items():
            names = columns.split()
            places = ", ".join("?" * len(names))
            statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - our words
            connection.executemany(statement, rows[table])
        connection.execute(PAYLOADS.format("zeroblob(?)"), (payload,))
        connection.execute("COMMIT")
    text = "INSERT INTO document_text (rowid, folded) SELECT serial, folded FROM documents WHERE serial > ?"
    connection.execute(text, (before,))
    for _, _, statement in later:
        connection.execute(statement)
    # no ANALYZE: the program never asks for one, and with its figures SQLite chooses other plans
    for pragma in ("locking_mode=NORMAL", "journal_mode=WAL"):
        connection.execute(f"PRAGMA {pragma}").close()
    connection.close()


def _fill_postgresql(url: str, batches: Iterator[Rows], payload: int) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # foreign keys are right by construction
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
            " AND tablename = ANY(%s) AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            [list(COLUMNS)],
        )
        later = cursor.fetchall()
        for name, _ in later:
            cursor.execute(f'DROP INDEX "{name}"'.encode())
        for rows in batches:
            for table, columns in COLUMNS.items():
                copying = f"COPY {table} ({', '.join(columns.split())}) FROM STDIN"
                with cursor.copy(copying.encode()) as copy:
                    for row in rows[table]:
                        copy.write_row(row)
            cursor.execute(PAYLOADS.format("%s").encode(), [bytes(payload)])
        for _, statement in later:
            cursor.execute(statement.encode())
        connection.commit()
        connection.autocommit = True
        cursor.execute("VACUUM ANALYZE")


def _batches(number: int, codes: Sequence[str]) -> Iterator[Rows]:
    numbers = iter(range(number))
    began = datetime.now(UTC) - timedelta(days=400)
    step = int(timedelta(days=390) / timedelta(microseconds=1)) // max(1, number)
    start = int(began.timestamp() * 1_000_000)
    while batch := list(islice(numbers, BATCH)):
        rows: Rows = {table: [] for table in COLUMNS}
        for each in batch:
            _add(rows, each, start + each * step, codes)
        yield rows


def _add(rows: Rows, number: int, at: int, codes: Sequence[str]) -> None:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    document, delivery = _id(at, sha256[:20]), _id(at + 1, sha256[20:40])
    sender = codes[number % len(codes)]
    recipient = codes[(number // len(codes) + number + 1) % len(codes)]
    subject = f"{SUBJECTS[number % len(SUBJECTS)]} {number}"
    code, notation = str(number), "UBND-VX"
    edxml_id = f"{sender},2025/10/01,{code}/{notation}"
    folded = fold(f"{code}/{notation} {subject}")
    arrived = at + 2_000_000
    rows["documents"].append(
        (
            *(document, f"new|{sender}|{edxml_id}", sha256, 10_000, "edoc", 0, sender, sender),
            *(edxml_id, code, notation, subject, folded, "normal", 0, "2025-10-01", sha256, at, at + 50_000),
        )
    )
    rows["deliveries"].append(
        (
            *(delivery, document, 0, recipient, "HANDED_OVER", arrived, arrived, arrived + 60_000_000),
            *(recipient, "normal", at, sender),
        )
    )
    for hop in range(HOPS):
        rows["hops"].append(
            (document, f"{sender}-{hop}", 0, hop + 1, at + hop, "PASSED", RECORD, sha256, sha256)
        )
    for kind, to in (
        (EvidenceKind.SUBMISSION_ACCEPTANCE, ""),
        (EvidenceKind.CONTENT_CONSIGNMENT, recipient),
        (EvidenceKind.CONTENT_HANDOVER, recipient),
    ):
        rows["evidence"].append((document, kind.value, to, at, RECORD))
    for event, actor in (
        ("document.accepted", sender),
        ("hop.recorded", sender),
        ("delivery.consigned", recipient),
        ("delivery.handed_over", recipient),
    ):
        rows["events"].append((at, actor, event, document, None, "{}"))


def _id(at: int, chance: str) -> str:
    """A UUIDv7 of the moment `at` (microseconds)."""
    time = f"{at // 1000:012x}"
    return f"{time[:8]}-{time[8:]}-7{chance[:3]}-8{chance[3:6]}-{chance[6:18]}"
