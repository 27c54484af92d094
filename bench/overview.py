"""Which goals are reached? Every suite one after another, whatever becomes of the one before, and one table at the end.

Each suite is a process of its own: what one leaves in memory, or dies of, does not disturb the next. Its findings come
back as the JSON file it writes; all of them together are written to `bench/results/DATE-COMMIT-all.json`, with a plot.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import figures, quiet, report
from bench.measures import Goal

PATIENCE = 1_200.0  # seconds: a suite that takes longer hangs
END_SECONDS = 60.0  # for a suite that was told to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One suite of the run."""

    name: str
    words: tuple[str, ...]  #: of `python -m bench`
    seconds: float  #: it takes about so long on two quiet cores


PLAN = (
    Step(name="accept", words=("accept",), seconds=210),
    Step(name="hops", words=("hops",), seconds=230),
    Step(name="latency", words=("latency",), seconds=230),
    Step(name="fanout", words=("fanout",), seconds=65),
    Step(name="growth", words=("growth",), seconds=220),
    Step(name="growth-postgresql", words=("growth", "--postgresql"), seconds=220),
    Step(name="memory", words=("memory",), seconds=90),
    Step(name="memory-files", words=("memory-files",), seconds=85),
    Step(name="scale", words=("scale",), seconds=190),
)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of one suite."""

    step: Step
    seconds: float
    found: dict[str, Any] | None  #: as in its file; None: it failed
    warnings: list[str]

    def goals(self) -> list[Goal]:
        """Those it measured; nothing of a suite that failed."""
        if self.found is None:
            return []
        return [
            Goal(**{key: value for key, value in each.items() if key not in ("reached", "spread")})
            for each in self.found["goals"]
        ]


def run(console: Console, plan: Sequence[Step] = PLAN) -> list[Outcome]:
    """Everything of the plan, told as it goes."""
    outcomes: list[Outcome] = []
    began = time.perf_counter()
    for number, step in enumerate(plan, 1):
        left = sum(each.seconds for each in plan[number - 1 :])
        console.rule(f"[{number} of {len(plan)}] {step.name}: about {_time(step.seconds)}", align="left")
        console.print(
            f"[dim]{_time(time.perf_counter() - began)} gone{_taken(outcomes)}; about {_time(left)} to go[/]",
            highlight=False,
        )
        outcomes.append(_one(step, console))
    last = quiet.look().complaint()
    if last:
        outcomes[-1].warnings.append(f"at the end: {last}")
    return outcomes


def _taken(outcomes: Sequence[Outcome]) -> str:
    told = ", ".join(f"{each.step.name} {_time(each.seconds)}" for each in outcomes)
    return f" ({told})" if told else ""


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02} min"


def _one(step: Step, console: Console) -> Outcome:
    warnings = []
    if complaint := quiet.look().complaint():
        warnings.append(f"before {step.name}: {complaint}")
        console.print(f"[bold yellow]the machine is not quiet: {complaint}[/]")
    with tempfile.TemporaryDirectory(prefix="lienthong-bench-result-") as folder:
        result = Path(folder) / "result.json"
        clock, began = quiet.Clock.now(), time.perf_counter()
        done = _process([sys.executable, "-m", "bench", "--result", str(result), *step.words])
        seconds = time.perf_counter() - began
        if complaint := quiet.between(clock, quiet.Clock.now()).taken_away():
            warnings.append(f"during {step.name}: {complaint}")
        found = json.loads(result.read_text("utf-8")) if done == 0 and result.exists() else None
    if found is None:
        console.print(f"[bold red]{step.name} failed[/] (exit code {done}); the others go on")
    return Outcome(step=step, seconds=seconds, found=found, warnings=warnings)


def _process(words: Sequence[str]) -> int | None:
    """The exit code; None: it hung and was ended."""
    with subprocess.Popen(words, cwd=report.ROOT, stdin=subprocess.DEVNULL) as process:
        try:
            return process.wait(PATIENCE)
        except BaseException as error:
            process.send_signal(signal.SIGINT)  # a suite then takes its programs with it
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                return None
            raise


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """One table of all goals, what the machine was, and what speaks against the figures."""
    table = Table("suite", "ratio", "goal", "measured", "spread", "", title="All goals", title_justify="left")
    for column in (3, 4):
        table.columns[column].justify = "right"
    for outcome in outcomes:
        if outcome.found is None:
            table.add_row(outcome.step.name, "", "", "", "", "[bold red]failed[/]")
        for goal in outcome.goals():
            table.add_row(
                outcome.step.name,
                goal.key.partition(".")[2],
                report.wanted(goal),
                f"{goal.value:.3g} {goal.unit}",
                "" if goal.spread is None else f"{goal.spread:.0%}",
                report.verdict(goal),
            )
    console.print(table)
    machine = report.machine()
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"load average {machine['load_average']}",
        highlight=False,
    )
    console.print(
        ", ".join(f"{name} {version}" for name, version in report.versions().items()), highlight=False
    )
    for outcome in outcomes:
        for name, value in (outcome.found or {}).get("settings", {}).items():
            if name != "seconds":
                console.print(f"[dim]{outcome.step.name}: {name} {value}[/]", highlight=False)
    for warning in (warning for outcome in outcomes for warning in outcome.warnings):
        console.print(f"[bold yellow]not quiet {warning}[/]", highlight=False)


def save(outcomes: Sequence[Outcome]) -> Path:
    """`DATE-COMMIT-all.json` and `-all.svg`; the JSON's path."""
    at = datetime.now(UTC)
    file = report.RESULTS / f"{at:%Y-%m-%d}-{report.commit()}-all.json"
    content = {
        "suite": "all",
        "at": at.isoformat(timespec="seconds"),
        "commit": report.commit(),
        "machine": report.machine(),
        "versions": report.versions(),
        "settings": {"seconds": round(sum(each.seconds for each in outcomes), 1)},
        "measures": {},  # each suite has a file of its own with them
        "warnings": [warning for outcome in outcomes for warning in outcome.warnings],
        "suites": [
            {
                "name": outcome.step.name,
                "seconds": round(outcome.seconds, 1),
                "failed": outcome.found is None,
                "settings": (outcome.found or {}).get("settings", {}),
                "goals": [
                    asdict(goal) | {"reached": goal.reached, "spread": goal.spread}
                    for goal in outcome.goals()
                ],
            }
            for outcome in outcomes
        ],
    }
    report.RESULTS.mkdir(exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    bars = [(outcome.step.name, goal) for outcome in outcomes for goal in outcome.goals()]
    file.with_suffix(".svg").write_text(figures.goals(bars), "utf-8")
    return file
