"""A memory of facts is bounded, forgets the oldest first, and keeps nothing that went wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lienthong.signing.memory import Memory


def _never() -> str:
    raise AssertionError("read again")


def test_the_same_bytes_are_read_once() -> None:
    memory: Memory[str] = Memory(2)
    assert memory.recall("a", 10, lambda: "one") == "one"
    assert memory.recall("a", 10, _never) == "one"
    assert memory.recall("b", 10, lambda: "two") == "two"


def test_the_oldest_goes_first() -> None:
    memory: Memory[str] = Memory(2)
    for name in "abc":
        memory.recall(name, 1, lambda name=name: name)  # type: ignore[misc]
    assert len(memory) == 2
    assert memory.recall("c", 1, _never) == "c"
    with pytest.raises(AssertionError, match="read again"):
        memory.recall("a", 1, _never)


def test_what_is_large_or_fails_is_not_kept() -> None:
    memory: Memory[str] = Memory(2)
    memory.recall("large", 65_537, lambda: "x")
    with pytest.raises(AssertionError):
        memory.recall("failed", 1, _never)
    assert len(memory) == 0


def test_threads_share_it() -> None:
    memory: Memory[int] = Memory(5)

    def work(start: int) -> None:
        for number in range(start, start + 2_000):
            assert memory.recall(str(number % 50), 1, lambda number=number: number % 50) == number % 50  # type: ignore[misc]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(memory) == 5
