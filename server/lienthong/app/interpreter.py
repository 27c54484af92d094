"""How does a program that serves for months treat its interpreter and its memory? A few settings, at the start."""

from __future__ import annotations

import ctypes
import gc
import sys

#: Another thread that wants the interpreter waits so long at most (seconds; Python's own: 0.005). The store's writer
#: asks for it several times per write, and every hop waits for the store.
SWITCH_SECONDS = 0.001
#: New objects until the youngest are looked at (Python's own: 700). A hop makes some thousands that live for
#: milliseconds and are freed without the collector.
YOUNG_OBJECTS = 20_000
#: Pools of memory that all threads share (glibc's own: eight for each core). What a thread frees stays in its pool, so
#: with many pools each keeps room for a large package, and the kernel has to make that room again and again.
ARENAS = 2
_M_ARENA_MAX = -8  # mallopt(3)


def share_memory() -> None:
    """Let threads share `ARENAS` pools; to be called before there are any threads. Only glibc has pools."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def settle() -> None:
    """Keep what was loaded out of every later collection, collect seldom, switch threads quickly."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(SWITCH_SECONDS)
