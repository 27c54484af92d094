"""Does `make bench` go on when a suite fails, say so, and show every goal of the others?"""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from bench import figures, overview, quiet, report
from bench.measures import Findings, Goal
from bench.overview import PLAN, Outcome, Step
from bench.quiet import Clock, Look

QUIET = Look(busy=0.01, stolen=0.0, load=0.2)
GOAL = {"key": "hops.x", "value": 0.5, "unit": "x", "least": 0.6, "most": None, "rounds": [0.4, 0.5, 0.6]}


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=120)


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture
def suites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suites that end at once: `broken` fails, others measured one goal."""

    def ended(words: list[str]) -> int:
        if "broken" in words:
            return 3
        Path(words[words.index("--result") + 1]).write_text(
            json.dumps({"goals": [GOAL | {"reached": False, "spread": 0.4}], "settings": {"relays": 2}})
        )
        return 0

    monkeypatch.setattr(overview, "_process", ended)
    monkeypatch.setattr(quiet, "look", lambda: QUIET)


def steps(*names: str) -> list[Step]:
    return [Step(name=name, words=(name,), seconds=60) for name in names]


def test_the_others_go_on_when_a_suite_fails(suites: None, console: Console) -> None:
    outcomes = overview.run(console, steps("first", "broken", "last"))
    assert [outcome.found is None for outcome in outcomes] == [False, True, False]
    assert "broken failed" in said(console)
    assert "[3 of 3] last" in said(console)


def test_one_table_shows_every_goal_and_who_failed(suites: None, console: Console) -> None:
    overview.show(overview.run(console, steps("first", "broken")), console)
    table = said(console)[said(console).index("All goals") :]
    for told in ("≥ 0.6", "0.5 x", "40%", "missed", "failed", "first: relays 2"):
        assert told in table


def test_a_busy_machine_is_told_of_at_its_suite_and_at_the_end(
    suites: None, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet, "look", lambda: Look(busy=0.6, stolen=0.0, load=1.9))
    outcomes = overview.run(console, steps("first"))
    assert "not quiet" in said(console)
    assert outcomes[0].warnings == [
        "before first: others use 60% of the machine (load average 1.9)",
        "at the end: others use 60% of the machine (load average 1.9)",
    ]


def test_what_the_host_takes_away_is_seen() -> None:
    seen = quiet.between(Clock(idle=10, stolen=0, whole=20), Clock(idle=12, stolen=2, whole=30))
    assert seen.busy == pytest.approx(0.6)
    assert seen.stolen == pytest.approx(0.2)
    assert seen.taken_away() == "the host took away 20% of the time"
    assert QUIET.complaint() is None


def test_the_overview_is_written_with_its_picture(
    suites: None, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    file = overview.save(overview.run(console, steps("first", "broken")))
    written = json.loads(file.read_text("utf-8"))
    assert [(each["name"], each["failed"]) for each in written["suites"]] == [
        ("first", False),
        ("broken", True),
    ]
    assert written["suites"][0]["goals"][0]["reached"] is False
    assert "first: x" in "".join(ElementTree.fromstring(file.with_suffix(".svg").read_text()).itertext())


def test_every_suite_of_the_plan_is_a_command() -> None:
    from typer.main import get_command

    from bench.__main__ import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {step.words[0] for step in PLAN} <= commands
    assert sum(step.seconds for step in PLAN) < 30 * 60
    assert all(step.seconds < 600 for step in PLAN)


@pytest.mark.parametrize(
    ("goal", "share"),
    [
        (Goal(key="a.b", value=0.3, unit="x", least=0.6), 0.5),
        (Goal(key="a.b", value=3.0, unit="x", most=1.5), 0.5),
        (Goal(key="a.b", value=-2.0, unit="MiB", most=32), figures.MOST),
        (Goal(key="a.b", value=3.0, unit="x"), None),
    ],
)
def test_a_bar_is_as_long_as_its_goal_is_reached(goal: Goal, share: float | None) -> None:
    assert figures.relative(goal) == share


def test_a_goal_of_rounds_is_their_median_and_knows_its_spread() -> None:
    found = Findings()
    found.goal("a.b", rounds=[1.0, 2.0, 1.5], least=1.0)
    (goal,) = found.goals
    assert (goal.value, goal.reached) == (1.5, True)
    assert goal.spread == pytest.approx(2 / 3)


def test_outcome_reads_goals_back() -> None:
    outcome = Outcome(
        step=steps("x")[0], seconds=1, found={"goals": [GOAL | {"reached": False}]}, warnings=[]
    )
    assert outcome.goals()[0].spread == pytest.approx(0.4)
