"""How large may a directory be? A thousand nodes that start and idle, and a nation's agencies that are looked up.

`nodes`: `lienthong up` with keys that were made before, from the call to its ready line: every queue declared, every
consumer registered. Then everybody sits still, and the processor time of hub, relay and broker is counted: what
polls shows here. `directory`: `lienthong agencies import` of a whole nation against a running hub, then searches.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil

from bench.load import operator_channel
from bench.machine import BIN, Machine, NotReady
from bench.measures import MIB, Findings, Watcher, quantile
from lienthong.api.v1 import admin_pb2, admin_pb2_grpc, directory_pb2, directory_pb2_grpc
from lienthong.domain.agency import Agency
from lienthong.domain.directory_csv import write_csv
from lienthong.domain.directory_file import write_agencies

UNDER = 49  # communes of a district, as the nation has them on the mean
DISTRICTS = 40  # of a province
WORDS = (
    "Bình",
    "Sơn",
    "Thạnh",
    "Đông",
    "Trà",
    "Hành",
    "Thuận",
    "Nghĩa",
    "Phước",
    "An",
    "Hòa",
    "Long",
    "Đức",
    "Mỹ",
)
TYPED = ("b", "binh", "binh son", "H05.3", "xa hanh thuan", "xa dong trong", "khong co")
START_SECONDS = 600.0
SETTLE_SECONDS = 15.0  # after the start, before idling is measured


def agencies(number: int) -> Iterator[Agency]:
    """`number` agencies in provinces, districts and communes with names as they are found."""
    made = 0
    for p in range(number):
        top = f"H{p:02}"
        line = [_named(top, "UBND tỉnh", p, "province", None, f"000.00.00.{top}")]
        for d in range(DISTRICTS):
            district = f"{top}.{d + 1}"
            line.append(_named(district, "UBND huyện", p + d, "district", top, f"000.00.{d + 1}.{top}"))
            line += [
                _named(f"{district}.{c}", "UBND xã", c * 7 + d, "commune", district, f"000.{c}.{d + 1}.{top}")
                for c in range(1, UNDER + 1)
            ]
        for agency in line:
            if made == number:
                return
            made += 1
            yield agency


def _named(code: str, kind: str, chance: int, tier: str, parent: str | None, alias: str) -> Agency:
    name = f"{kind} {WORDS[chance % 14]} {WORDS[chance * 7 % 11]} {code.rpartition('.')[2]}"
    return Agency(code=code, name=name, tier=tier, parent=parent, aliases=(alias,))


async def nodes(folder: Path, findings: Findings, *, number: int, idle: float) -> None:
    """`number` nodes: start, memory, and processor time while nothing happens."""
    file, state = folder.with_suffix(".yaml"), folder / "state"
    file.write_text(write_agencies(agencies(number)), "utf-8")
    began = time.perf_counter()
    await _run("init", "--state", str(state), "--directory", str(file), "--agency-keys", "p256")
    findings.add("scale.nodes.keys", "s", [time.perf_counter() - began])
    began = time.perf_counter()
    up = await asyncio.create_subprocess_exec(
        *(BIN / "lienthong", "up", "--state", state, "--grpc-port", "0", "--console-port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert up.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            if not (await up.stdout.readline()).startswith(b"ready "):
                raise NotReady((state / "logs" / "hub.log").read_text("utf-8")[-2000:])
        taken = time.perf_counter() - began
        findings.add("scale.nodes.start", "s", [taken])
        findings.goal("scale.nodes-start", taken, unit="s", most=60)
        await asyncio.sleep(SETTLE_SECONDS)
        with Watcher(_programs(up.pid), every=1.0) as seen:
            await asyncio.sleep(idle)
        for name, used in seen.used.items():
            findings.add(f"scale.nodes.idle.{name}", "% of a core", [100 * used / seen.seconds])
            findings.add(f"scale.nodes.memory.{name}", "MiB", [seen.peak[name]])
        findings.goal(
            "scale.nodes-idle", 100 * sum(seen.used.values()) / seen.seconds, unit="% of a core", most=5
        )
    finally:
        if up.returncode is None:
            up.send_signal(signal.SIGTERM)
            await up.wait()


def _programs(up: int) -> dict[str, int]:
    """Hub, relays, broker and what is beside them, by name."""
    found: dict[str, int] = {"up": up}
    for process in psutil.Process(up).children(recursive=True):
        words = process.cmdline()
        if process.name().startswith("beam"):
            found["broker"] = process.pid
        elif (part := next((word for word in words if word in ("hub", "relay")), None)) is not None:
            found[part if part not in found else f"{part}-{process.pid}"] = process.pid
    return found


async def directory(machine: Machine, findings: Findings, *, number: int, searches: int) -> None:
    """`number` agencies imported as YAML into a running hub, and again as a table with one name changed."""
    file = machine.folder / "nation.yaml"
    whole = list(agencies(number))
    file.write_text(write_agencies(whole), "utf-8")
    with Watcher({"hub": machine.programs["hub"].pid}) as seen:
        began = time.perf_counter()
        await _run("agencies", "import", str(file), "--state", str(machine.state))
        taken = time.perf_counter() - began
    findings.add("scale.directory.import", "s", [taken])
    findings.add("scale.directory.import.hub-time", "s", [seen.used["hub"]])
    findings.add("scale.directory.import.hub-peak", "MiB", [seen.peak["hub"]])
    findings.goal("scale.directory-import", taken, unit="s", most=30)
    table = file.with_suffix(".csv")
    table.write_text(write_csv(whole).replace("UBND xã", "UBND phường", 1), "utf-8")
    began = time.perf_counter()
    await _run("agencies", "import", str(table), "--state", str(machine.state))
    findings.add("scale.directory.import-again", "s", [time.perf_counter() - began])
    async with operator_channel(machine.state, machine.address) as channel:
        await _look_up(channel, findings, searches)
    memory = psutil.Process(machine.programs["hub"].pid).memory_info().rss / MIB
    findings.add("scale.directory.hub-memory", "MiB", [memory])


async def _look_up(channel: grpc.aio.Channel, findings: Findings, searches: int) -> None:
    stub = directory_pb2_grpc.DirectoryServiceStub(channel)  # type: ignore[no-untyped-call]
    admin = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
    began = time.perf_counter()
    await stub.SearchAgencies(directory_pb2.SearchAgenciesRequest(text="binh"))
    findings.add("scale.directory.first-search", "ms", [(time.perf_counter() - began) * 1000])
    chance, taken = random.Random(1), []
    for _ in range(searches):
        request = directory_pb2.SearchAgenciesRequest(text=chance.choice(TYPED), limit=20)
        began = time.perf_counter()
        await stub.SearchAgencies(request)
        taken.append((time.perf_counter() - began) * 1000)
    findings.add("scale.directory.search.p50", "ms", [quantile(taken, 0.5)])
    findings.add("scale.directory.search.p99", "ms", [quantile(taken, 0.99)])
    findings.goal("scale.directory-search-p50", quantile(taken, 0.5), unit="ms", most=10)
    began = time.perf_counter()
    await admin.ListAgencies(admin_pb2.ListAgenciesRequest(page_size=1000))
    findings.add("scale.directory.page", "ms", [(time.perf_counter() - began) * 1000])


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        BIN / "lienthong", *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, error = await process.communicate()
    if process.returncode:
        raise NotReady(f"lienthong {words[0]}: {error.decode()[-1000:]}")
