"""Would `make bench-quick` fail if something became three times slower, and pass when nothing did?"""

from __future__ import annotations

import tomllib

import pytest

from bench.measures import Findings
from bench.thresholds import THRESHOLDS, check

BOUNDS = tomllib.loads(THRESHOLDS.read_text("utf-8"))


def findings(*, slower: str | None = None, factor: float = 1.0) -> Findings:
    found = Findings()
    for key, bound in BOUNDS.items():
        by = factor if key == slower else 1.0
        found.goal(key, bound["measured"] / by if "least" in bound else bound["measured"] * by)
    return found


def test_what_was_measured_passes() -> None:
    assert check(findings()) == []


@pytest.mark.parametrize("key", BOUNDS)
def test_three_times_slower_fails(key: str) -> None:
    (broken,) = check(findings(slower=key, factor=3.0))
    assert broken.startswith(key)


def test_what_was_not_measured_fails() -> None:
    assert len(check(Findings())) == len(BOUNDS)
