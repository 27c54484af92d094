"""How many documents per second do the hubs take in?

From the first byte sent to the broker's last confirm: upload over mTLS, verification, rules, fsync of the bytes,
commit, signed receipt, publishing. No relay runs, so the figure is the hub's alone; the senders are processes on this
machine too, and what they and the broker take of it is told beside. Documents come one call each (`unary`) and over
streams (`many`); the goal counts the better way.
"""

from __future__ import annotations

import time

from bench import documents
from bench.crowd import Crowd, Way
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
    """`accept.<name>` in documents per second, and its processor time: the median of the better way."""
    medians = {}
    for way in Way:
        medians[way] = await _measure(
            machine, findings, way, f"{name}-{way}", size=size, number=number, rounds=rounds, at_once=at_once
        )
    best = max(medians, key=lambda way: medians[way])
    findings.notes.append(f"accept.{name}: {best}")
    for part, unit in (("", "documents/s"), (".hub-time", "ms/document"), (".hub-memory", "MiB")):
        findings.add(f"accept.{name}{part}", unit, findings.measures[f"accept.{name}-{best}{part}"].rounds)
    return medians[best]


async def _measure(
    machine: Machine,
    findings: Findings,
    way: Way,
    name: str,
    *,
    size: int,
    number: int,
    rounds: int,
    at_once: int,
) -> float:
    rates: list[float] = []
    used: dict[str, list[float]] = {"hub": [], "broker": [], "senders": []}
    hubs = {part: program.pid for part, program in machine.programs.items() if part.startswith("hub")}
    async with Crowd(machine.state, way) as crowd:
        await _round(machine, crowd, size, max(8, number // 10), at_once)  # warm-up
        with Watcher(hubs) as whole:
            for _ in range(rounds):
                with Watcher(machine.pids(), every=1.0) as seen:
                    rates.append(await _round(machine, crowd, size, number, at_once))
                used["hub"].append(sum(seen.used[part] for part in hubs) / number * 1000)
                used["broker"].append(seen.used["broker"] / number * 1000)
                used["senders"].append(crowd.used / number * 1000)
    findings.add(f"accept.{name}.hub-memory", "MiB", [max(whole.peak.values())])
    for part, times in used.items():
        findings.add(f"accept.{name}.{part}-time", "ms/document", times)
    return findings.add(f"accept.{name}", "documents/s", rates).median


async def _round(machine: Machine, crowd: Crowd, size: int, number: int, at_once: int) -> float:
    made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=size, number=number)
    await crowd.prepare(made, at_once=at_once)
    began = time.perf_counter()
    answers = await crowd.go()
    await machine.until_published()
    ended = time.perf_counter()
    Senders(machine.state).verify(made, answers)
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
    async with Crowd(machine.state, Way.UNARY) as crowd:
        findings.samples["accept.load.y"] = [
            await _round(machine, crowd, KB10, number if at_once > 2 else number // 4, at_once)
            for at_once in LOADS
        ]
