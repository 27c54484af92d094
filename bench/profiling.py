"""Where do hub and relay spend their time? py-spy looks at both under load, the programs as they are.

Counted are samples in which a thread holds Python's interpreter lock: that is what limits one process. What runs
beside it (OpenSSL, libxml2's parser, SQLite, the disk) shows up in the measures of processor time instead.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import documents
from bench.documents import KB10
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine

SPY = Path(sys.executable).with_name("py-spy")
RATE = 200  # samples per second


async def profile(folder: Path, into: Path, seconds: int, console: Console) -> None:
    """Flamegraphs `hub.svg` and `relay-1.svg` into `into`; a table of functions by their share."""
    await asyncio.to_thread(into.mkdir, parents=True, exist_ok=True)
    async with Machine(folder / "machine") as machine:
        await machine.start_relays()
        for name, asleep in (("hub", True), ("relay-1", False)):
            stacks = folder / f"{name}.txt"
            await _record(machine, name, stacks, seconds, only_hub=asleep)
            _show(stacks, name, console)
            _draw(stacks, into / f"{name.partition('-')[0]}.svg")


async def _record(machine: Machine, name: str, stacks: Path, seconds: int, *, only_hub: bool) -> None:
    async with Senders(machine.state) as senders:
        await machine.until_idle()
        with machine.relays_asleep():  # the hub is looked at alone; the relay gets what piled up
            await _load(machine, senders, 10 if only_hub else 25 * seconds, None)
            if only_hub:
                spy = await _spy(machine.programs[name].pid, stacks, seconds)
                await _load(machine, senders, 10_000, time.monotonic() + seconds)
                await spy.wait()
        if not only_hub:
            spy = await _spy(machine.programs[name].pid, stacks, seconds)
            await spy.wait()


async def _spy(pid: int, stacks: Path, seconds: int) -> asyncio.subprocess.Process:
    # --gil: only what holds the interpreter; waiting threads would otherwise fill the picture
    words = ["record", "--gil", "-p", str(pid), "-d", str(seconds), "-r", str(RATE), "-f", "raw"]
    words += ["-o", str(stacks)]
    return await asyncio.create_subprocess_exec(
        SPY, *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )


async def _load(machine: Machine, senders: Senders, number: int, until: float | None) -> None:
    sent = 0
    while sent < number and (until is None or time.monotonic() < until):
        made = await asyncio.to_thread(
            documents.make, machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=min(100, number - sent)
        )
        await senders.submit_all(made, at_once=32)
        sent += len(made)


def _read(stacks: Path) -> list[tuple[list[str], int]]:
    lines = [line.rpartition(" ") for line in stacks.read_text("utf-8").splitlines()]
    return [(frames.split(";"), int(samples)) for frames, _, samples in lines]


def _show(stacks: Path, name: str, console: Console) -> None:
    """Functions by the share of samples they are in (they or what they call), and by their own."""
    whole: Counter[str] = Counter()
    own: Counter[str] = Counter()
    total = 0
    for frames, samples in _read(stacks):
        total += samples
        names = [frame.rpartition(":")[0] + ")" if ":" in frame else frame for frame in frames]
        own[names[-1]] += samples
        for frame in set(names):
            whole[frame] += samples
    for title, counts, number in (("with what they call", whole, 60), ("alone", own, 25)):
        table = Table("share", "function", title=f"{name}, {title}: {total} samples", title_justify="left")
        for frame, samples in counts.most_common(number):
            table.add_row(f"{samples / max(1, total):.1%}", frame)
        console.print(table)


def _draw(stacks: Path, svg: Path) -> None:
    from bench.flamegraph import draw

    svg.write_text(draw(_read(stacks)), "utf-8")
