"""What soak tests share: how long to run, documents in number, senders that insist, and a look at the whole store.

SOAK_MINUTES (default 5) is how long chaos lasts, SOAK_DOCUMENTS (5000) how many the leak check sends, SOAK_EXAMPLES
(5000) how many mutations each fuzz test tries, SOAK_SEED repeats a run's chance.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from lienthong.domain.agency import Agency
from lienthong.edxml.writer import write
from lienthong.errors import Refusal
from lienthong.signing.sign import sign_package
from lienthong_client import AgencyClient, Draft, File, Unreachable
from lienthong_client.compose import compose

MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))
DOCUMENTS = int(os.environ.get("SOAK_DOCUMENTS", "5000"))
EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "5000"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or secrets.randbelow(2**31)

#: a linkage whose patience is that of a test
IMPATIENT = {
    "LIENTHONG__BROKER__RETRY_DELAYS": "[1, 2, 4, 8, 16, 32]",
    "LIENTHONG__RECONCILE__EVERY": "2",
    "LIENTHONG__RECONCILE__UNPUBLISHED_AFTER": "5",
    "LIENTHONG__RECONCILE__STALLED_AFTER": "40",
    "LIENTHONG__LIMITS__RATE": "100000",
    "LIENTHONG__LIMITS__BURST": "100000",
}
MOST_WAITING = 150  # deliveries
_numbers = count(1)


def signed(client: AgencyClient, recipients: Iterable[str], *, padding: int = 2_000) -> bytes:
    """A new document of the client's agency, made without asking the hub anything."""
    number, now = next(_numbers), datetime.now(UTC)
    codes = tuple(recipients)
    draft = Draft(
        to=codes,
        subject=f"Báo cáo số {number}",
        code=f"{number}/BC-{SEED}",
        files=(File(name="bao-cao.pdf", content=random.Random(number).randbytes(padding)),),
    )
    document, attachments = compose(
        draft,
        sender=_agency(client.profile.agency),
        province="Quảng Ngãi",
        recipients=[_agency(code) for code in codes],
        now=now,
    )
    return sign_package(write(document, attachments), client.signing_key, at=now)


def _agency(code: str) -> Agency:
    return Agency(code=code, name=f"UBND {code}", tier="")


@dataclass(slots=True)
class Sent:
    """What the hub has accepted: document id -> the bytes' SHA-256 and the recipients."""

    documents: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def to(self, recipient: str) -> set[str]:
        """Ids of the documents for a recipient."""
        return {document for document, (_, codes) in self.documents.items() if recipient in codes}

    @property
    def deliveries(self) -> int:
        """Of all documents."""
        return sum(len(codes) for _, codes in self.documents.values())


async def insist(client: AgencyClient, data: bytes, *, seconds: float = 180.0) -> str:
    """Submit until the hub has said yes, as a sender's system would; the document's id."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return (await client.submit(data)).document_id
        except (Unreachable, Refusal) as error:
            lasting = isinstance(error, Refusal) and not error.retryable
            if lasting or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)


async def keep_sending(
    client: AgencyClient,
    recipients: tuple[str, ...],
    sent: Sent,
    *,
    until: float,
    pause: float = 0.0,
    waiting: Callable[[], int] = lambda: 0,
) -> None:
    """Document after document until the moment `until` (time.monotonic).

    No new one while more than `MOST_WAITING` deliveries are `waiting`: what only queues for longer than the
    reconciler's patience would be sent again, and a test of deaths would become one of overload.
    """
    while time.monotonic() < until:
        if waiting() > MOST_WAITING:
            await asyncio.sleep(0.5)
            continue
        data = await asyncio.to_thread(signed, client, recipients)
        document = await insist(client, data)
        sent.documents[document] = ("", recipients)
        await asyncio.sleep(pause)


def report(text: str) -> None:
    """A line for who reads the run's output (make soak shows it)."""
    sys.stdout.write(f"SOAK_SEED={SEED}: {text}\n")


class Look:
    """The store of a machine, read only, whatever its processes are doing."""

    def __init__(self, state: Path) -> None:
        self._file = state / "store.sqlite"

    def rows(self, question: str, *values: object) -> list[tuple[object, ...]]:
        """The rows a query answers."""
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()

    def count(self, question: str, *values: object) -> int:
        """The one number a query answers."""
        ((number,),) = self.rows(question, *values)
        assert isinstance(number, int)
        return number

    async def until_arrived(self, deliveries: int, *, seconds: float = 300.0) -> None:
        """Wait until so many deliveries are in inboxes or handed over."""
        question = "SELECT count(*) FROM deliveries WHERE state IN ('CONSIGNED', 'HANDED_OVER')"
        deadline = time.monotonic() + seconds
        while (arrived := self.count(question)) < deliveries:
            assert time.monotonic() < deadline, f"{arrived} of {deliveries} arrived: {self.states()}"
            await asyncio.sleep(0.1)

    def undelivered(self) -> int:
        """Deliveries on their way."""
        return self.count("SELECT count(*) FROM deliveries WHERE state IN ('ACCEPTED', 'IN_TRANSIT')")

    def states(self) -> dict[object, object]:
        """How many deliveries are in which state."""
        return dict(self.rows("SELECT state, count(*) FROM deliveries GROUP BY state"))  # type: ignore[arg-type]

    def doubled(self) -> list[tuple[object, ...]]:
        """Consignments and hops that took effect more than once."""
        return self.rows(
            "SELECT kind, document_id, subject, count(*) FROM events"
            " WHERE kind IN ('delivery.consigned', 'hop.recorded', 'document.accepted')"
            " GROUP BY kind, document_id, subject HAVING count(*) > 1"
        )

    def held(self) -> list[tuple[object, ...]]:
        """Messages an operator would have to look at."""
        return self.rows("SELECT kind, node, code, detail FROM held WHERE resolved_at IS NULL")


async def check_everything_arrived_once(machine_state: Path, sent: Sent, recipients: Iterable[str]) -> None:
    """Every accepted document is in its recipients' inboxes, once, with a chain that verifies; and nothing else."""
    look = Look(machine_state)
    await look.until_arrived(sent.deliveries)
    assert look.doubled() == []
    assert look.held() == []
    assert {document for (document,) in look.rows("SELECT id FROM documents")} == set(sent.documents)
    for recipient in recipients:
        profile = machine_state / "agencies" / recipient / "profile.toml"
        async with AgencyClient.from_profile(profile) as client:
            items = await client.inbox()
            assert sorted(item.document.document_id for item in items) == sorted(sent.to(recipient))
            for item in items:
                received = await client.fetch(item)  # signature, every record of the chain, consignment
                await client.acknowledge(received)
            assert await client.inbox() == []
    assert set(look.states()) <= {"HANDED_OVER"}
