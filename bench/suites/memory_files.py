"""How much memory do big files take? Peaks the kernel noted, so that nothing short-lived is missed.

A package near the limit, alone and two at once: the growth of hub and relay in multiples of the package. A file beside
its package: the growth of the hub, and of the commands that send and fetch it against a small file's.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from bench import documents
from bench.load import Senders
from bench.machine import BIN, COMMUNE, DEPARTMENT, Machine
from bench.measures import MIB, Findings

PACKAGE = 98 * MIB  # the limit is 100 MiB
MOST_PER_PACKAGE = 6.0
MOST_TOGETHER = 7.0  # the second waits with its bytes in hand
MOST_GROWTH = 32.0  # MiB
SMALL_FILE = 21  # MiB: beside its package too


class Peak:
    """The most memory a process held inside the block, over what it held before; MiB."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._before = 0.0
        self.grown = 0.0

    def __enter__(self) -> Peak:
        self._folder.joinpath("clear_refs").write_text("5")  # the peak begins anew
        self._before = self._read("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        self.grown = self._read("VmHWM") - self._before

    def _read(self, name: str) -> float:
        lines = self._folder.joinpath("status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


async def packages(machine: Machine, findings: Findings) -> None:
    """One package near the limit, then two at the same time."""
    await machine.start_relays()
    hub, relay = machine.programs["hub"].pid, machine.programs["relay-1"].pid
    arrived = machine.consigned()
    async with Senders(machine.state) as senders:
        warm = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=MIB, number=2)
        await senders.submit_all(warm, at_once=2)
        arrived += len(warm)
        await machine.until_consigned(arrived)
        for number, name, most in ((1, "one", MOST_PER_PACKAGE), (2, "two-at-once", MOST_TOGETHER)):
            made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=PACKAGE, number=number)
            with Peak(hub) as at_hub, Peak(relay) as at_relay:
                await senders.submit_all(made, at_once=number)
                arrived += number
                await machine.until_consigned(arrived)
            size = len(made[0].data) / MIB
            for part, peak in (("hub", at_hub), ("relay", at_relay)):
                findings.goal(f"memory.package-{name}-{part}", peak.grown / size, most=most)


async def beside(machine: Machine, findings: Findings, *, mebibytes: int) -> None:
    """A file beside its package, sent and fetched with the commands."""
    small = await _carry(machine, SMALL_FILE, "small")
    with Peak(machine.programs["hub"].pid) as hub:
        large = await _carry(machine, mebibytes, "large")
    findings.goal("memory.content-hub", hub.grown, unit="MiB", most=MOST_GROWTH)
    for command in ("send", "fetch"):
        grown = large[command] - small[command]
        findings.goal(f"memory.content-{command}", grown, unit="MiB", most=MOST_GROWTH)


async def _carry(machine: Machine, mebibytes: int, name: str) -> dict[str, float]:
    """The commands' peaks, MiB."""
    file = machine.folder / f"{name}.bin"
    with file.open("wb") as out:
        for _ in range(mebibytes):
            out.write(os.urandom(MIB))
    before = machine.consigned()
    words = [
        "--to",
        DEPARTMENT,
        "--subject",
        f"Tệp {name}",
        "--code",
        f"{mebibytes}/CV-UBND",
        "--attach",
        file,
    ]
    sent, sending = await _agency(machine, COMMUNE, "send", *words)
    await machine.until_consigned(before + 1)
    folder = machine.folder / f"in-{name}"
    _, fetching = await _agency(machine, DEPARTMENT, "fetch", sent["document_id"], folder)
    for path in (file, *(folder / "attachments").iterdir()):
        path.unlink()
    return {"send": sending, "fetch": fetching}


async def _agency(machine: Machine, agency: str, *words: object) -> tuple[dict[str, Any], float]:
    """A command's answer and the most memory it held, MiB."""
    profile = machine.state / "agencies" / agency / "profile.toml"
    process = await asyncio.create_subprocess_exec(
        "/usr/bin/env",
        "python3",
        "-c",
        _MEASURED,
        *map(str, (BIN / "lienthong-agency", "--json", "--profile", profile, *words)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{words[0]} ended with {process.returncode}: {out.decode()}")
    answer, peak = out.decode().splitlines()
    return json.loads(answer), int(peak) / 1024


#: a small process of its own, so that the command is its only child
_MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.exit(code)
"""
