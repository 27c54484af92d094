"""What does a run leave behind? A table on the terminal, a JSON file and plots in bench/results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.measures import Findings, Goal

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
LIBRARIES = ("grpcio", "protobuf", "lxml", "signxml", "cryptography", "aio-pika", "sqlalchemy")


def show(findings: Findings, console: Console) -> None:
    """The measures and the goals."""
    measures = Table("measure", "median", "unit", "rounds", "spread", title="Measured", title_justify="left")
    for column in (1, 3, 4):
        measures.columns[column].justify = "right"
    for measure in findings.measures.values():
        spread = f"{measure.spread:.0%}" if len(measure.rounds) > 1 else ""
        measures.add_row(
            measure.name, f"{measure.median:,.2f}", measure.unit, str(len(measure.rounds)), spread
        )
    goals = Table(
        "goal", "value", "spread", "wanted", "", title="Held against the yardsticks", title_justify="left"
    )
    for column in (1, 2):
        goals.columns[column].justify = "right"
    for goal in findings.goals:
        apart = "" if goal.spread is None else f"{goal.spread:.0%}"
        goals.add_row(goal.key, f"{goal.value:.3g} {goal.unit}", apart, wanted(goal), verdict(goal))
    console.print(measures)
    if findings.goals:
        console.print(goals)
    for note in findings.notes:
        console.print(f"[dim]{note}[/]")


def verdict(goal: Goal) -> str:
    """`reached` or `missed`, in colour; empty for what is only told."""
    return "" if wanted(goal) == "" else "[green]reached[/]" if goal.reached else "[yellow]missed[/]"


def wanted(goal: Goal) -> str:
    """`≥ 0.6` or `≤ 2`; empty for what is only told."""
    if goal.least is not None:
        return f"≥ {goal.least:g}"
    return f"≤ {goal.most:g}" if goal.most is not None else ""


def save(findings: Findings, name: str) -> Path:
    """Write JSON and plots; the JSON's path."""
    RESULTS.mkdir(exist_ok=True)
    at = datetime.now(UTC)
    path = RESULTS / f"{at:%Y-%m-%d}-{commit()}"
    file = path.with_name(f"{path.name}-{name}.json")
    content: dict[str, Any] = {
        "suite": name,
        "at": at.isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "settings": findings.settings,
        "measures": {
            each.name: {"unit": each.unit, "median": round(each.median, 4), "rounds": _short(each.rounds)}
            for each in findings.measures.values()
        },
        "goals": [asdict(goal) | {"reached": goal.reached, "spread": goal.spread} for goal in findings.goals],
        "notes": findings.notes,
        "samples": {name: _short(values) for name, values in findings.samples.items()},
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    from bench.plots import draw  # not above: pygal changes how modules are found, of tests too

    draw(findings, file.with_suffix(""))
    return file


def _short(values: Any) -> list[float]:  # noqa: ANN401
    return [round(value, 3) for value in values]


def commit() -> str:
    """Short hash of the tree's commit, with `+` when files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def versions() -> dict[str, str]:
    """Of Python, the libraries and the programs that matter."""
    found = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    done = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=False)
    return found | {"openssl": done.stdout.strip()}
