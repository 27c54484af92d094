"""What was read out of the same bytes before? A bounded memory of facts, keyed by SHA-256.

A document passes the relays of several nodes in one process, and each record is looked at by every hop after it.
What the bytes say cannot change; reading it costs as much as verifying it. Only what was read is kept: never that a
signature held, nor that a certificate counted, nor the tree.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final, Generic, TypeVar

T = TypeVar("T")

#: bytes; what is larger is rare and would take the memory of many
_LARGEST: Final = 65_536


class Memory(Generic[T]):
    """At most `entries` values; the oldest goes first. Values must be immutable. Safe among threads."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._known: dict[str, T] = {}
        self._lock = Lock()

    def recall(self, sha256: str, size: int, read: Callable[[], T]) -> T:
        """What `read` said of the bytes with this digest and size; what it raises is not remembered."""
        known = self._known.get(sha256)
        if known is None:
            known = read()
            if size <= _LARGEST:
                self._keep(sha256, known)
        return known

    def _keep(self, sha256: str, value: T) -> None:
        with self._lock:
            self._known[sha256] = value
            if len(self._known) > self._entries:
                del self._known[next(iter(self._known))]

    def __len__(self) -> int:
        """How many values are remembered."""
        return len(self._known)
