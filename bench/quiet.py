"""Is the machine ours alone? What others take of it while nothing of ours runs, and what the host takes away."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import NamedTuple

import psutil

LOOK_SECONDS = 2.0
MOST_BUSY = 0.10  # of all cores, before and after a suite, when nothing of ours runs
MOST_STOLEN = 0.03  # of all cores' time, during a suite


class Clock(NamedTuple):
    """Seconds of all cores since the start of the machine."""

    idle: float
    stolen: float
    whole: float

    @classmethod
    def now(cls) -> Clock:
        """As the kernel counts."""
        times = psutil.cpu_times()
        idle, stolen = times.idle + getattr(times, "iowait", 0.0), getattr(times, "steal", 0.0)
        return cls(idle, stolen, times.user + times.nice + times.system + idle + stolen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen of the machine over some seconds."""

    busy: float  #: share of all cores' time that somebody used
    stolen: float  #: share that the host gave to others
    load: float  #: average of a minute, our own work before included

    def complaint(self) -> str | None:
        """What speaks against measuring now, when nothing of ours runs; None: the machine is quiet."""
        if self.busy > MOST_BUSY:
            return f"others use {self.busy:.0%} of the machine (load average {self.load:.1f})"
        return self.taken_away()

    def taken_away(self) -> str | None:
        """What speaks against what was measured meanwhile."""
        return f"the host took away {self.stolen:.0%} of the time" if self.stolen > MOST_STOLEN else None


def look(seconds: float = LOOK_SECONDS) -> Look:
    """Watch the machine for so long, doing nothing."""
    before = Clock.now()
    time.sleep(seconds)
    return between(before, Clock.now())


def between(before: Clock, after: Clock) -> Look:
    """What happened between two moments."""
    whole = max(1e-9, after.whole - before.whole)
    stolen = (after.stolen - before.stolen) / whole
    busy = 1 - (after.idle - before.idle) / whole - stolen
    return Look(busy=max(0.0, busy), stolen=stolen, load=os.getloadavg()[0])
