"""Where do hub and relay spend their time? py-spy looks at both under load, the programs as they are.

Counted are samples in which a thread holds Python's interpreter lock; that is nearly all of a program's own time, and
what waits is never among it. What a part costs is its share of the samples times the time the kernel counted for the
program outside itself (user time); the kernel's own time (files, sockets, locks) is a part by itself.

`draw` makes every picture of docs/performance.md: a flamegraph of each `SUBJECTS`, `processor-time.svg` with all of
them side by side, and `way.svg`, one document's way through the four tiers beside the bare pipeline's.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import documents, figures, flamegraph, parts, ways
from bench.crowd import Crowd, Way
from bench.documents import KB10, MB1
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, FOUR_TIERS, HEAD, PROVINCE, Machine
from bench.measures import spent
from bench.suites.accept import AT_ONCE
from bench.suites.fanout import recipients

SPY = Path(sys.executable).with_name("py-spy")
RATE = 200  # samples per second
WAY, TIME = "way", "processor-time"
Stacks = list[tuple[list[str], int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one program."""

    stacks: Stacks
    ms: float  #: processor time per document or hop
    kernel: float  #: of it in the kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something to look at."""

    title: str
    of: str  #: what `ms` is counted for
    look: Callable[[Path, int], Awaitable[Seen]]


async def draw(into: Path, folder: Path, seconds: int, only: Collection[str], console: Console) -> None:
    """The pictures named in `only`, or all, into `into`; tables of the costliest functions on the console."""
    await asyncio.to_thread(into.mkdir, parents=True, exist_ok=True)
    bars: dict[str, dict[str, float]] = {}
    for name, subject in SUBJECTS.items():
        if only and not {name, TIME} & set(only):
            continue
        seen = await subject.look(folder / name, seconds)
        title = f"{subject.title}: {seen.ms:.2f} ms per {subject.of}, {seen.kernel:.2f} of it in the kernel"
        _show(seen.stacks, title, console)
        if not only or name in only:
            _write(into / f"{name}.svg", flamegraph.draw(seen.stacks, title))
        bars[f"{subject.title}, per {subject.of}"] = by_part(seen)
    if not only or TIME in only:
        _write(into / f"{TIME}.svg", figures.stacked("Where the processor time goes", bars, parts.COLOURS))
    if not only or WAY in only:
        found = await ways.measure(folder / WAY, number=20 * seconds)
        for way, stages in found.items():
            console.print(f"{way}: {sum(stage.ms for stage in stages):.1f} ms", highlight=False)
        _write(
            into / f"{WAY}.svg", figures.waterfall("One document's way, milliseconds", found, ways.COLOURS)
        )


def by_part(seen: Seen) -> dict[str, float]:
    """Milliseconds of each part."""
    shared = parts.shares(seen.stacks)
    return {part: share * (seen.ms - seen.kernel) for part, share in shared.items()} | {
        parts.KERNEL: seen.kernel
    }


def _write(file: Path, svg: str) -> None:
    file.write_text(svg, "utf-8")


# --- what is looked at ----------------------------------------------------------------------------------


def _hub(size: int, batch: int) -> Callable[[Path, int], Awaitable[Seen]]:
    """The hub alone, taking in documents by SubmitMany."""

    async def look(folder: Path, seconds: int) -> Seen:
        async with Machine(folder) as machine, Crowd(machine.state, Way.MANY) as crowd:

            async def round_of(number: int) -> None:
                made = await asyncio.to_thread(
                    documents.make, machine.state, COMMUNE, [DEPARTMENT], size=size, number=number
                )
                await crowd.prepare(made, at_once=AT_ONCE)
                await crowd.go()
                await machine.until_published()

            await round_of(AT_ONCE)  # warm-up
            done, ends = 0, time.monotonic() + seconds
            async with _Spy(folder, machine.programs["hub"].pid) as spy:
                while time.monotonic() < ends:
                    await round_of(batch)
                    done += batch
            return spy.seen(done)

    return look


def _relay(
    directory: Path, sender: str, load: Callable[[int], list[list[str]]]
) -> Callable[[Path, int], Awaitable[Seen]]:
    """A relay that works off a backlog. `load`: the recipients of each document, for so many seconds."""

    async def look(folder: Path, seconds: int) -> Seen:
        async with Machine(folder, directory=directory) as machine, Senders(machine.state) as senders:
            await machine.start_relays()
            to = load(seconds)
            await _submit(machine, senders, sender, to[:1])  # warm-up
            await machine.until_idle()
            with machine.relays_asleep():
                await _submit(machine, senders, sender, to)
                await machine.until_published()
                before = machine.count("SELECT count(*) FROM hops")
            async with _Spy(folder, machine.programs["relay-1"].pid) as spy:
                await machine.until_idle()
            return spy.seen(machine.count("SELECT count(*) FROM hops") - before)

    return look


async def _submit(machine: Machine, senders: Senders, sender: str, to: list[list[str]]) -> None:
    made = []
    for codes in {tuple(each) for each in to}:
        number = sum(tuple(each) == codes for each in to)
        made += await asyncio.to_thread(
            documents.make, machine.state, sender, codes, size=KB10, number=number
        )
    await senders.submit_all(made, at_once=32)


SUBJECTS = {
    "hub": Subject(title="Hub, 10 KB", of="document", look=_hub(KB10, 800)),
    "hub-1mb": Subject(title="Hub, 1 MB", of="document", look=_hub(MB1, 100)),
    "relay": Subject(
        title="Relay",
        of="hop",
        look=_relay(FOUR_TIERS, COMMUNE, lambda seconds: [[DEPARTMENT]] * 60 * seconds),
    ),
    "relay-directive": Subject(
        title="Relay, to 200 offices",
        of="hop",
        look=_relay(PROVINCE, HEAD, lambda seconds: [recipients()] * max(1, seconds * 2 // 3)),
    ),
}


# --- looking --------------------------------------------------------------------------------------------


class _Spy:
    """py-spy at work inside the block, and the processor time the program used meanwhile."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._stacks = folder / "stacks.txt"
        self._program = psutil.Process(pid)
        self._spy: asyncio.subprocess.Process | None = None
        self._used = self._kernel = 0.0

    async def __aenter__(self) -> _Spy:
        words = [
            "record",
            "--gil",
            "-p",
            str(self._program.pid),
            "-d",
            "unlimited",
            "-r",
            str(RATE),
            "-f",
            "raw",
        ]
        quiet = asyncio.subprocess.DEVNULL
        self._spy = await asyncio.create_subprocess_exec(
            SPY, *words, "-o", str(self._stacks), stdin=quiet, stdout=quiet, stderr=quiet
        )
        await asyncio.sleep(1.0)  # until it has read the program's symbols
        self._used, self._kernel = -spent(self._program), -self._program.cpu_times().system
        return self

    async def __aexit__(self, *_: object) -> None:
        self._used += spent(self._program)
        self._kernel += self._program.cpu_times().system
        assert self._spy is not None
        self._spy.send_signal(2)  # SIGINT: it writes what it has
        await self._spy.wait()

    def seen(self, number: int) -> Seen:
        """`number`: documents or hops done inside the block."""
        return Seen(
            stacks=read(self._stacks),
            ms=self._used / number * 1000,
            kernel=self._kernel / number * 1000,
        )


def read(file: Path) -> Stacks:
    """py-spy's raw form: `frame;frame;frame samples`."""
    lines = [line.rpartition(" ") for line in file.read_text("utf-8").splitlines()]
    return [(frames.split(";"), int(samples)) for frames, _, samples in lines]


def _show(stacks: Stacks, title: str, console: Console) -> None:
    """Functions by the share of samples they are in (they or what they call), and by their own."""
    whole: Counter[str] = Counter()
    own: Counter[str] = Counter()
    total = sum(samples for _, samples in stacks)
    for frames, samples in stacks:
        names = flamegraph.plain(frames) or ["the event loop"]
        own[names[-1]] += samples
        for frame in set(names):
            whole[frame] += samples
    for what, counts, number in (("with what they call", whole, 40), ("alone", own, 20)):
        table = Table("share", "function", title=f"{title}; functions {what}", title_justify="left")
        for frame, samples in counts.most_common(number):
            table.add_row(f"{samples / max(1, total):.1%}", frame)
        console.print(table)
