"""The interpreter of a program that serves: what was loaded is left alone, cycles are still collected."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from lienthong.app.interpreter import ARENAS, SWITCH_SECONDS, YOUNG_OBJECTS, settle


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


POOLS = """
import ctypes, platform, sys, threading
from lienthong.app.interpreter import share_memory
share_memory()
together = threading.Barrier(20)
def work():
    together.wait()
    bytearray(50_000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
if platform.libc_ver()[0] == "glibc":
    libc = ctypes.CDLL(None)
    libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
    libc.fflush(None)
"""


def test_many_threads_share_few_pools_of_memory() -> None:
    """In a process of its own: what is set here holds for good."""
    ran = subprocess.run([sys.executable, "-c", POOLS], capture_output=True, text=True, check=True)
    assert ran.stdout.count("<heap ") <= ARENAS
