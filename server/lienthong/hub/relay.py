"""One node's hop: take a transit message, prove it, record it, pass it on.

What happens to a message, and why nothing is lost or doubled:

 1. read the message; take the document's bytes from it, or from where the hub keeps them.
 2. verify the sender's signature over those bytes, in full, as if nobody had before.
 3. verify the transit record: the newest record's signature and every link; at a recipient's own node every
    signature. The message's id and recipients must be exactly what the newest record says.
 4. a node the document has already passed refuses it (loop guard).
 5. plan from the verified document and the directory; sign the hop record; where the node is a recipient, sign
    the ContentConsignment.
 6. record the hop: one commit, once per (document, node, record before). After a crash or a second copy the first
    record stands and is used again, so the chain that leaves this node is always the same. Only when the directory
    has changed in between is another record made, beside the first: a copy sent on the first may still arrive.
    The same commit says whose deliveries were withdrawn or ended otherwise meanwhile: then nothing is recorded, and
    the hop is proved and planned anew without them; their copies stop here.
 7. publish one copy to each next node and wait for the confirms. Only then the message is acknowledged. Where the
    copies together would carry more than the inline limit, they name the document by its digest instead.

A refusal that time can cure (revocation list missing) and every fault of ours (store, blobs, broker) is retried
through the delay queues and ends, after the last, as a dead letter. Any other refusal puts the exact message into
quarantine and the deliveries behind it into QUARANTINED, where the sender sees them and an operator acts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import structlog

from lienthong.domain.deadline import Deadlines
from lienthong.domain.delivery import FINAL, DeliveryState
from lienthong.domain.document import PackageKind
from lienthong.domain.evidence import Branch, ContentConsignment, HopRecord, Verdict
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.edxml.bounds import Limits
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.dispatch import DEFAULT_INLINE_LIMIT
from lienthong.hub.gate import Gate
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Broker, Clock, Outcome, Retry, Store, TransitDelivery
from lienthong.hub.recent import Recent
from lienthong.hub.rows import Consignment, EventRow, HeldKind, HeldRow, HopRow, Recorded
from lienthong.hub.turns import Turns
from lienthong.hub.verification import Verification
from lienthong.routing.plan import Plan, plan
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.signing.verify import VerifiedDocument
from lienthong.transit import records
from lienthong.transit.chain import verify_chain
from lienthong.transit.message import TransitMessage, decode

if TYPE_CHECKING:
    from lienthong.hub.knowledge import Snapshot

log = structlog.get_logger(__name__)

T = TypeVar("T")

_DEFAULT = Limits()

#: states in which a copy passed on again would be of no use
_ARRIVED = FINAL | {DeliveryState.CONSIGNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hop:
    """Everything one hop has proved and planned, before it is recorded."""

    message: TransitMessage
    document: VerifiedDocument
    recipients: tuple[str, ...]  # of this branch, without those whose delivery was stopped
    plan: Plan
    row: HopRow
    consignment: Consignment | None


class Relay:
    """Does the hops of the nodes whose keys it is given. One relay can serve many nodes."""

    def __init__(
        self,
        *,
        store: Store,
        payloads: Payloads,
        broker: Broker,
        verification: Verification,
        keys: Callable[[str], SigningKey],
        clock: Clock,
        inline_limit: int = DEFAULT_INLINE_LIMIT,
        deadlines: Deadlines | None = None,
        max_package: int = _DEFAULT.max_bytes,
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._broker = broker
        self._verification = verification
        self._keys = keys
        self._clock = clock
        self._inline_limit = inline_limit
        self._deadlines = deadlines or Deadlines()
        self._turns = Turns()
        self._recent = Recent(self._small)
        self.gate = Gate(max_package)

    def prepare(self) -> None:
        """Load what is loaded when first asked for, the calendar's holidays, before any document waits for it."""
        self._deadlines.receipt_due(self._clock())

    async def handle(self, delivery: TransitDelivery) -> Outcome | Retry:
        """The broker's handler: never raises, never drops."""
        try:
            await self._pass_on(delivery)
        except Refusal as refusal:
            if refusal.retryable:
                return self._retry(delivery, str(refusal))
            try:
                await self._quarantine(delivery, refusal)
            except (HubFault, Refusal) as fault:
                return self._retry(delivery, str(fault))
        except HubFault as fault:
            return self._retry(delivery, str(fault))
        return Outcome.DONE

    def _retry(self, delivery: TransitDelivery, reason: str) -> Retry:
        log.warning("hop.retry", node=delivery.node, attempt=delivery.attempt, reason=reason)
        return Retry(reason)

    async def _pass_on(self, delivery: TransitDelivery) -> None:
        message = decode(delivery.body)  # (1)
        data = message.document
        if data is None:
            data = await self._recent.get(message.blob or "")
        async with self.gate.hold(len(data) if data is not None else await self._size(message)):
            data = data if data is not None else await self._payload(message.blob or "")
            await self._do_hop(delivery, message, data)

    async def _small(self, sha256: str) -> bytes | None:
        """A document that may be kept in memory for the next hop, or None. By its digest: nothing is proved yet."""
        row = await self._store.document(sha256)
        return None if row is None or row.size > DEFAULT_INLINE_LIMIT else await self._payload(sha256)

    async def _payload(self, sha256: str) -> bytes:
        try:
            return await self._payloads.get(sha256)
        except Refusal as refusal:  # shared storage that lags behind: time can cure it
            raise HubFault(f"the bytes of document {sha256} are not here") from refusal

    async def _size(self, message: TransitMessage) -> int:
        """Of the document, before its bytes are in memory. By its digest: what else a message says is unproven yet."""
        row = await self._store.document(message.blob or "")
        return _DEFAULT.max_bytes if row is None else row.size

    async def _do_hop(self, delivery: TransitDelivery, message: TransitMessage, data: bytes) -> None:
        stopped: set[str] = set()
        while True:
            hop = await self._proved(delivery, message, data, stopped)  # (2) to (5)
            await self._turns.together(delivery.lane)
            recorded = await self._record(hop)  # (6)
            if recorded.hop is not None:
                break
            stopped.update(recorded.stopped)
            if stopped.issuperset(message.recipients):
                break
        if stopped:
            await self._note_stopped(delivery.node, message.document_id, sorted(stopped))
        if recorded.hop is None:
            return
        repeated = recorded.hop.digest != hop.row.digest
        await self._publish(hop, recorded.hop, repeated=repeated, delivery=delivery)  # (7)
        if hop.consignment is not None:
            await self._tell(hop, recorded.waiting)
        elif hop.row.sequence == 1 and not repeated:  # ACCEPTED -> IN_TRANSIT
            await self._wake(hop.row.document_id, hop.document.sender)

    async def _proved(
        self, delivery: TransitDelivery, message: TransitMessage, data: bytes, stopped: Collection[str]
    ) -> _Hop:
        """The hop without `stopped`, on the newest knowledge; all of it is verified whenever it is asked for."""

        def prove(now: Snapshot) -> _Hop:
            document = self._verification.check_package(data, now)  # (2)
            return self._prove(delivery.node, message, document, stopped, now)  # (3) to (5)

        async def in_turn(work: Callable[[], T]) -> T:
            return await self._turns.run(delivery.lane, max(len(delivery.body), len(data)), work)

        hop, _ = await self._verification.run(prove, by=in_turn)
        return hop

    async def _note_stopped(self, node: str, document_id: str, stopped: list[str]) -> None:
        """Withdrawn or ended otherwise on the way: their copies end here. Noted once."""
        detail = {"recipients": stopped}
        for event in await self._store.events(document_id=document_id, limit=10_000):
            if (event.kind, event.actor, event.detail) == ("hop.stopped", node, detail):
                return
        event = EventRow(
            at=self._clock(),
            actor=node,
            kind="hop.stopped",
            document_id=document_id,
            subject=node,
            detail=detail,
        )
        await self._store.append(event)

    def _prove(
        self,
        node: str,
        message: TransitMessage,
        document: VerifiedDocument,
        stopped: Collection[str],
        now: Snapshot,
    ) -> _Hop:
        """The hop of everybody who may still get the document."""
        at = self._clock()
        chain = verify_chain(
            message.acceptance,
            message.hop_records,
            document_sha256=document.sha256,
            trust=now.trusts.infrastructure,
            at=at,
            every_signature=node in message.recipients,
        )
        if any(hop.node == node for hop in chain.hops):
            raise Refusal(Code.CHAIN_BROKEN, field="transit record", detail=f"loop: {node} was passed before")
        branch = chain.branch_for(node)
        if message.recipients != branch.recipients:
            raise Refusal(Code.RECIPIENTS_ALTERED, field="recipients", detail=_difference(message, branch))
        if (message.document_id, document.sender) != (chain.acceptance.document_id, chain.acceptance.sender):
            raise Refusal(Code.CHAIN_BROKEN, field="document_id", detail="not the one the hub accepted")
        going = tuple(code for code in branch.recipients if code not in stopped)
        planned = plan(
            document,
            node=node,
            recipients=going,
            directory=now.directory,
            passed={hop.node for hop in chain.hops},
        )
        record = HopRecord(
            document_id=message.document_id,
            document_sha256=document.sha256,
            node=node,
            sequence=len(chain.hops) + 1,
            received_at=at,
            verdict=Verdict.PASSED,
            signer_sha256=document.signer.sha256,
            next=planned.next,
            delivered=planned.deliver_here,
            previous_digest=chain.last_digest,
        )
        return self._signed(message, document, going, planned, record)

    def _signed(
        self,
        message: TransitMessage,
        document: VerifiedDocument,
        going: tuple[str, ...],
        planned: Plan,
        record: HopRecord,
    ) -> _Hop:
        key = self._keys(planned.node)
        at = record.received_at
        xml = sign_record(records.write(record), key, at=at)
        row = HopRow(
            document_id=record.document_id,
            node=record.node,
            sequence=record.sequence,
            received_at=at,
            verdict=record.verdict,
            record=xml,
            digest=sha256_hex(xml),
            previous_digest=record.previous_digest,
        )
        consignment = None
        if planned.deliver_here:
            consigned = ContentConsignment(
                document_id=record.document_id,
                document_sha256=record.document_sha256,
                recipient=planned.node,
                consigned_at=at,
                hop_digest=row.digest,
            )
            evidence = sign_record(records.write(consigned), key, at=at)
            duty = document.package.kind is PackageKind.DOCUMENT  # nobody has to receive a status
            consignment = Consignment(
                recipient=planned.node,
                evidence=evidence,
                at=at,
                receipt_due_at=self._deadlines.receipt_due(at) if duty else None,
            )
        return _Hop(
            message=message,
            document=document,
            recipients=going,
            plan=planned,
            row=row,
            consignment=consignment,
        )

    async def _record(self, hop: _Hop) -> Recorded:
        try:
            recorded = await self._store.record_hop(
                hop.row, recipients=hop.recipients, consignment=hop.consignment
            )
        except Refusal as refusal:
            if refusal.code is Code.NOT_FOUND:  # signed by our hub, yet not in the store: ours to mend
                raise HubFault(f"document {hop.row.document_id} is not in the store") from refusal
            raise
        stored = recorded.hop
        if stored is None or stored.digest == hop.row.digest or _covers(_read_hop(stored.record), hop.plan):
            return recorded
        return replace(
            recorded, hop=await self._store.replace_hop(hop.row)
        )  # another way: the directory changed

    async def _publish(self, hop: _Hop, stored: HopRow, *, repeated: bool, delivery: TransitDelivery) -> None:
        branches: Sequence[Branch] = _read_hop(stored.record).next if repeated else hop.plan.next
        if repeated or delivery.redelivered:
            branches = await self._still_needed(stored.document_id, branches)
        outgoing = replace(hop.message, hop_records=(*hop.message.hop_records, stored.record))
        if len(outgoing.document or b"") * len(branches) > self._inline_limit:
            outgoing = replace(outgoing, document=None, blob=hop.document.sha256)  # see `recent.py`
        lane = hop.document.package.lane
        bodies = [(b.node, replace(outgoing, recipients=b.recipients).encode()) for b in branches]
        await asyncio.gather(*(self._broker.publish(node, lane, body) for node, body in bodies))

    async def _still_needed(self, document_id: str, branches: Sequence[Branch]) -> list[Branch]:
        arrived = {
            row.recipient for row in await self._store.deliveries(document_id) if row.state in _ARRIVED
        }
        return [branch for branch in branches if not arrived.issuperset(branch.recipients)]

    async def _tell(self, hop: _Hop, delivery_id: str | None) -> None:
        """Who watches the inbox looks at the store; nobody when the document is there no more."""
        if delivery_id is not None:
            await self._broker.notify(
                {
                    "kind": "consigned",
                    "sender": hop.document.sender,
                    "recipient": hop.plan.node,
                    "delivery_id": delivery_id,
                    "document_id": hop.row.document_id,
                }
            )

    async def _quarantine(self, delivery: TransitDelivery, refusal: Refusal) -> None:
        document_id, recipients = await self._concerned(delivery)
        held = HeldRow(
            id=new_id(),
            kind=HeldKind.QUARANTINE,
            at=self._clock(),
            node=delivery.node,
            lane=delivery.lane,
            document_id=document_id,
            code=refusal.code,
            detail=f"{refusal.field}: {refusal.detail}" if refusal.field else refusal.detail,
            message=delivery.body,
        )
        log.error("hop.quarantined", node=delivery.node, document_id=document_id, code=refusal.code.value)
        await self._store.hold(held, recipients=recipients)
        document = None if document_id is None else await self._store.document(document_id)
        if document is not None:
            await self._wake(document.id, document.sender)

    async def _wake(self, document_id: str, sender: str) -> None:
        """The sender's watchers look at the store: something of its document changed."""
        await self._broker.notify({"kind": "changed", "document_id": document_id, "sender": sender})

    async def _concerned(self, delivery: TransitDelivery) -> tuple[str | None, list[str]]:
        """Which stored document a bad message claims to carry, and which deliveries wait for it at this node.

        Nothing in a bad message is believed: the recipients are those that stored records hand to this node.
        """
        for document_id in _claimed_ids(delivery.body):
            document = await self._store.document(document_id)
            if document is not None and document.id == document_id:
                handed = {
                    recipient
                    for row in await self._store.hops(document_id)
                    for branch in _read_hop(row.record).next
                    if branch.node == delivery.node
                    for recipient in branch.recipients
                }
                waiting = [
                    row.recipient
                    for row in await self._store.deliveries(document_id)
                    if row.state not in _ARRIVED
                    and (delivery.node == document.first_node or row.recipient in handed)
                ]
                return document_id, waiting
        return None, []


def _claimed_ids(body: bytes) -> list[str]:
    """The document ids a message that cannot be trusted names: its own, and its acceptance's."""
    try:
        message = decode(body)
    except Refusal:
        return []
    claimed = [message.document_id]
    try:
        record = records.read_bytes(message.acceptance)
    except Refusal:
        return claimed
    return [*claimed, record.document_id]


def _read_hop(record: bytes) -> HopRecord:
    hop = records.read_bytes(record)
    if not isinstance(hop, HopRecord):
        raise HubFault("a stored hop record cannot be read")
    return hop


def _covers(earlier: HopRecord, planned: Plan) -> bool:
    """Whether the earlier record hands each recipient to the node that would be next today."""
    handed = {branch.node: frozenset(branch.recipients) for branch in earlier.next}
    here = earlier.delivered or not planned.deliver_here
    return here and all(handed.get(b.node, frozenset()).issuperset(b.recipients) for b in planned.next)


def _difference(message: TransitMessage, branch: Branch) -> str:
    added = sorted(set(message.recipients) - set(branch.recipients))
    missing = sorted(set(branch.recipients) - set(message.recipients))
    return (
        "; ".join(
            part
            for part in (
                f"added: {', '.join(added)}" if added else "",
                f"missing: {', '.join(missing)}" if missing else "",
            )
            if part
        )
        or "order changed"
    )
