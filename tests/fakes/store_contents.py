"""The part of the fake store about documents' bytes and external content: see tests/fakes/store.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from lienthong.domain.delivery import DeliveryState
from lienthong.hub.content_port import DocumentContent
from lienthong.hub.rows import DeliveryRow
from tests.fakes.failing import Failing, may_fail


class FakeContents(Failing):
    """The `ContentStore` port."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads: dict[str, bytes] = {}  # by digest; may be tampered with by tests
        self._named: dict[str, tuple[DocumentContent, ...]] = {}  # by document
        self._holders: dict[tuple[str, str], tuple[int, datetime]] = {}  # (digest, agency) -> (size, at)

    @may_fail
    async def payload(self, sha256: str) -> bytes | None:
        return self.payloads.get(sha256)

    async def deliveries(self, document_id: str) -> list[DeliveryRow]:
        raise NotImplementedError  # the whole fake has it

    @may_fail
    async def hold_content(self, agency: str, sha256: str, size: int, at: datetime) -> None:
        self._holders[sha256, agency] = (size, at)

    @may_fail
    async def claim_contents(self, agency: str, digests: Sequence[str], at: datetime) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for document_id, contents in self._named.items():
            for row in await self.deliveries(document_id):
                if row.recipient == agency and row.state in (
                    DeliveryState.CONSIGNED,
                    DeliveryState.HANDED_OVER,
                ):
                    found |= {
                        content.sha256: content.size for content in contents if content.sha256 in digests
                    }
        for sha256 in digests:
            if (sha256, agency) in self._holders:
                size, _ = self._holders[sha256, agency]
                self._holders[sha256, agency] = (size, at)
                found[sha256] = size
        return found

    @may_fail
    async def contents(self, document_id: str) -> list[DocumentContent]:
        return list(self._named.get(document_id, ()))

    def _is_named(self, sha256: str) -> bool:
        return any(content.sha256 == sha256 for contents in self._named.values() for content in contents)

    @may_fail
    async def unnamed_content(self, agency: str) -> int:
        return sum(
            size
            for (sha256, holder), (size, _) in self._holders.items()
            if holder == agency and not self._is_named(sha256)
        )

    @may_fail
    async def forget_contents(self, before: datetime) -> list[str]:
        newest: dict[str, datetime] = {}
        for (sha256, _), (_, at) in self._holders.items():
            newest[sha256] = max(at, newest.get(sha256, at))
        old = [sha256 for sha256, at in newest.items() if at < before and not self._is_named(sha256)]
        self._holders = {key: value for key, value in self._holders.items() if key[0] not in old}
        return old

    @may_fail
    async def content_known(self, sha256: str) -> bool:
        return self._is_named(sha256) or any(digest == sha256 for digest, _ in self._holders)
