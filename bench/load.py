"""Agencies that submit as fast as asked: the client library's connections without its own verification.

Verifying the hub's receipt is the senders' work, done on their machines; here it is done after the clock has stopped,
for all receipts of a round or a sample of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from bench.documents import Signed
from lienthong_client.channel import Connection
from lienthong_client.profile import Profile
from lienthong_client.proof import verify_acceptance
from lienthong_client.transfer import upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The hub's receipt, and how long it took."""

    seconds: float
    at: float  #: time.perf_counter() when it came
    document_id: str
    acceptance: bytes


class Senders:
    """Connections of agencies, one each, kept open."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._open: dict[str, tuple[Profile, Connection]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, connection in self._open.values():
            await connection.close()
        self._open = {}

    def connection(self, code: str) -> Connection:
        """The agency's connection."""
        if code not in self._open:
            profile = self._profile(code)
            self._open[code] = profile, Connection(profile, language="en", connect_timeout=10)
        return self._open[code][1]

    def _profile(self, code: str) -> Profile:
        return Profile.load(self._state / "agencies" / code / "profile.toml")

    async def submit(self, document: Signed) -> Answer:
        """One document."""
        connection = self.connection(document.sender)
        began = time.perf_counter()
        response = await upload(connection, document.data, document.sha256, None)
        ended = time.perf_counter()
        return Answer(
            seconds=ended - began,
            at=ended,
            document_id=response.document_id,
            acceptance=response.submission_acceptance,
        )

    async def submit_all(self, documents: Sequence[Signed], *, at_once: int) -> list[Answer]:
        """All of them, `at_once` at a time; the answers in the documents' order."""
        slots = asyncio.Semaphore(at_once)

        async def one(document: Signed) -> Answer:
            async with slots:
                return await self.submit(document)

        return list(await asyncio.gather(*(one(document) for document in documents)))

    def verify(self, documents: Sequence[Signed], answers: Sequence[Answer], *, sample: int = 20) -> None:
        """Check that receipts are signed by the hub and name the very bytes; raises `Refusal`."""
        step = max(1, len(documents) // sample)
        for document, answer in list(zip(documents, answers, strict=True))[::step]:
            verify_acceptance(
                answer.acceptance,
                document_sha256=document.sha256,
                document_id=answer.document_id,
                trust=self._profile(document.sender).infrastructure_trust(),
                at=datetime.now(UTC),
            )


def operator_channel(state: Path, address: str) -> grpc.aio.Channel:
    """A connection with the operator's certificate."""
    folder, trust = state / "operator", state / "trust"
    credentials = grpc.ssl_channel_credentials(
        (trust / "transport-ca.pem").read_bytes(),
        (folder / "tls.key").read_bytes(),
        (folder / "tls.pem").read_bytes(),
    )
    return grpc.aio.secure_channel(address, credentials)
