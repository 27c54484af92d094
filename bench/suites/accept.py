"""How many documents per second does the hub take in?

From the first byte sent to the broker's last confirm: upload over mTLS, verification, rules, fsync of the bytes,
commit, signed receipt, publishing. No relay runs, so the figure is the hub's alone; the senders are on this machine
too and cost it about a third of a core.
"""

from __future__ import annotations

import time

from bench import documents
from bench.documents import KB10, MB1
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, Watcher

AT_ONCE = 32
LOADS = (1, 2, 4, 8, 16, 32, 64)


async def measure(
    machine: Machine,
    findings: Findings,
    *,
    name: str,
    size: int,
    number: int,
    rounds: int,
    at_once: int = AT_ONCE,
) -> float:
    """`accept.<name>` in documents per second; the median."""
    async with Senders(machine.state) as senders:
        await _round(machine, senders, size, max(8, number // 10), at_once)  # warm-up
        rates, used, peaks = [], [], []
        with Watcher({"hub": machine.programs["hub"].pid}) as whole:
            for _ in range(rounds):
                with Watcher(machine.pids(), every=1.0) as seen:
                    rates.append(await _round(machine, senders, size, number, at_once))
                used.append(seen.used["hub"] / number * 1000)
        peaks.append(whole.peak["hub"])
    findings.add(f"accept.{name}.hub-memory", "MiB", peaks)
    findings.add(f"accept.{name}.hub-time", "ms/document", used)
    return findings.add(f"accept.{name}", "documents/s", rates).median


async def _round(machine: Machine, senders: Senders, size: int, number: int, at_once: int) -> float:
    made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=size, number=number)
    began = time.perf_counter()
    answers = await senders.submit_all(made, at_once=at_once)
    await machine.until_published()
    ended = time.perf_counter()
    senders.verify(made, answers)
    return number / (ended - began)


async def suite(machine: Machine, findings: Findings, *, rounds: int, small: int, large: int) -> None:
    """Both sizes, held against RSA-2048 signatures per second of one core (`rsa2048.sign`)."""
    sign = findings.median("rsa2048.sign")
    kb10 = await measure(machine, findings, name="10KB", size=KB10, number=small, rounds=rounds)
    mb1 = await measure(machine, findings, name="1MB", size=MB1, number=large, rounds=rounds)
    findings.goal("accept.10KB-per-rsa2048-sign", kb10 / sign, least=0.20)
    findings.goal("accept.1MB-per-rsa2048-sign", mb1 / sign, least=0.03)


async def against_load(machine: Machine, findings: Findings, *, number: int) -> None:
    """Throughput at more and more documents in flight, for the plot."""
    findings.samples["accept.load.x"] = [float(at_once) for at_once in LOADS]
    async with Senders(machine.state) as senders:
        findings.samples["accept.load.y"] = [
            await _round(machine, senders, KB10, number if at_once > 2 else number // 4, at_once)
            for at_once in LOADS
        ]
