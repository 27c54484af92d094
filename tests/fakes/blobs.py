"""Blobs in memory that can fail on demand; held to the same contract suite as the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lienthong.blobs.address import check_content, check_offset, damaged, missing, path_of
from lienthong.domain.ids import sha256_hex
from tests.fakes.failing import Failing, may_fail


class FakeBlobs(Failing):
    """The `Blobs` port on a dictionary. `content` may be tampered with by tests."""

    def __init__(self) -> None:
        super().__init__()
        self.content: dict[str, bytes] = {}

    @may_fail
    async def put(self, sha256: str, data: bytes) -> None:
        check_content(sha256, data)
        self.content[sha256] = data

    @may_fail
    async def get(self, sha256: str) -> bytes:
        data = self._find(sha256)
        if sha256_hex(data) != sha256:
            raise damaged(sha256)
        return data

    def _find(self, sha256: str) -> bytes:
        path_of(sha256)
        if sha256 not in self.content:
            raise missing(sha256)
        return self.content[sha256]

    async def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        if planned := self.failures.get("stream"):
            raise planned.pop(0)[0]
        data = self._find(sha256)
        check_offset(offset, len(data))
        for start in range(offset, len(data), chunk):
            if offset == 0 and start + chunk >= len(data) and sha256_hex(data) != sha256:
                raise damaged(sha256)
            yield data[start : start + chunk]
