"""Counting instructions with the real valgrind: the measured calls alone, the same number each time."""

from __future__ import annotations

import pytest

from bench.instructions import count

pytestmark = pytest.mark.soak


def test_only_what_is_measured_is_counted() -> None:
    program = "from bench.instructions import counting\n{before}\nwith counting():\n    sum(range(10_000))"
    alone = count(["-c", program.format(before="")]).total
    after_more = count(["-c", program.format(before="sorted(range(300_000))")]).total
    assert abs(after_more - alone) < alone * 0.02
