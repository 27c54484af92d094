"""Which of a run's ratios broke the bounds of thresholds.toml?"""

from __future__ import annotations

import tomllib
from pathlib import Path

from bench.measures import Findings

THRESHOLDS = Path(__file__).with_name("thresholds.toml")


def check(findings: Findings) -> list[str]:
    """What of thresholds.toml is broken; a threshold nothing was measured for is broken too."""
    values = {goal.key: goal.value for goal in findings.goals}
    broken = []
    for key, bounds in tomllib.loads(THRESHOLDS.read_text("utf-8")).items():
        value = values.get(key)
        if value is None:
            broken.append(f"{key} was not measured")
        elif value < bounds.get("least", value):
            broken.append(f"{key} is {value:.3g}, less than {bounds['least']:g}")
        elif value > bounds.get("most", value):
            broken.append(f"{key} is {value:.3g}, more than {bounds['most']:g}")
    return broken
