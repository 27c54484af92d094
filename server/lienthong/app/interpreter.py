"""How does a program that serves for months treat its interpreter? Two settings, once everything is loaded."""

from __future__ import annotations

import gc
import sys

#: Another thread that wants the interpreter waits so long at most (seconds; Python's own: 0.005). The store's writer
#: asks for it several times per write, and every hop waits for the store.
SWITCH_SECONDS = 0.001
#: New objects until the youngest are looked at (Python's own: 700). A hop makes some thousands that live for
#: milliseconds and are freed without the collector.
YOUNG_OBJECTS = 20_000


def settle() -> None:
    """Keep what was loaded out of every later collection, collect seldom, switch threads quickly."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(SWITCH_SECONDS)
