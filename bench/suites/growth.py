"""Does the linkage slow down as the store fills? Two machines, one empty, one with a million documents.

Rounds alternate between the two, so that a busy machine disturbs both: documents through the four tiers, then the
calls people wait for: a page of the inbox, an operator's search by words, tracking one document. Of these the two take
turns call by call, and the quantiles are of all rounds' calls together.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc

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
    machines = {"empty": empty, "full": full}
    rates: dict[str, list[float]] = {name: [] for name in machines}
    taken: dict[str, list[float]] = {f"{call}.{name}": [] for call in CALLS for name in machines}
    for machine in machines.values():
        await machine.start_relays()
    async with AsyncExitStack() as stack:
        desks = {name: await stack.enter_async_context(_desk(machine)) for name, machine in machines.items()}
        for turn in range(rounds + 1):
            order = list(machines) if turn % 2 else list(reversed(machines))
            for name in order:
                rate, sent = await _throughput(machines[name], number if turn else number // 4)
                desks[name].sent = sent
                if turn:  # the first is the warm-up
                    rates[name].append(rate)
            await _calls(desks, taken if turn else None, calls if turn else 50)
    for name in machines:
        findings.add(f"growth.throughput.{name}", "documents/s", rates[name])
    kept = [full_rate / rate for full_rate, rate in zip(rates["full"], rates["empty"], strict=True)]
    findings.goal("growth.throughput-kept", rounds=kept, least=0.9)
    for call in CALLS:
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            for name in machines:  # over all rounds: a 99th part of a hundred samples is one sample
                key = f"growth.{call}.{name}.{label}"
                findings.add(key, "ms", [quantile(taken[f"{call}.{name}"], share) * 1000])
        slower = findings.median(f"growth.{call}.full.p99") / findings.median(f"growth.{call}.empty.p99")
        by_round = [
            quantile(taken[f"{call}.full"][at : at + calls], 0.99)
            / quantile(taken[f"{call}.empty"][at : at + calls], 0.99)
            for at in range(0, rounds * calls, calls)
        ]
        findings.goal(f"growth.{call}-p99-slower", slower, rounds=by_round, most=1.5)


async def _throughput(machine: Machine, number: int) -> tuple[float, list[str]]:
    before = machine.consigned()
    made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=number)
    async with Senders(machine.state) as senders:
        began = time.perf_counter()
        answers = await senders.submit_all(made, at_once=32)
        await machine.until_consigned(before + number)
        rate = number / (time.perf_counter() - began)
    return rate, [answer.document_id for answer in answers]


class _Desk:
    """Connections to one machine, and the calls people wait for."""

    def __init__(self, senders: Senders, channel: grpc.aio.Channel) -> None:
        self._admin = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        self._sender = senders.connection(COMMUNE).exchange
        self._recipient = senders.connection(DEPARTMENT).exchange
        self._chance = random.Random(1)
        self.sent: list[str] = []

    async def ask(self, call: str) -> None:
        """One of `CALLS`; both machines hold the same of what it answers with."""
        if call == "inbox":
            await self._recipient.ListInbox(exchange_pb2.ListInboxRequest(page_size=50))
        elif call == "search":
            words = f"kết quả số {self._chance.randrange(10)}"
            await self._admin.FindDocuments(admin_pb2.FindDocumentsRequest(text=words, limit=50))
        else:
            document = self._chance.choice(self.sent)
            await self._sender.Track(exchange_pb2.TrackRequest(document=document))


@asynccontextmanager
async def _desk(machine: Machine) -> AsyncIterator[_Desk]:
    async with Senders(machine.state) as senders, operator_channel(machine.state, machine.address) as channel:
        yield _Desk(senders, channel)


async def _calls(desks: dict[str, _Desk], taken: dict[str, list[float]] | None, number: int) -> None:
    """Seconds of each call, one at a time, as one waiting person asks; the machines take turns at every call."""
    for turn in range(number):
        for call in CALLS:
            for name in desks if turn % 2 else reversed(desks):
                began = time.perf_counter()
                await desks[name].ask(call)
                if taken is not None:
                    taken[f"{call}.{name}"].append(time.perf_counter() - began)
