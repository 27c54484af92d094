"""The interpreter of a program that serves: what was loaded is left alone, cycles are still collected."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from lienthong.app.interpreter import SWITCH_SECONDS, YOUNG_OBJECTS, settle


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


class _Ring:
    def __init__(self) -> None:
        self.me = self


def test_cycles_made_while_serving_are_still_collected() -> None:
    settle()
    assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_threshold()[0] == YOUNG_OBJECTS
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    gone = weakref.ref(_Ring())
    kept = [_Ring() for _ in range(2 * YOUNG_OBJECTS)]
    assert gone() is None
    assert len(kept) == 2 * YOUNG_OBJECTS
