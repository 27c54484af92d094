"""How content is addressed: the key is the SHA-256 of the bytes, fanned out over folders ``ab/cd/abcd…``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator

from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, HubFault, Refusal

_SHA256 = re.compile(r"[0-9a-f]{64}")


def path_of(sha256: str) -> str:
    """Relative path of a blob. Anything but 64 lower-case hex digits is NOT_FOUND: no name can leave the folder."""
    if not _SHA256.fullmatch(sha256):
        raise missing(sha256)
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def check_content(sha256: str, data: bytes) -> str:
    """The path to keep `data` under; raises `HubFault` when its digest is another."""
    if sha256_hex(data) != sha256:
        raise HubFault(f"blob {sha256}: the bytes to keep have another digest")
    return path_of(sha256)


def check_offset(offset: int, size: int) -> None:
    """Raise `Refusal` ARGUMENT_INVALID unless `offset` lies within `size` bytes (its end included)."""
    if not 0 <= offset <= size:
        raise Refusal(Code.ARGUMENT_INVALID, field="offset", detail=f"0 to {size}")


def missing(sha256: str) -> Refusal:
    """There is no such blob."""
    return Refusal(Code.NOT_FOUND, field="sha256", detail=sha256[:64])


def damaged(sha256: str) -> HubFault:
    """The bytes kept under this key are not those that were put there."""
    return HubFault(f"blob {sha256} is damaged: its content has another digest")


async def checked(sha256: str, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Pass a whole blob's pieces on; the last one only when the digest of all is right."""
    digest = hashlib.sha256()
    held: bytes | None = None
    async for piece in pieces:
        if held is not None:
            yield held
        digest.update(piece)
        held = piece
    if digest.hexdigest() != sha256:
        raise damaged(sha256)
    if held is not None:
        yield held
