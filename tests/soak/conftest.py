"""A machine of four tiers whose patience is short, and the mark that keeps all of this out of ordinary runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.machine import ROOT, Machine
from tests.soak.load import IMPATIENT, SEED


def pytest_report_header() -> str:
    """How to repeat this run's chance."""
    return f"soak: SOAK_SEED={SEED}"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    for name, value in IMPATIENT.items():
        monkeypatch.setenv(name, value)
    made = Machine(tmp_path / "state", ROOT / "directory" / "four-tier-sample.yaml")
    made.start()
    yield made
    made.stop()
