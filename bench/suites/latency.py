"""How long is a document on its way when there is room, compared with the bare pipeline at the same rate?

At a tenth of what the linkage can carry, at even intervals, whether or not the last one has arrived. The way begins
when the sender starts its upload and ends when the hub tells the watching recipient; in the bare pipeline from
publishing to the last queue. `latency.transit` leaves the acceptance out, which the bare pipeline does not have.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench import documents
from bench.documents import KB10, Signed
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, quantile
from bench.pipeline import Pipeline
from bench.suites.hops import HOPS
from lienthong_client import AgencyClient

WARM_UP = 5  # documents per round that are not counted


async def suite(machine: Machine, findings: Findings, *, rounds: int, number: int, capacity: float) -> None:
    """`capacity`: documents per second the whole linkage carries; a tenth of it is sent."""
    await machine.start_relays()
    rate = capacity / 10
    findings.settings["latency.rate"] = round(rate, 2)
    certificate = machine.state / "agencies" / COMMUNE / "signing.pem"
    taken: dict[str, list[list[float]]] = {"whole": [], "transit": [], "bare": []}
    async with (
        Senders(machine.state) as senders,
        Pipeline(machine.node.amqp_url, certificate, hops=HOPS, processes=machine.relays) as pipeline,
    ):
        for _ in range(rounds):
            made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=number + WARM_UP)
            ways = await send_and_wait(machine, senders, made, rate)
            taken["whole"].append([way.told - way.began for way in ways[WARM_UP:]])
            taken["transit"].append([way.told - way.accepted for way in ways[WARM_UP:]])
            before = len(pipeline.arrived)
            await paced([partial(pipeline.publish, d.data) for d in made], rate)
            await pipeline.until(before + len(made))
            taken["bare"].append(pipeline.arrived[before + WARM_UP :])
    for name, parts in taken.items():
        findings.samples[f"latency.{name}"] = [value * 1000 for part in parts for value in part]
    for label, share, most in (("p50", 0.5, 2.0), ("p99", 0.99, 3.0)):
        for (
            name
        ) in taken:  # of all rounds together: a 99th part of one round's documents is one or two of them
            of_all = quantile(findings.samples[f"latency.{name}"], share)
            findings.add(f"latency.{name}.{label}", "ms", [of_all])
        ratio = findings.median(f"latency.whole.{label}") / findings.median(f"latency.bare.{label}")
        both_sides = zip(taken["whole"], taken["bare"], strict=True)
        by_round = [quantile(ours, share) / quantile(theirs, share) for ours, theirs in both_sides]
        findings.goal(f"latency.{label}-per-bare-pipeline", ratio, rounds=by_round, most=most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A document's moments, as time.perf_counter tells them."""

    document_id: str
    began: float  #: its upload
    accepted: float  #: the sender has the receipt
    told: float  #: the recipient knows


async def send_and_wait(machine: Machine, senders: Senders, made: list[Signed], rate: float) -> list[Way]:
    """Submit one document every 1/rate seconds, while the recipient watches its inbox; in the order of receipts."""
    began: dict[str, float] = {}
    accepted: dict[str, float] = {}
    told: dict[str, float] = {}
    order: list[str] = []
    listening = asyncio.Event()

    async def recipient() -> None:
        profile = machine.state / "agencies" / DEPARTMENT / "profile.toml"
        async with AgencyClient.from_profile(profile) as client, aclosing(client.watch_inbox()) as items:
            waiting = len(await client.inbox())
            if not waiting:
                listening.set()
            async for item in items:
                waiting -= 1
                told[item.document.document_id] = time.perf_counter()
                if waiting <= 0:
                    listening.set()
                if waiting <= -len(made):
                    return

    async def send(document: Signed) -> None:
        start = time.perf_counter()
        answer = await senders.submit(document)
        began[answer.document_id], accepted[answer.document_id] = start, answer.at
        order.append(answer.document_id)

    async with asyncio.timeout(300), asyncio.TaskGroup() as group:
        watching = group.create_task(recipient())
        await listening.wait()
        await paced([partial(send, d) for d in made], rate)
        await watching
    return [
        Way(document_id=each, began=began[each], accepted=accepted[each], told=told[each]) for each in order
    ]


async def paced(acts: Sequence[Callable[[], Coroutine[Any, Any, None]]], rate: float) -> None:
    """Start one act every 1/rate seconds, whatever became of those before; wait for all."""
    began = time.perf_counter()
    tasks = []
    for number, act in enumerate(acts):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(act()))
    await asyncio.gather(*tasks)
