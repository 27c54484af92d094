"""Does the linkage slow down as the store fills? Two machines, one empty, one with a million documents.

Rounds alternate between the two, so that a busy machine disturbs both: documents through the four tiers, then the
calls people wait for: a page of the inbox, an operator's search by words, tracking one document.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bench import documents
from bench.documents import KB10
from bench.load import Senders, operator_channel
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, quantile
from lienthong.api.v1 import admin_pb2, admin_pb2_grpc, exchange_pb2

CALLS = ("inbox", "search", "track")


async def suite(
    empty: Machine, full: Machine, findings: Findings, *, rounds: int, number: int, calls: int, filled: int
) -> None:
    """`full` holds `filled` documents more than `empty`."""
    findings.settings["growth.documents"] = filled
    rates: dict[str, list[float]] = {"empty": [], "full": []}
    quantiles: dict[str, list[float]] = {}
    for machine in (empty, full):
        await machine.start_relays()
    for turn in range(rounds + 1):
        for name, machine in (("empty", empty), ("full", full)):
            rate, sent = await _throughput(machine, number if turn else number // 4)
            asked = await _calls(machine, sent, calls if turn else 20)
            if turn:  # the first is the warm-up
                rates[name].append(rate)
                for call in CALLS:
                    for label, share in (("p50", 0.5), ("p99", 0.99)):
                        key = f"growth.{call}.{name}.{label}"
                        quantiles.setdefault(key, []).append(quantile(asked[call], share) * 1000)
    for name in ("empty", "full"):
        findings.add(f"growth.throughput.{name}", "documents/s", rates[name])
    for key, milliseconds in quantiles.items():  # of each round: one disturbed round does not decide
        findings.add(key, "ms", milliseconds)
    kept = findings.median("growth.throughput.full") / findings.median("growth.throughput.empty")
    findings.goal("growth.throughput-kept", kept, least=0.9)
    for call in CALLS:
        slower = findings.median(f"growth.{call}.full.p99") / findings.median(f"growth.{call}.empty.p99")
        findings.goal(f"growth.{call}-p99-slower", slower, most=1.5)


async def _throughput(machine: Machine, number: int) -> tuple[float, list[str]]:
    before = machine.consigned()
    made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=number)
    async with Senders(machine.state) as senders:
        began = time.perf_counter()
        answers = await senders.submit_all(made, at_once=32)
        await machine.until_consigned(before + number)
        rate = number / (time.perf_counter() - began)
    return rate, [answer.document_id for answer in answers]


async def _calls(machine: Machine, sent: list[str], number: int) -> dict[str, list[float]]:
    """Seconds of each call, one at a time, as one waiting person asks."""
    chance = random.Random(1)
    async with Senders(machine.state) as senders, operator_channel(machine.state, machine.address) as channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        sender, recipient = senders.connection(COMMUNE).exchange, senders.connection(DEPARTMENT).exchange

        def inbox() -> Awaitable[Any]:
            return recipient.ListInbox(exchange_pb2.ListInboxRequest(page_size=50))  # type: ignore[no-any-return]

        def search() -> Awaitable[Any]:
            words = f"kết quả số {chance.randrange(10)}"
            return admin.FindDocuments(admin_pb2.FindDocumentsRequest(text=words, limit=50))  # type: ignore[no-any-return]

        def track() -> Awaitable[Any]:
            return sender.Track(exchange_pb2.TrackRequest(document=chance.choice(sent)))  # type: ignore[no-any-return]

        return {
            "inbox": await _timed(inbox, number),
            "search": await _timed(search, number),
            "track": await _timed(track, number),
        }


async def _timed(call: Callable[[], Awaitable[Any]], number: int) -> list[float]:
    taken = []
    for _ in range(number):
        began = time.perf_counter()
        await call()
        taken.append(time.perf_counter() - began)
    return taken
