"""What was measured, in how many rounds, and is it as good as wanted?"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One quantity over the rounds of a run."""

    name: str
    unit: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds: one disturbed round does not move it."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median: how far the rounds lie apart."""
        return spread(self.rounds)


def spread(rounds: Sequence[float]) -> float:
    """(largest - smallest) / median."""
    middle = statistics.median(rounds)
    return (max(rounds) - min(rounds)) / middle if middle else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A ratio of two measures of the same run, or a size, and where it should lie."""

    key: str  #: as in thresholds.toml: suite.name
    value: float
    unit: str  #: "x" for ratios
    least: float | None = None
    most: float | None = None
    rounds: tuple[float, ...] = ()  #: the same ratio round by round, where both sides took turns

    @property
    def spread(self) -> float | None:
        """(largest - smallest) / median of the rounds; None where there is one."""
        return spread(self.rounds) if len(self.rounds) > 1 else None

    @property
    def reached(self) -> bool:
        """Whether the value lies where it should."""
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )


@dataclass(slots=True)
class Findings:
    """Everything one run found out."""

    settings: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=dict)  #: for the plots: milliseconds, MiB …
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, unit: str, rounds: Sequence[float]) -> Measure:
        """Keep a measure."""
        self.measures[name] = Measure(name=name, unit=unit, rounds=tuple(rounds))
        return self.measures[name]

    def goal(
        self,
        key: str,
        value: float | None = None,
        *,
        rounds: Sequence[float] = (),
        unit: str = "x",
        least: float | None = None,
        most: float | None = None,
    ) -> None:
        """Keep what is held against a goal; without bounds it is only told. Without a value: the rounds' median."""
        of = statistics.median(rounds) if value is None else value
        self.goals.append(Goal(key=key, value=of, unit=unit, least=least, most=most, rounds=tuple(rounds)))

    def median(self, name: str) -> float:
        """Of a measure that was kept."""
        return self.measures[name].median


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Watcher:
    """Samples memory of processes in a thread; counts the processor time they used meanwhile.

    `with Watcher({"hub": pid}) as seen: …` and then `seen.peak["hub"]` (MiB) and `seen.used["hub"]` (seconds).
    """

    def __init__(self, pids: Mapping[str, int], *, every: float = 0.1) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._every = every
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._before: dict[str, float] = {}
        self.peak: dict[str, float] = dict.fromkeys(pids, 0.0)
        self.used: dict[str, float] = {}
        self.seconds = 0.0
        self.series: dict[str, list[float]] = {name: [] for name in pids}

    def __enter__(self) -> Watcher:
        self._before = {name: spent(process) for name, process in self._processes.items()}
        self.seconds = -time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter()
        self._ending.set()
        self._thread.join()
        self.used = {name: spent(process) - self._before[name] for name, process in self._processes.items()}

    def _run(self) -> None:
        while True:
            for name, process in self._processes.items():
                size = process.memory_info().rss / MIB
                self.series[name].append(size)
                self.peak[name] = max(self.peak[name], size)
            if self._ending.wait(self._every):
                return


def spent(process: psutil.Process) -> float:
    """Processor seconds of a process so far."""
    times = process.cpu_times()
    return times.user + times.system
