"""How many documents per second pass the four tiers, compared with a bare pipeline of as many hops?

Commune -> district -> province -> department: four nodes, four full verifications. The documents wait before the
sleeping relay, then the clock runs from its waking until the last one is in the inbox. Rounds of Lienthong and of the
bare pipeline alternate, so that a busy machine disturbs both.
"""

from __future__ import annotations

import time

from bench import documents
from bench.documents import KB10, Signed
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, Watcher
from bench.pipeline import Pipeline

HOPS = 4


async def suite(machine: Machine, findings: Findings, *, rounds: int, number: int, size: int = KB10) -> None:
    """`hops.lienthong` and `hops.bare` in documents per second."""
    await machine.start_relays()
    certificate = machine.state / "agencies" / COMMUNE / "signing.pem"
    ours: list[float] = []
    bare: list[float] = []
    used: list[float] = []
    broker: list[float] = []
    memory = dict.fromkeys(machine.programs, 0.0)
    before, carried = footprint(machine), 0
    async with (
        Senders(machine.state) as senders,
        Pipeline(machine.node.amqp_url, certificate, hops=HOPS, processes=machine.relays) as pipeline,
    ):
        for turn in range(rounds + 1):
            count = number if turn else max(10, number // 4)  # the first is the warm-up
            made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=size, number=count)
            with Watcher(machine.pids()) as seen:
                rate = await _lienthong(machine, senders, made)
            carried += count
            bare_rate = await _bare(pipeline, made)
            if turn:
                ours.append(rate)
                bare.append(bare_rate)
                spent = sum(seconds for name, seconds in seen.used.items() if name.startswith("relay"))
                used.append(spent / count / HOPS * 1000)
                broker.append(seen.used["broker"] / count / HOPS * 1000)
            memory = {name: max(memory[name], seen.peak[name]) for name in memory}
    findings.add("hops.lienthong", "documents/s", ours)
    findings.add("hops.bare", "documents/s", bare)
    findings.add("hops.relay-time", "ms/hop", used)
    findings.add("hops.broker-time", "ms/hop", broker)
    for name, first, last in zip(("store", "blob"), before, footprint(machine), strict=True):
        findings.add(f"hops.{name}-bytes", "bytes/document", [(last - first) / carried])
    for name, peak in memory.items():
        findings.add(f"hops.{name}-memory", "MiB", [peak])
    ratio = findings.median("hops.lienthong") / findings.median("hops.bare")
    findings.goal("hops.per-bare-pipeline", ratio, least=0.6)


def footprint(machine: Machine) -> tuple[int, int]:
    """Bytes of the database (its log of the moment left out), and of the blobs, on disk."""
    sqlite = machine.store().startswith("sqlite")
    pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    store = machine.count(pages if sqlite else "SELECT pg_database_size(current_database())")
    blobs = (file.stat() for file in (machine.state / "blobs").rglob("*") if file.is_file())
    return store, sum(each.st_blocks * 512 for each in blobs)


async def _lienthong(machine: Machine, senders: Senders, made: list[Signed]) -> float:
    before = machine.consigned()
    with machine.relays_asleep():
        await senders.submit_all(made, at_once=32)
        await machine.until_published()
        began = time.perf_counter()
    await machine.until_consigned(before + len(made))
    return len(made) / (time.perf_counter() - began)


async def _bare(pipeline: Pipeline, made: list[Signed]) -> float:
    before = len(pipeline.arrived)
    with pipeline.asleep():
        await pipeline.publish_all([document.data for document in made])
        began = time.perf_counter()
    await pipeline.until(before + len(made))
    return len(made) / (time.perf_counter() - began)
