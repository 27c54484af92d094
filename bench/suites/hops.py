"""How many documents per second pass the four tiers, compared with a bare pipeline of as many hops?

Commune -> district -> province -> department: four nodes, four full verifications. The documents wait before the
sleeping relays, then the clock runs from their waking until the last one is in the inbox. Machines with one relay
process and with two, and bare pipelines of as many processes, take turns round by round, so that a busy machine
disturbs all of them; ratios are made round by round.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench import documents
from bench.documents import KB10, Signed
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.measures import Findings, Watcher
from bench.pipeline import Pipeline

HOPS = 4


async def suite(machines: Sequence[Machine], findings: Findings, *, rounds: int, number: int) -> None:
    """Measures of each machine, and the goals: the first has one relay, a second one two."""
    await measure(machines, findings, rounds=rounds, number=number)
    first, *others = machines
    ratios = _ratios(findings, label(first), label(first, "bare"))
    findings.goal("hops.per-bare-pipeline", rounds=ratios, least=0.6)
    findings.goal("hops.level-with-bare-pipeline", rounds=ratios, least=1.0)
    for other in others:
        findings.goal(
            f"hops.{other.relays}-relays-per-one",
            rounds=_ratios(findings, label(other), label(first)),
            least=1.7,
        )
        findings.goal(
            f"hops.{other.relays}-relays-per-bare-pipeline",
            rounds=_ratios(findings, label(other), label(other, "bare")),
        )


def label(machine: Machine, side: str = "lienthong") -> str:
    """`hops.lienthong`, `hops.bare`; with several relays `hops.lienthong.2-relays`."""
    return f"hops.{side}" + (f".{machine.relays}-relays" if machine.relays > 1 else "")


def _ratios(findings: Findings, ours: str, theirs: str) -> list[float]:
    both = zip(findings.measures[ours].rounds, findings.measures[theirs].rounds, strict=True)
    return [one / other for one, other in both]


async def measure(machines: Sequence[Machine], findings: Findings, *, rounds: int, number: int) -> None:
    """Documents per second of each machine and of the bare pipeline with as many processes."""
    sides = [_Side(machine) for machine in machines]
    async with AsyncExitStack() as stack:
        for side in sides:
            await stack.enter_async_context(side)
        for turn in range(rounds + 1):
            for side in sides:  # bare, ours, ours, bare: what is held against each other lies side by side
                count = number if turn else max(10, number // 4)
                await side.turn(count, bare_first=side is sides[0], counts=turn > 0)
    for side in sides:
        side.tell(findings)


class _Side(AsyncExitStack):
    """One machine, and the bare pipeline beside it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine
        self._figures: dict[tuple[str, str], list[float]] = {}
        self._memory: dict[str, float] = {}
        self._carried = 0

    async def __aenter__(self) -> _Side:
        await super().__aenter__()
        machine = self._machine
        await machine.start_relays()
        self._memory = dict.fromkeys(machine.programs, 0.0)
        self._before = footprint(machine)
        self._senders = await self.enter_async_context(Senders(machine.state))
        certificate = machine.state / "agencies" / COMMUNE / "signing.pem"
        pipeline = Pipeline(machine.node.amqp_url, certificate, hops=HOPS, processes=machine.relays)
        self._pipeline = await self.enter_async_context(pipeline)
        return self

    async def turn(self, number: int, *, bare_first: bool, counts: bool) -> None:
        """A round of ours and one of theirs, with the same documents; a warm-up does not count."""
        machine = self._machine
        made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=number)
        theirs = await _bare(self._pipeline, made) if bare_first else 0.0
        with Watcher(machine.pids(), every=0.5) as seen:
            ours = await _lienthong(machine, self._senders, made)
        self._carried += number
        theirs = theirs or await _bare(self._pipeline, made)
        self._memory = {name: max(most, seen.peak[name]) for name, most in self._memory.items()}
        if not counts:
            return
        relays = sum(seconds for name, seconds in seen.used.items() if name.startswith("relay"))
        for key, unit, value in (
            (label(machine), "documents/s", ours),
            (label(machine, "bare"), "documents/s", theirs),
            (label(machine, "relay-time"), "ms/hop", relays / number / HOPS * 1000),
            (label(machine, "broker-time"), "ms/hop", seen.used["broker"] / number / HOPS * 1000),
        ):
            self._figures.setdefault((key, unit), []).append(value)

    def tell(self, findings: Findings) -> None:
        """Everything measured."""
        for (key, unit), rounds in self._figures.items():
            findings.add(key, unit, rounds)
        for part, first, last in zip(("store", "blob"), self._before, footprint(self._machine), strict=True):
            findings.add(
                label(self._machine, f"{part}-bytes"), "bytes/document", [(last - first) / self._carried]
            )
        for program, peak in self._memory.items():
            findings.add(label(self._machine, f"{program}-memory"), "MiB", [peak])


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
