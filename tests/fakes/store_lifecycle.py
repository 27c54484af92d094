"""The part of the fake store about closed agencies' deliveries and recipient groups: see tests/fakes/store.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lienthong.domain.agency import Agency
from lienthong.domain.delivery import UNDELIVERED, DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code
from lienthong.hub.directory_port import GroupRow
from lienthong.hub.rows import DeliveryRow, EventRow, EvidenceRow, NewDelivery
from tests.fakes.failing import may_fail
from tests.fakes.store_status import FakeStatusStore


class FakeLifecycle(FakeStatusStore):
    """The `DirectoryLifeStore` port."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[tuple[str, str], GroupRow] = {}

    @may_fail
    async def unfinished_for(self, recipients: Sequence[str], *, limit: int) -> list[DeliveryRow]:
        found = [
            row
            for known in self._documents.values()
            for row in known.deliveries.values()
            if row.recipient in recipients and row.state in UNDELIVERED | {DeliveryState.CONSIGNED}
        ]
        return sorted(found, key=lambda row: (row.recipient, row.document_id))[:limit]

    @may_fail
    async def forward(
        self,
        ended: DeliveryRow,
        successor: NewDelivery,
        *,
        acceptance: bytes,
        failure: EvidenceRow,
        event: EventRow,
    ) -> bool:
        known = self._documents[ended.document_id]
        moved = await self.move(  # type: ignore[attr-defined]
            ended.document_id,
            [ended.recipient],
            DeliveryState.REFUSED,
            event=event,
            error=Code.RECIPIENT_CLOSED,
            error_detail=f"{ended.recipient} → {successor.recipient}",
            evidence=[failure],
            unchanged=[ended],
        )
        if moved and successor.recipient not in known.deliveries:
            known.deliveries[successor.recipient] = DeliveryRow(
                id=successor.id,
                document_id=ended.document_id,
                recipient=successor.recipient,
                state=successor.state,
                error=None,
                error_detail=None,
                status=None,
                updated_at=event.at,
                consigned_at=None,
                handed_over_at=None,
                node=known.row.first_node,
                expires_at=ended.expires_at,
            )
            known.keep(EvidenceKind.SUBMISSION_ACCEPTANCE, successor.recipient, event.at, acceptance)
            known.row = replace(known.row, published_at=None)
        return bool(moved)

    @may_fail
    async def changed_agencies(self, since: int) -> tuple[int, list[Agency]]:
        changed = [a for a in self._directory if self._changed_in.get(a.code, 0) > since]
        return self._agencies_version, sorted(changed, key=lambda agency: agency.code)

    @may_fail
    async def groups(self, owners: Sequence[str]) -> list[GroupRow]:
        return [row for (owner, _), row in sorted(self._groups.items()) if owner in owners]

    @may_fail
    async def put_group(self, group: GroupRow, *, event: EventRow) -> None:
        self._groups[group.owner, group.name] = group
        self._events.append(event)

    @may_fail
    async def delete_group(self, owner: str, name: str, *, event: EventRow) -> bool:
        removed = self._groups.pop((owner, name), None)
        if removed is not None:
            self._events.append(event)
        return removed is not None
