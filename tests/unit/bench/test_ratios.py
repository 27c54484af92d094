"""Does a machine that changes its speed in the middle of a run leave the ratios alone?"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.machine import Machine
from bench.measures import Findings
from bench.suites import hops
from bench.suites.accept import per_sign

SPEEDS = (1.0, 0.5, 0.25)


def test_a_round_is_held_against_the_yardsticks_beside_it() -> None:
    assert per_sign([200.0, 100.0], [2000.0, 2000.0, 0.0]) == [0.1, 0.1]
    with pytest.raises(ValueError, match="zip"):
        per_sign([200.0, 100.0], [2000.0, 2000.0])


async def test_ratios_of_hops_are_made_round_by_round(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def measured(machines: list[Machine], findings: Findings, **_: int) -> None:
        for machine in machines:
            findings.add(
                hops.label(machine), "documents/s", [60 * machine.relays * speed for speed in SPEEDS]
            )
            findings.add(hops.label(machine, "bare"), "documents/s", [100 * speed for speed in SPEEDS])

    monkeypatch.setattr(hops, "measure", measured)
    found = Findings()
    one, two = Machine(tmp_path / "1"), Machine(tmp_path / "2", relays=2)
    await hops.suite([one, two], found, rounds=3, number=1)
    goals = {goal.key: goal for goal in found.goals}
    assert goals["hops.per-bare-pipeline"].value == pytest.approx(0.6)
    assert goals["hops.2-relays-per-one"].value == pytest.approx(2.0)
    assert all(goal.spread == pytest.approx(0) for goal in goals.values())
    assert [key for key, goal in goals.items() if not goal.reached] == ["hops.level-with-bare-pipeline"]
