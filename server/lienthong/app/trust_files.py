"""Which keys and anchors count just now? Files that operators replace while the programs run."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from lienthong.errors import HubFault, Refusal
from lienthong.hub.knowledge import Trusts
from lienthong.settings import TrustSettings
from lienthong.signing.keys import SigningKey
from lienthong.signing.trust import Revocation, Trust

log = structlog.get_logger(__name__)


class TrustFiles:
    """Anchors and revocation lists, read again when a file changes; a file that cannot be read changes nothing."""

    def __init__(self, settings: TrustSettings) -> None:
        self._settings = settings
        self._seen: tuple[tuple[int, int], ...] = ()
        self._trusts: Trusts | None = None

    def load(self) -> Trusts:
        """The same object while the files are unchanged. Raises `HubFault` when they never could be read."""
        try:
            seen = tuple(self._stamp(path) for path in self._files())
            if self._trusts is None or seen != self._seen:
                self._trusts = Trusts(
                    agencies=self._trust(self._settings.agencies),
                    infrastructure=self._trust(self._settings.infrastructure),
                )
                self._seen = seen
        except (OSError, Refusal) as error:
            if self._trusts is None:
                raise HubFault(f"the trust files cannot be read: {error}") from error
            log.error("trust.not_read", reason=str(error))  # noqa: TRY400 - the text says all
        return self._trusts

    def _files(self) -> Iterable[Path]:
        s = self._settings
        return (*s.agencies, *s.infrastructure, *s.intermediates, *s.crls)

    def _stamp(self, path: Path) -> tuple[int, int]:
        status = path.stat()
        return status.st_mtime_ns, status.st_size

    def _trust(self, anchors: Iterable[Path]) -> Trust:
        return Trust.from_pem(
            anchors=[path.read_bytes() for path in anchors],
            intermediates=[path.read_bytes() for path in self._settings.intermediates],
            crls=[path.read_bytes() for path in self._settings.crls],
            revocation=Revocation[self._settings.revocation.upper()],
        )


SETTLED_NS = (
    2_000_000_000  # a folder that did not change for so long has no change of the same instant to come
)


class NodeKeys:
    """The relay keys in a folder, each read when it is first needed and again when its file changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, tuple[int, SigningKey]] = {}
        self._nodes: tuple[int, frozenset[str]] | None = None  # when the folder changed, what it held

    def nodes(self) -> frozenset[str]:
        """The nodes whose keys this folder holds; read again only when a file came or went."""
        try:
            changed = self._folder.stat().st_mtime_ns
            if self._nodes is not None and self._nodes[0] == changed:
                return self._nodes[1]
            found = frozenset(path.stem for path in self._folder.glob("*.pem"))
        except OSError:
            return frozenset()
        # a file that comes right after this look may leave the folder's time as it is
        self._nodes = (changed, found) if time.time_ns() - changed > SETTLED_NS else None
        return found

    def key(self, node: str) -> SigningKey:
        """The node's key. Raises `HubFault`: without it the hop is tried again later."""
        path = self._path(node)
        try:
            changed = path.stat().st_mtime_ns
            known = self._keys.get(node)
            if known is None or known[0] != changed:
                known = self._keys[node] = (changed, SigningKey.from_pem(path.read_bytes()))
        except (OSError, Refusal) as error:
            raise HubFault(f"no usable relay key for node {node}") from error
        return known[1]

    def _path(self, node: str) -> Path:
        return self._folder / f"{node}.pem"
