"""A bench per test."""

from __future__ import annotations

import pytest

from tests.unit.hub.bench import Bench


@pytest.fixture
async def bench() -> Bench:
    """The hub application on fakes."""
    return await Bench.open()
