"""How many documents per second do the hubs take in?

From the first byte sent to the broker's last confirm: upload over mTLS, verification, rules, fsync of the bytes,
commit, signed receipt, publishing. No relay runs, so the figure is the hubs' alone; the senders are processes on this
machine too, and what they and the broker take of it is told beside. Documents come one call each (`unary`) and over
streams (`many`), in turns; the goal counts the better way. Machines change their speed within minutes, so the yardstick
is taken between the rounds, and each round is held against the two beside it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean, median

from bench import documents
from bench.crowd import Crowd, Way
from bench.documents import KB10, MB1
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, Watcher
from bench.yardsticks import rsa2048_signs

AT_ONCE = 64
LOADS = (1, 2, 4, 8, 16, 32, 64, 128)
PARTS = (
    ("", "documents/s"),
    (".hub-time", "ms/document"),
    (".broker-time", "ms/document"),
    (".senders-time", "ms/document"),
    (".hub-memory", "MiB"),
)


async def suite(machine: Machine, findings: Findings, *, rounds: int, small: int, large: int) -> None:
    """`small` documents of 10 KB in a round, `large` of 1 MB, each size held against RSA-2048 signatures per second."""
    await measure(machine, findings, name="10KB", size=KB10, number=small, rounds=rounds, least=0.20)
    await measure(machine, findings, name="1MB", size=MB1, number=large, rounds=rounds, least=0.03)


async def measure(
    machine: Machine, findings: Findings, *, name: str, size: int, number: int, rounds: int, least: float
) -> float:
    """`accept.<name>` in documents per second, the better way's, its costs, and the goal; the rate."""
    figures: dict[str, list[float]] = {}
    signs: list[float] = []
    async with Crowd(machine.state, Way.UNARY) as unary, Crowd(machine.state, Way.MANY) as many:
        for crowd in (unary, many):
            await _round(machine, crowd, size, max(AT_ONCE, number // 5), AT_ONCE)  # warm-up
        signs.append(rsa2048_signs(1))
        for _ in range(rounds):
            for crowd in (unary, many):
                for part, value in (await _measured(machine, crowd, size, number)).items():
                    figures.setdefault(f"{crowd.way}{part}", []).append(value)
            signs.append(rsa2048_signs(1))
    for way in Way:
        for part, unit in PARTS:
            findings.add(f"accept.{name}-{way}{part}", unit, figures[f"{way}{part}"])
    best = max(Way, key=lambda way: median(figures[way]))
    findings.notes.append(f"accept.{name}: {best}")
    for part, unit in PARTS:
        findings.add(f"accept.{name}{part}", unit, figures[f"{best}{part}"])
    findings.add(f"accept.{name}.rsa2048.sign", "1/s", signs)
    ratios = per_sign(figures[best], signs)
    findings.goal(f"accept.{name}-per-rsa2048-sign", rounds=ratios, least=least)
    return findings.median(f"accept.{name}")


def per_sign(rates: Sequence[float], signs: Sequence[float]) -> list[float]:
    """Each round against the yardsticks taken before and after it."""
    return [rate / mean(beside) for rate, beside in zip(rates, pairwise(signs), strict=True)]


async def _measured(machine: Machine, crowd: Crowd, size: int, number: int) -> dict[str, float]:
    hubs = [part for part in machine.programs if part.startswith("hub")]
    made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=size, number=number)
    await crowd.prepare(made, at_once=AT_ONCE)
    with Watcher(machine.pids(), every=0.5) as seen:
        rate = await _clocked(machine, crowd, made)
    return {
        "": rate,
        ".hub-time": sum(seen.used[part] for part in hubs) / number * 1000,
        ".broker-time": seen.used["broker"] / number * 1000,
        ".senders-time": crowd.used / number * 1000,
        ".hub-memory": max(seen.peak[part] for part in hubs),
    }


async def _round(machine: Machine, crowd: Crowd, size: int, number: int, at_once: int) -> float:
    made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=size, number=number)
    await crowd.prepare(made, at_once=at_once)
    return await _clocked(machine, crowd, made)


async def _clocked(machine: Machine, crowd: Crowd, made: list[documents.Signed]) -> float:
    """Documents per second of what the crowd was prepared with; a sample of the receipts is verified afterwards."""
    began = time.perf_counter()
    answers = await crowd.go()
    await machine.until_published()
    ended = time.perf_counter()
    Senders(machine.state).verify(made, answers)
    return len(made) / (ended - began)


async def against_load(machine: Machine, findings: Findings, *, number: int) -> None:
    """Throughput at more and more documents in flight, for the plot."""
    findings.samples["accept.load.x"] = [float(at_once) for at_once in LOADS]
    async with Crowd(machine.state, Way.UNARY) as crowd:
        findings.samples["accept.load.y"] = [
            await _round(machine, crowd, KB10, number if at_once > 2 else number // 4, at_once)
            for at_once in LOADS
        ]
