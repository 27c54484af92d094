"""What the hub needs to keep files that travel beside their package: the bytes, and who may name or read them.

External content is known by the SHA-256 of its bytes and kept once, whoever sent it. Knowing a digest is not having
the bytes: an agency may name content only after it sent all of it itself (a holder), or received it in a document.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentContent:
    """External content as one accepted document names it."""

    content_id: str
    name: str
    sha256: str
    size: int  #: bytes
    media_type: str


class ContentStore(Protocol):
    """Who has which content, and which document names it."""

    async def hold_content(self, agency: str, sha256: str, size: int, at: datetime) -> None:
        """Note that the agency sent all these bytes; again: only the time changes."""
        ...

    async def claim_contents(self, agency: str, digests: Sequence[str], at: datetime) -> Mapping[str, int]:
        """Sizes of those the agency may name, as a holder (whose time is renewed) or as a recipient who has it."""
        ...

    async def contents(self, document_id: str) -> list[DocumentContent]:
        """What the document names, in the order of its manifest. Written by `accept`."""
        ...

    async def unnamed_content(self, agency: str) -> int:
        """Bytes the agency holds that no document names."""
        ...

    async def forget_contents(self, before: datetime) -> list[str]:
        """Drop holders since before `before` of content no document names and nobody holds since; its digests."""
        ...

    async def content_known(self, sha256: str) -> bool:
        """Whether anybody holds it or a document names it."""
        ...


class Contents(Protocol):
    """The bytes. An upload on its way is known by its owner and the digest it is to have."""

    async def size(self, sha256: str) -> int | None:
        """Bytes of finished content; None when it is not there."""
        ...

    def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """From `offset` in pieces of at most `chunk` bytes; `Refusal` NOT_FOUND."""
        ...

    async def delete(self, sha256: str) -> None:
        """Take finished content away; nothing happens when it is not there."""
        ...

    async def uploaded(self, owner: str, sha256: str) -> int:
        """Bytes of an unfinished upload that need not come again."""
        ...

    async def append(self, owner: str, sha256: str, offset: int, pieces: AsyncIterable[bytes]) -> int:
        """Add to an upload at its end and return its new length; memory does not grow with it.

        What came before `pieces` raises or is cancelled stays, so that the upload can go on there.
        `Refusal` ARGUMENT_INVALID when `offset` is not the end, UNAVAILABLE while another connection adds to it.
        """
        ...

    async def finish(self, owner: str, sha256: str) -> int:
        """Make the upload content, durably, and return its size.

        `Refusal` ARGUMENT_INVALID when its digest is another (the upload is dropped), NOT_FOUND when there is none.
        """
        ...

    async def unfinished(self, owner: str) -> int:
        """Bytes of all unfinished uploads of an owner."""
        ...

    async def collect(self, before: datetime) -> int:
        """Drop uploads nobody has added to since `before`; how many."""
        ...
