"""How much memory do hub and relay take at full load with documents of 10 KB?"""

from __future__ import annotations

import time

from bench import documents
from bench.documents import KB10
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, Watcher

AT_ONCE = 64
BATCH = 200
MOST = 150.0  # MiB


async def suite(machine: Machine, findings: Findings, *, seconds: float) -> None:
    """Keep `AT_ONCE` documents in flight for so long, relays at work; the largest resident size of each program."""
    await machine.start_relays()
    sent = machine.consigned()
    async with Senders(machine.state) as senders:
        with Watcher(machine.pids()) as seen:
            began = time.perf_counter()
            while time.perf_counter() - began < seconds:
                made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=BATCH)
                await senders.submit_all(made, at_once=AT_ONCE)
                sent += len(made)
            await machine.until_consigned(sent)
    add(findings, seen)


def add(findings: Findings, seen: Watcher) -> None:
    """Peaks as measures and goals, the series for the plot."""
    for name, peak in seen.peak.items():
        findings.add(f"memory.{name}", "MiB", [peak])
        findings.samples[f"memory.{name}"] = seen.series[name]
        if name == "hub":
            findings.goal("memory.hub", peak, unit="MiB", most=MOST)
    relays = [peak for name, peak in seen.peak.items() if name.startswith("relay")]
    findings.goal("memory.relay", max(relays), unit="MiB", most=MOST)
