"""What the life of the directory needs of the store: closures, what changed since a version, recipient groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lienthong.domain.agency import Agency
from lienthong.hub.rows import DeliveryRow, EventRow, EvidenceRow, NewDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """A named list of recipients."""

    owner: str  #: the agency that keeps it; "" for the operators', which everybody may use
    name: str
    members: tuple[str, ...]  #: codes and group expressions, as `domain.groups` reads them
    updated_at: datetime
    updated_by: str


class DirectoryLifeStore(Protocol):
    """See the module."""

    async def unfinished_for(self, recipients: Sequence[str], *, limit: int) -> list[DeliveryRow]:
        """Deliveries to these agencies that are ACCEPTED, IN_TRANSIT or CONSIGNED, by (recipient, document)."""
        ...

    async def forward(
        self,
        ended: DeliveryRow,
        successor: NewDelivery,
        *,
        acceptance: bytes,
        failure: EvidenceRow,
        event: EventRow,
    ) -> bool:
        """End a delivery as REFUSED and begin one to the successor, in one commit; whether it was still `ended`.

        The failure is kept for the former, the `acceptance` (a SubmissionAcceptance of its own) for the successor;
        the document counts as unpublished again. A delivery the successor has already is left alone.
        """
        ...

    async def changed_agencies(self, since: int) -> tuple[int, list[Agency]]:
        """The version of the agencies, and those added or changed after version `since`, by code."""
        ...

    async def groups(self, owners: Sequence[str]) -> list[GroupRow]:
        """The groups these owners keep, by (owner, name)."""
        ...

    async def put_group(self, group: GroupRow, *, event: EventRow) -> None:
        """Add or replace by (owner, name)."""
        ...

    async def delete_group(self, owner: str, name: str, *, event: EventRow) -> bool:
        """Whether there was one."""
        ...
