"""`python -m bench SUITE …`: run suites, print tables, write bench/results; `quick` also checks thresholds.toml.

`python -m bench all` runs every suite and ends with one table of all goals.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import crowd, documents, fill, model, overview, profiling, report, yardsticks
from bench.documents import KB10, MB1
from bench.machine import COMMUNE, DEPARTMENT, PROVINCE, Machine
from bench.measures import Findings, Watcher
from bench.postgres import postgres
from bench.suites import accept, fanout, growth, hops, latency, memory, memory_files, scale
from bench.thresholds import check
from lienthong_client.profile import Profile

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console(width=None if sys.stdout.isatty() else 110)

PostgresOption = Annotated[bool, typer.Option(help="Start a private PostgreSQL, which is gone afterwards.")]
RoundsOption = Annotated[int, typer.Option(help="Rounds that count, after a warm-up.")]
CORES = len(os.sched_getaffinity(0))
HubsOption = Annotated[int, typer.Option(help="Hub processes on one port; default: one a core.")]
RelaysOption = Annotated[int, typer.Option(help="Relay processes, and processes of the bare pipeline.")]


@dataclass(slots=True)
class Run:
    """One run: a folder that is removed afterwards, and what was found out."""

    folder: Path
    findings: Findings = field(default_factory=Findings)

    def say(self, text: str) -> None:
        """Tell what is being done."""
        console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")

    def machine(self, **options: object) -> Machine:
        """A new machine in this run's folder."""
        name = f"machine-{len(list(self.folder.iterdir()))}"
        return Machine(self.folder / name, **options)  # type: ignore[arg-type]

    def verification(self, machine: Machine, *, seconds: float = 2.0, large: bool = True) -> None:
        """Verifications per core of the run's own documents."""
        self.say("signature verification on one core")
        profile = Profile.load(machine.state / "agencies" / COMMUNE / "profile.toml")
        for name, size in (("10KB", KB10), ("1MB", MB1)) if large else (("10KB", KB10),):
            document = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=size, number=1)[0]
            yardsticks.add_verification(self.findings, name, document, profile, seconds=seconds)


_result: Path | None = None


@app.callback()
def _options(
    result: Annotated[
        Path | None, typer.Option(help="Copy the findings to this file and print no tables.")
    ] = None,
) -> None:
    """Measure Lienthong on this machine."""
    global _result
    _result = result


@app.command("all")
def _all() -> None:
    """Every suite, one after another, and one table of all goals; exit code 1 when a suite failed."""
    outcomes = overview.run(console)
    overview.show(outcomes, console)
    file = overview.save(outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    console.print(f"{seconds / 60:.0f} minutes; written to {file.relative_to(report.ROOT)} and .svg")
    raise typer.Exit(1 if any(outcome.found is None for outcome in outcomes) else 0)


def _run(name: str, suite: Callable[[Run], Coroutine[Any, Any, None]]) -> Findings:
    with tempfile.TemporaryDirectory(prefix="lienthong-bench-", ignore_cleanup_errors=True) as folder:
        run = Run(Path(folder))
        began = time.perf_counter()
        asyncio.run(suite(run))
        run.findings.settings["seconds"] = round(time.perf_counter() - began, 1)
    file = report.save(run.findings, name)
    if _result is not None:
        shutil.copyfile(file, _result)  # whoever asked for it shows it
        return run.findings
    report.show(run.findings, console)
    console.print(f"{run.findings.settings['seconds']:.0f} s; written to {file.relative_to(report.ROOT)}")
    return run.findings


@app.command("quick")
def _quick() -> None:
    """A short look at everything within a minute; exit code 1 when a ratio broke thresholds.toml."""
    findings = _run("quick", _quick_suite)
    broken = check(findings)
    for line in broken:
        console.print(f"[red]{line}[/]")
    raise typer.Exit(1 if broken else 0)


async def _quick_suite(run: Run) -> None:
    async with run.machine() as machine:
        run.verification(machine, seconds=0.5, large=False)
        run.say("accept")
        rate = await accept.measure(
            machine, run.findings, name="10KB", size=KB10, number=64, rounds=2, least=0.20
        )
        await machine.start_relays()
        await machine.until_consigned(machine.count("SELECT count(*) FROM deliveries"))
        run.say("hops")
        with Watcher(machine.pids()) as seen:
            await hops.suite([machine], run.findings, rounds=2, number=30)
        memory.add(run.findings, seen)
        run.say("latency")
        # a fifth of what is carried, not a tenth as `bench latency` sends: half the time
        carried = 2 * min(rate, run.findings.median("hops.lienthong"))
        await latency.suite(machine, run.findings, rounds=1, number=12, capacity=carried)


@app.command("accept")
def _accept(rounds: RoundsOption = 7, hubs: HubsOption = CORES, postgresql: PostgresOption = False) -> None:
    """Documents per second into the hub, 10 KB and 1 MB, and against the number in flight."""

    async def suite(run: Run) -> None:
        with ExitStack() as stack:
            url = stack.enter_context(postgres()).empty_database() if postgresql else ""
            async with run.machine(store_url=url, hubs=hubs) as machine:
                run.findings.settings |= {"hubs": hubs, "in flight": accept.AT_ONCE}
                run.findings.settings["connections"] = crowd.PROCESSES * crowd.CONNECTIONS
                run.verification(machine)
                run.say("accept")
                await accept.suite(machine, run.findings, rounds=rounds, small=800, large=128)
                run.say("accept against load")
                await accept.against_load(machine, run.findings, number=400)

    _run("accept-postgresql" if postgresql else "accept", suite)


@app.command("hops")
def _hops(
    rounds: RoundsOption = 5,
    relays: Annotated[int, typer.Option(help="Relay processes held against one; 1: none are.")] = 2,
    postgresql: PostgresOption = False,
) -> None:
    """Documents per second through four tiers, with one relay and with several, and by bare pipelines."""

    async def suite(run: Run) -> None:
        run.findings.settings["relays"] = numbers = [1] if relays == 1 else [1, relays]
        async with AsyncExitStack() as stack:
            server = stack.enter_context(postgres()) if postgresql else None
            machines = []
            for number in numbers:
                url = server.empty_database() if server else ""
                machines.append(await stack.enter_async_context(run.machine(relays=number, store_url=url)))
            run.verification(machines[0])
            run.say("hops")
            await hops.suite(machines, run.findings, rounds=rounds, number=400)

    _run("hops-postgresql" if postgresql else "hops", suite)


@app.command("latency")
def _latency(rounds: RoundsOption = 5, relays: RelaysOption = 1) -> None:
    """Time on the way at a tenth of capacity, compared with the bare pipeline."""

    async def suite(run: Run) -> None:
        async with run.machine(relays=relays) as machine:
            run.say("capacity")
            await hops.measure([machine], run.findings, rounds=1, number=200)
            run.say("latency")
            carried = run.findings.median(hops.label(machine))
            await latency.suite(machine, run.findings, rounds=rounds, number=120, capacity=carried)

    _run("latency", suite)


@app.command("fanout")
def _fanout(rounds: RoundsOption = 5) -> None:
    """One directive to 200 recipients against 200 documents."""

    async def suite(run: Run) -> None:
        run.say("keys for a whole province")
        async with run.machine(directory=PROVINCE) as machine:
            run.say("fanout")
            await fanout.suite(machine, run.findings, rounds=rounds)

    _run("fanout", suite)


@app.command("growth")
def _growth(
    number: Annotated[int, typer.Option("--documents", help="Documents in the full store.")] = 1_000_000,
    rounds: RoundsOption = 5,
    postgresql: PostgresOption = False,
) -> None:
    """A store with a million documents against an empty one."""

    async def suite(run: Run) -> None:
        with ExitStack() as stack:
            server = stack.enter_context(postgres()) if postgresql else None
            full_url, empty_url = (server.empty_database() if server else "" for _ in range(2))
            async with run.machine(store_url=full_url) as full, run.machine(store_url=empty_url) as empty:
                run.say(f"filling a store with {number:,} documents")
                await full.stop_programs()
                began = time.perf_counter()
                codes = sorted(key.stem for key in (full.state / "nodes").iterdir())
                await asyncio.to_thread(fill.fill, full.store(), number, codes)
                run.findings.add("growth.filling", "s", [time.perf_counter() - began])
                await full.start("hub")
                run.say("growth")
                await growth.suite(
                    empty, full, run.findings, rounds=rounds, number=120, calls=400, filled=number
                )

    _run("growth-postgresql" if postgresql else "growth", suite)


@app.command("memory")
def _memory(seconds: Annotated[float, typer.Option(help="How long to load.")] = 60.0) -> None:
    """Memory of hub and relay at full load."""

    async def suite(run: Run) -> None:
        async with run.machine() as machine:
            run.say("memory")
            await memory.suite(machine, run.findings, seconds=seconds)

    _run("memory", suite)


@app.command("memory-files")
def _memory_files(
    mebibytes: Annotated[int, typer.Option(help="Size of the file beside its package.")] = 1024,
) -> None:
    """Memory that packages near the limit take, and a file beside its package."""

    async def suite(run: Run) -> None:
        async with run.machine() as machine:
            run.say("packages near the limit")
            await memory_files.packages(machine, run.findings)
            run.say(f"a file of {mebibytes} MiB beside its package")
            await memory_files.beside(machine, run.findings, mebibytes=mebibytes)

    _run("memory-files", suite)


@app.command("scale")
def _scale(
    nodes: Annotated[int, typer.Option(help="Nodes that start and idle; 0: leave out.")] = 1_000,
    idle: Annotated[float, typer.Option(help="Seconds of idling.")] = 60.0,
    agencies: Annotated[
        int, typer.Option(help="Agencies of the imported directory; 0: leave out.")
    ] = 125_000,
) -> None:
    """A thousand nodes that start and idle; a nation's directory imported and searched."""

    async def suite(run: Run) -> None:
        run.findings.settings |= {"scale.nodes": nodes, "scale.agencies": agencies}
        if nodes:
            run.say(f"{nodes:,} nodes start and idle")
            await scale.nodes(run.folder / "nodes", run.findings, number=nodes, idle=idle)
        if agencies:
            async with run.machine() as machine:
                run.say(f"a directory of {agencies:,} agencies")
                await scale.directory(machine, run.findings, number=agencies, searches=300)

    _run("scale", suite)


@app.command("model")
def _model(
    accept_ms: Annotated[float | None, typer.Option(help="Hub, per package taken in.")] = None,
    hop_ms: Annotated[float | None, typer.Option(help="Relay, per hop.")] = None,
    broker_ms: Annotated[float | None, typer.Option(help="RabbitMQ, per message.")] = None,
    hand_over_ms: Annotated[
        float | None, typer.Option(help="Hub, per package fetched and receipted.")
    ] = None,
    store_bytes: Annotated[float | None, typer.Option(help="Per package with its hops.")] = None,
) -> None:
    """What a province and the nation would need: the newest unit costs of bench/results times what they would send."""
    costs, origin = model.measured(
        report.RESULTS,
        accept_ms=accept_ms,
        hop_ms=hop_ms,
        broker_ms=broker_ms,
        hand_over_ms=hand_over_ms,
        store_bytes=store_bytes,
    )
    for name, source in origin.items():
        console.print(f"{name:14} {getattr(costs, name):>10,.2f}  [dim]{source}[/]")
    console.print(model.table(costs))


@app.command("profile")
def _profile(
    into: Annotated[Path, typer.Argument(help="Folder for the pictures.")],
    only: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{', '.join(profiling.SUBJECTS)}, {profiling.TIME} or {profiling.WAY}; default: all."
        ),
    ] = None,
    seconds: Annotated[int, typer.Option(help="How long to sample each program, about.")] = 15,
) -> None:
    """The pictures of docs/performance.md: flamegraphs, processor time by part, one document's way."""
    with tempfile.TemporaryDirectory(prefix="lienthong-bench-", ignore_cleanup_errors=True) as folder:
        asyncio.run(profiling.draw(into, Path(folder), seconds, only or (), console))


if __name__ == "__main__":
    app()
