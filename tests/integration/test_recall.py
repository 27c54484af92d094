"""Taking a document back, correcting it, replacing it: at the hub, on its way, and at the recipient's."""

from __future__ import annotations

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Business, BusinessType, ResponseFor
from lienthong.domain.evidence import ContentConsignmentFailure, ContentHandoverFailure
from lienthong.domain.request import RequestKind, RequestState
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from tests.services.linkage import Linkage
from tests.services.speaking import recall, replacement, say, update

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.11", "H48.33"
REASON = "Sai thẩm quyền"


async def failure(
    linkage: Linkage, document_id: str, recipient: str
) -> ContentConsignmentFailure | ContentHandoverFailure:
    """The hub's signed word, verified."""
    rows = await linkage.store.evidence(document_id)
    (row,) = [row for row in rows if row.recipient == recipient and row.kind.value.endswith("Failure")]
    trust = linkage.world.infrastructure_trust
    verified = verify_record(row.xml, trust=trust, at=linkage.now(), root=records.root_name(row.kind))
    assert (verified.signer.identity or "").startswith("urn:lienthong:hub:")
    record = records.read(parse(row.xml))
    assert isinstance(record, ContentConsignmentFailure | ContentHandoverFailure)
    return record


async def requests(linkage: Linkage, document_id: str) -> dict[str, tuple[RequestKind, RequestState]]:
    return {row.recipient: (row.kind, row.state) for row in await linkage.store.requests(document_id)}


async def test_what_has_not_left_is_withdrawn_at_once_with_signed_proof(linkage: Linkage) -> None:
    sent = await linkage.submit(SENDER, [RECIPIENT, OTHER])  # no relay: it waits at the sender's node
    await recall(linkage, sent, [RECIPIENT], reason=REASON)
    row = await linkage.delivery(sent.document.id, RECIPIENT)
    assert (row.state, row.error_detail) == (DeliveryState.WITHDRAWN, REASON)
    proof = await failure(linkage, sent.document.id, RECIPIENT)
    assert isinstance(proof, ContentConsignmentFailure)
    assert (proof.node, proof.outcome, proof.reason) == (SENDER, "WITHDRAWN", REASON)
    assert (await linkage.delivery(sent.document.id, OTHER)).state is not DeliveryState.WITHDRAWN
    assert await requests(linkage, sent.document.id) == {
        RECIPIENT: (RequestKind.RECALL, RequestState.WITHDRAWN)
    }


async def test_what_lies_in_the_inbox_is_withdrawn_and_leaves_a_tombstone_without_bytes(
    linkage: Linkage,
) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT])
    await linkage.until(sent.document.id, RECIPIENT, DeliveryState.CONSIGNED)
    await say(linkage, SENDER, RECIPIENT, "13", sent.document.edxml_document_id, description=REASON)
    assert isinstance(await failure(linkage, sent.document.id, RECIPIENT), ContentHandoverFailure)
    caller = linkage.caller(RECIPIENT)
    with pytest.raises(Refusal) as refusal:
        await linkage.hub.fetch(caller, sent.document.id, offset=0)
    assert (refusal.value.code, refusal.value.detail) == (Code.DOCUMENT_RECALLED, REASON)
    (notice,) = await linkage.hub.notices(caller, after=None, limit=10)
    assert (notice.document.id, notice.request.state, notice.request.reason) == (
        sent.document.id,
        RequestState.WITHDRAWN,
        REASON,
    )
    await linkage.hub.see_notice(caller, sent.document.id)
    assert await linkage.hub.notices(caller, after=None, limit=10) == []
    assert sent.document.id not in {
        item.document.id for item in await linkage.hub.inbox(caller, after=None, limit=10)
    }
    (tracked,) = (await linkage.hub.track(caller, sent.document.id)).deliveries
    assert (tracked.delivery.state, tracked.delivery.error_detail) == (DeliveryState.WITHDRAWN, REASON)


async def test_what_was_read_already_is_asked_of_the_clerk_who_agrees(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT])
    await linkage.receive(RECIPIENT, sent.document.id)
    name = sent.document.edxml_document_id
    asked = await recall(linkage, sent, [RECIPIENT], reason=REASON)
    assert await requests(linkage, sent.document.id) == {RECIPIENT: (RequestKind.RECALL, RequestState.ASKED)}
    row = await linkage.delivery(sent.document.id, RECIPIENT)
    assert (row.state, row.handed_over_at is not None) == (DeliveryState.HANDED_OVER, True)
    await linkage.receive(RECIPIENT, asked.document.id)  # the recall itself reaches the clerk
    await say(linkage, RECIPIENT, SENDER, "15", name, description="Đồng ý")
    (request,) = await linkage.store.requests(sent.document.id)
    assert (request.state, request.reason, request.answer) == (RequestState.AGREED, REASON, "Đồng ý")
    with pytest.raises(Refusal) as refusal:
        await linkage.hub.fetch(linkage.caller(RECIPIENT), sent.document.id, offset=0)
    assert (refusal.value.code, refusal.value.detail) == (Code.DOCUMENT_RECALLED, REASON)
    # what was answered is seen
    assert await linkage.hub.notices(linkage.caller(RECIPIENT), after=None, limit=10) == []


async def test_a_declined_recall_leaves_everything_as_it_was(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT])
    await linkage.receive(RECIPIENT, sent.document.id)
    name = sent.document.edxml_document_id
    await say(linkage, RECIPIENT, SENDER, "03", name)
    await say(linkage, SENDER, RECIPIENT, "13", name, after=60, description=REASON)
    await say(linkage, RECIPIENT, SENDER, "16", name, after=90, description="Đã xử lý")
    (request,) = await linkage.store.requests(sent.document.id)
    assert (request.state, request.answer) == (RequestState.DECLINED, "Đã xử lý")
    assert (await linkage.delivery(sent.document.id, RECIPIENT)).status == "03"
    await linkage.hub.fetch(linkage.caller(RECIPIENT), sent.document.id, offset=0)
    with pytest.raises(Refusal) as refusal:
        await say(linkage, RECIPIENT, SENDER, "15", name, after=120)
    assert refusal.value.code is Code.STATUS_ILLEGAL


async def test_a_recall_reaches_only_those_who_got_the_document(linkage: Linkage) -> None:
    sent = await linkage.submit(SENDER, [RECIPIENT])
    asked = await recall(linkage, sent, [RECIPIENT, OTHER])
    errors = {row.recipient: row.error for row in asked.deliveries}
    assert errors == {RECIPIENT: None, OTHER: Code.RULE_VIOLATED}


async def test_a_recall_of_a_document_its_sender_never_sent_is_carried_with_a_warning(
    linkage: Linkage,
) -> None:
    await linkage.relay()
    other = await linkage.submit(OTHER, [RECIPIENT])
    known = await recall(linkage, other, [RECIPIENT], code_number="5")
    assert "target-unknown" not in {warning.rule for warning in known.warnings}
    business = Business(type=BusinessType.RECALL, reason=REASON)
    foreign = await linkage.submit(
        SENDER, [RECIPIENT], document_id=other.document.edxml_document_id, business=business
    )
    assert "target-unknown" in {warning.rule for warning in foreign.warnings}
    await linkage.receive(RECIPIENT, foreign.document.id)


async def test_a_recall_interrupted_after_its_commit_is_carried_out_by_the_next_process(
    linkage: Linkage,
) -> None:
    sent = await linkage.submit(SENDER, [RECIPIENT])
    recalls = linkage.parts.recalls
    settle = recalls.settle

    async def killed(_: object) -> None:
        return None

    recalls.settle = killed  # type: ignore[method-assign, assignment]
    await recall(linkage, sent, [RECIPIENT])
    assert (await linkage.store.pending_requests(10))[0].document_id == sent.document.id
    assert (await linkage.delivery(sent.document.id, RECIPIENT)).state is not DeliveryState.WITHDRAWN
    await settle(await linkage.store.pending_requests(10))
    assert (await linkage.delivery(sent.document.id, RECIPIENT)).state is DeliveryState.WITHDRAWN
    assert await linkage.store.pending_requests(10) == []


async def test_an_update_asks_the_clerk_removes_recipients_and_reaches_new_ones(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT, OTHER])
    await linkage.receive(RECIPIENT, sent.document.id)
    await linkage.until(sent.document.id, OTHER, DeliveryState.CONSIGNED)
    changed = await update(linkage, sent, [RECIPIENT, "H48.33.02"], removed=(OTHER,), added=("H48.33.02",))
    assert await requests(linkage, sent.document.id) == {
        RECIPIENT: (RequestKind.UPDATE, RequestState.ASKED),
        OTHER: (RequestKind.RECALL, RequestState.WITHDRAWN),
    }
    (told,) = await linkage.hub.notices(linkage.caller(OTHER), after=None, limit=10)  # no package tells it
    assert (told.document.id, told.by.id, told.request.reason) == (
        sent.document.id,
        changed.document.id,
        "Sửa số liệu",
    )
    (open_,) = await linkage.hub.notices(linkage.caller(RECIPIENT), after=None, limit=10)
    assert (open_.request.kind, open_.request.state) == (RequestKind.UPDATE, RequestState.ASKED)
    await linkage.hub.see_notice(linkage.caller(RECIPIENT), sent.document.id)
    # to be answered, not seen
    (still,) = await linkage.hub.notices(linkage.caller(RECIPIENT), after=None, limit=10)
    assert still.request == open_.request
    for recipient in (RECIPIENT, "H48.33.02"):
        await linkage.receive(recipient, changed.document.id)
    name = changed.document.edxml_document_id  # the clerk answers the update itself
    await say(linkage, RECIPIENT, SENDER, "15", name)
    states = await requests(linkage, sent.document.id)
    assert states[RECIPIENT] == (RequestKind.UPDATE, RequestState.AGREED)


async def test_a_replacement_supersedes_the_old_document_for_the_agencies_listed(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT, OTHER])
    await linkage.receive(RECIPIENT, sent.document.id)
    new = await replacement(linkage, sent, [RECIPIENT], [RECIPIENT])
    await linkage.receive(RECIPIENT, new.document.id)
    (request,) = await linkage.store.requests(sent.document.id)
    assert (request.recipient, request.state, request.package_id) == (
        RECIPIENT,
        RequestState.SUPERSEDED,
        new.document.id,
    )
    caller = linkage.caller(RECIPIENT)
    with pytest.raises(Refusal) as refusal:
        await linkage.hub.fetch(caller, sent.document.id, offset=0)
    assert (refusal.value.code, refusal.value.detail) == (
        Code.DOCUMENT_SUPERSEDED,
        f"{new.document.id}: Thay thế",
    )
    (notice,) = await linkage.hub.notices(caller, after=None, limit=10)
    assert (notice.document.id, notice.by.id) == (sent.document.id, new.document.id)
    await linkage.hub.fetch(linkage.caller(OTHER), sent.document.id, offset=0)  # not listed: as it was


async def test_a_replacement_withdraws_what_its_recipient_has_not_taken(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT])
    await linkage.until(sent.document.id, RECIPIENT, DeliveryState.CONSIGNED)
    new = await replacement(linkage, sent, [RECIPIENT], [RECIPIENT])
    row = await linkage.delivery(sent.document.id, RECIPIENT)
    assert row.state is DeliveryState.WITHDRAWN
    proof = await failure(linkage, sent.document.id, RECIPIENT)
    assert isinstance(proof, ContentHandoverFailure)
    assert proof.reason == f"replaced by {new.document.id}: Thay thế"
    assert await requests(linkage, sent.document.id) == {
        RECIPIENT: (RequestKind.REPLACE, RequestState.SUPERSEDED)
    }
    with pytest.raises(Refusal) as refusal:
        await linkage.hub.fetch(linkage.caller(RECIPIENT), sent.document.id, offset=0)
    assert refusal.value.code is Code.DOCUMENT_SUPERSEDED
    await linkage.receive(RECIPIENT, new.document.id)


async def test_a_document_in_transit_is_stopped_at_the_next_hop_for_those_recalled(linkage: Linkage) -> None:
    """Two recipients behind one branch: one is recalled while the message lies at the province."""
    await linkage.relay(SENDER, "H48.31")
    sent = await linkage.submit(SENDER, ["H48.11", "H48.33.02", "H48.33"])
    body = await linkage.intercept("H48")
    await recall(linkage, sent, ["H48.33.02"])
    proof = await failure(linkage, sent.document.id, "H48.33.02")
    assert isinstance(proof, ContentConsignmentFailure)
    assert proof.node == "H48.31"  # the last node that passed it on
    await linkage.relay("H48", "H48.11", "H48.33", "H48.33.02")
    await linkage.inject("H48", body)
    for recipient in ("H48.11", "H48.33"):
        _, data = await linkage.receive(recipient, sent.document.id)  # the chain still verifies
        assert data == await linkage.payloads.get(sent.document.sha256)
    hops = {row.node: records.read(parse(row.record)) for row in await linkage.store.hops(sent.document.id)}
    assert {branch.node: branch.recipients for branch in hops["H48"].next} == {  # type: ignore[union-attr]
        "H48.11": ("H48.11",),
        "H48.33": ("H48.33",),
    }
    assert "H48.33.02" not in hops
    stops = [e for e in await linkage.store.events(document_id=sent.document.id) if e.kind == "hop.stopped"]
    assert [(event.actor, event.detail["recipients"]) for event in stops] == [("H48", ["H48.33.02"])]
    assert (await linkage.delivery(sent.document.id, "H48.33.02")).state is DeliveryState.WITHDRAWN


async def test_a_copy_that_concerns_nobody_any_more_ends_without_a_hop(linkage: Linkage) -> None:
    await linkage.relay(SENDER, "H48.31")
    sent = await linkage.submit(SENDER, [RECIPIENT])
    body = await linkage.intercept("H48")
    await recall(linkage, sent, [RECIPIENT])
    await linkage.relay("H48", RECIPIENT)
    await linkage.inject("H48", body)
    first = await linkage.submit(SENDER, [RECIPIENT], code_number="6")
    await linkage.until(first.document.id, RECIPIENT, DeliveryState.CONSIGNED)  # behind it in the same queue
    await linkage.inject("H48", body)
    other = await linkage.submit(SENDER, [RECIPIENT], code_number="7")
    await linkage.until(other.document.id, RECIPIENT, DeliveryState.CONSIGNED)
    assert "H48" not in {row.node for row in await linkage.store.hops(sent.document.id)}
    kinds = [event.kind for event in await linkage.store.events(document_id=sent.document.id)]
    assert kinds.count("hop.stopped") == 1


async def test_copies_passed_on_as_new_documents_are_told_of_and_stay_their_senders(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(SENDER, [RECIPIENT])
    await linkage.receive(RECIPIENT, sent.document.id)
    named = (ResponseFor(organ_id=SENDER, document_id=sent.document.edxml_document_id),)
    copy = await linkage.submit(RECIPIENT, [OTHER], response_for=named, code_number="44")
    await linkage.submit(RECIPIENT, [SENDER], response_for=named, code_number="45")  # a reply is no copy
    await linkage.receive(OTHER, copy.document.id)
    asked = await recall(linkage, sent, [RECIPIENT], reason=REASON)
    (warning,) = [warning for warning in asked.warnings if warning.rule == "onward-copies"]
    assert warning.detail_en.startswith(
        f"{RECIPIENT} passed it on as 44/UBND-VX ({copy.document.id}) to {OTHER};"
    )
    (notice,) = await linkage.hub.notices(linkage.caller(RECIPIENT), after=None, limit=10)
    assert [row.id for row in notice.onward] == [copy.document.id]
    assert (await linkage.delivery(copy.document.id, OTHER)).state is DeliveryState.HANDED_OVER
    await linkage.hub.fetch(linkage.caller(OTHER), copy.document.id, offset=0)
    kinds = [event.kind for event in await linkage.store.events(document_id=asked.document.id)]
    assert "document.onward_copies" in kinds
