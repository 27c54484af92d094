"""Which submissions become ours, in which order are they refused, and what is left when a part fails in between?"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pytest

from lienthong.domain.agency import AgencyStatus
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Business, BusinessType, Document, ResponseFor, StatusPackage
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.bounds import Limits
from lienthong.edxml.writer import write
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.accept import Submission
from lienthong.hub.inspection import identity_of
from lienthong.hub.knowledge import Snapshot
from lienthong.hub.payloads import DEFAULT_PAYLOAD_LIMIT
from lienthong.hub.rows import DocumentQuery, DocumentRow, NewDocument
from lienthong.hub.turns import COMPANY
from lienthong.signing.sign import sign_package
from lienthong.signing.verify import VerifiedDocument
from tests.pki.refusals import accept as verified
from tests.pki.world import World, world
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, OPERATOR, OTHER_COMMUNE, PROVINCE, Bench


async def refused(bench: Bench, caller: str, data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await bench.hub.submit(bench.caller(caller), data)
    return caught.value


async def documents(bench: Bench) -> int:
    return len(await bench.store.documents(DocumentQuery()))


@pytest.mark.parametrize("limit", [DEFAULT_PAYLOAD_LIMIT, 0])
async def test_an_accepted_document_is_kept_whole_before_it_is_answered(limit: int) -> None:
    bench = await Bench.open(payload_limit=limit)
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    answer = await bench.hub.submit(bench.caller(COMMUNE), data)
    assert not answer.repeated
    places = [bench.store.payloads, bench.blobs.content]
    assert places == ([{answer.document.sha256: data}, {}] if limit else [{}, {answer.document.sha256: data}])
    assert [(d.recipient, d.state) for d in answer.deliveries] == [(DEPARTMENT, DeliveryState.ACCEPTED)]
    (evidence,) = await bench.store.evidence(answer.document.id)
    assert (evidence.kind, evidence.xml) == (EvidenceKind.SUBMISSION_ACCEPTANCE, answer.acceptance)
    assert bench.broker.published == []  # publishing comes after


# --- the order of the steps -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A submission with everything wrong from one step on: only the first defect may be named."""

    code: Code
    make: Callable[[World], bytes]
    caller: str = COMMUNE


def everything_wrong(w: World, **fields: Any) -> bytes:
    """The caller is right or not; attachment, rules, identity and recipients are wrong unless `fields` mend them."""
    return w.signed(COMMUNE, fields.pop("recipients", ["H99"]), **fields)


LOST: dict[str, Any] = {"manifest": ()}  # a file that no Reference names
KNOWN = "100"  # the number of a document that was accepted before

ORDER = [
    Wrong(code=Code.XML_MALFORMED, make=lambda _: b"<edXML", caller=DEPARTMENT),
    Wrong(code=Code.SIGNATURE_MISSING, make=lambda w: w.package(COMMUNE, ["H99"], **LOST), caller=DEPARTMENT),
    Wrong(
        code=Code.SIGNER_NOT_SENDER,
        make=lambda w: everything_wrong(w, **LOST, key=w.key(DISTRICT)),
        caller=DEPARTMENT,
    ),
    Wrong(code=Code.CALLER_NOT_SENDER, make=lambda w: everything_wrong(w, **LOST), caller=DEPARTMENT),
    Wrong(
        code=Code.ATTACHMENT_MISMATCH,
        make=lambda w: everything_wrong(w, **LOST, recipients=[COMMUNE, "H99"], code_number=KNOWN),
    ),
    Wrong(
        code=Code.RULE_VIOLATED,
        make=lambda w: everything_wrong(w, recipients=[COMMUNE, "H99"], code_number=KNOWN),
    ),
    Wrong(code=Code.DOCUMENT_CONFLICT, make=lambda w: everything_wrong(w, code_number=KNOWN)),
    Wrong(code=Code.RECIPIENT_UNKNOWN, make=everything_wrong),
]


@pytest.mark.parametrize("wrong", ORDER, ids=lambda wrong: wrong.code.value)
async def test_the_first_defect_in_the_order_of_the_steps_is_named(bench: Bench, wrong: Wrong) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT], code_number=KNOWN)
    refusal = await refused(bench, wrong.caller, wrong.make(bench.world))
    assert refusal.code is wrong.code
    assert await documents(bench) == 1
    assert (len(bench.store.payloads), bench.blobs.content) == (1, {})


async def test_a_package_over_the_limit_is_refused_before_it_is_parsed() -> None:
    bench = await Bench.open(limits=Limits(max_bytes=1_000))
    refusal = await refused(bench, COMMUNE, b"<" * 1_001)
    assert refusal.code is Code.XML_TOO_LARGE


async def test_an_operator_cannot_submit(bench: Bench) -> None:
    with pytest.raises(Refusal) as caught:
        await bench.hub.submit(OPERATOR, bench.world.signed(COMMUNE, [DEPARTMENT]))
    assert caught.value.code is Code.NOT_PERMITTED


async def test_a_broken_rule_names_itself_and_the_field_in_both_languages(bench: Bench) -> None:
    refusal = await refused(bench, COMMUNE, bench.world.signed(COMMUNE, [COMMUNE]))
    assert refusal.code is Code.RULE_VIOLATED
    assert refusal.field
    assert refusal.detail
    assert " / " in refusal.detail


# --- recipients -------------------------------------------------------------------------------------------


async def test_a_bad_recipient_fails_alone(bench: Bench) -> None:
    await bench.change_agency(OTHER_COMMUNE, status=AgencyStatus.CLOSED, successors=(PROVINCE,))
    await bench.knowledge.refresh()
    answer = await bench.submit(COMMUNE, ["H99", OTHER_COMMUNE, DEPARTMENT])
    assert [(d.recipient, d.state, d.error) for d in answer.deliveries] == [
        ("H99", DeliveryState.REFUSED, Code.RECIPIENT_UNKNOWN),
        (OTHER_COMMUNE, DeliveryState.REFUSED, Code.RECIPIENT_CLOSED),
        (DEPARTMENT, DeliveryState.ACCEPTED, None),
    ]
    assert PROVINCE in (answer.deliveries[1].error_detail or "")
    await bench.dispatch()
    assert bench.decoded(COMMUNE).recipients == (DEPARTMENT,)


async def test_all_recipients_refused_is_the_first_ones_refusal_and_nothing_is_kept(bench: Bench) -> None:
    await bench.change_agency(DEPARTMENT, status=AgencyStatus.LOCKED)
    await bench.knowledge.refresh()
    refusal = await refused(bench, COMMUNE, bench.world.signed(COMMUNE, [DEPARTMENT, "H99"]))
    assert (refusal.code, refusal.field) == (Code.RECIPIENT_LOCKED, "MessageHeader/To[1]/OrganId")
    assert (await documents(bench), bench.store.payloads, bench.blobs.content) == (0, {}, {})


async def test_one_agency_under_two_codes_is_one_delivery(bench: Bench) -> None:
    answer = await bench.submit(COMMUNE, ["000.00.11.H48", DEPARTMENT])
    assert [d.recipient for d in answer.deliveries] == [DEPARTMENT]


# --- repeats and conflicts --------------------------------------------------------------------------------


async def test_the_same_bytes_again_get_the_first_answer(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    first = await bench.hub.submit(bench.caller(COMMUNE), data)
    await bench.change_agency(DEPARTMENT, status=AgencyStatus.CLOSED)  # too late to matter
    await bench.knowledge.refresh()
    again = await bench.hub.submit(bench.caller(COMMUNE), data)
    assert again.repeated
    assert (again.document.id, again.acceptance) == (first.document.id, first.acceptance)
    assert await documents(bench) == 1


async def test_other_bytes_under_the_same_document_id_are_a_conflict(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT])
    refusal = await refused(bench, COMMUNE, bench.world.signed(COMMUNE, [DEPARTMENT], subject="Khác"))
    assert refusal.code is Code.DOCUMENT_CONFLICT
    assert refusal.detail == bench.world.document(COMMUNE, []).document_id


async def test_two_uploads_of_the_same_bytes_at_once_are_one_document(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    caller = bench.caller(COMMUNE)
    answers = await asyncio.gather(*(bench.hub.submit(caller, data) for _ in range(8)))
    assert len({answer.document.id for answer in answers}) == 1
    assert len({answer.acceptance for answer in answers}) == 1
    assert sorted(answer.repeated for answer in answers) == [False, *[True] * 7]
    await bench.dispatch()
    assert len(bench.broker.published) == 1


async def test_two_uploads_under_one_id_at_once_leave_one_and_a_conflict(bench: Bench) -> None:
    caller = bench.caller(COMMUNE)
    texts = [bench.world.signed(COMMUNE, [DEPARTMENT], subject=str(number)) for number in range(4)]
    answers = await asyncio.gather(
        *(bench.hub.submit(caller, text) for text in texts), return_exceptions=True
    )
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [refusal.code for refusal in refusals] == [Code.DOCUMENT_CONFLICT] * 3
    assert await documents(bench) == 1


# --- the short cut of new documents -----------------------------------------------------------------------


async def test_a_new_document_is_answered_as_it_was_written(bench: Bench) -> None:
    answer = await bench.submit(COMMUNE, ["H99", DEPARTMENT])
    assert answer.deliveries == await bench.store.deliveries(answer.document.id)
    assert answer.document == await bench.store.document(answer.document.id)


async def test_a_new_document_asks_the_store_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unexpected(*_: object) -> None:
        raise AssertionError

    for name in ("find_identity", "numbered", "deliveries", "evidence", "sent", "requests", "claim_contents"):
        monkeypatch.setattr(bench.store, name, unexpected)
    assert not (await bench.submit(COMMUNE, [DEPARTMENT])).repeated


async def test_new_documents_of_a_backlog_reach_the_store_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def check(data: bytes, now: Snapshot) -> VerifiedDocument:
        order.append("looked at")
        return whole(data, now)

    async def accept(document: NewDocument, payload: bytes | None = None) -> DocumentRow:
        order.append("to the store")
        return await keep(document, payload)

    whole, keep = bench.hub._acceptance._verification.check_package, bench.store.accept
    monkeypatch.setattr(bench.hub._acceptance._verification, "check_package", check)
    monkeypatch.setattr(bench.store, "accept", accept)
    await asyncio.gather(
        *(bench.submit(COMMUNE, [DEPARTMENT], code_number=str(n)) for n in range(2 * COMPANY))
    )
    runs = [(what, len(list(some))) for what, some in groupby(order)]
    assert runs == [("looked at", COMPANY), ("to the store", COMPANY)] * 2
    await asyncio.wait_for(bench.submit(COMMUNE, [DEPARTMENT], code_number="alone"), 10)


async def test_a_number_taken_meanwhile_is_found_in_the_commit(bench: Bench) -> None:
    texts = [
        bench.world.signed(COMMUNE, [DEPARTMENT], code_number="77", document_id=str(place), subject=subject)
        for place, subject in enumerate(("Một", "Hai", "Một"))
    ]
    caller = bench.caller(COMMUNE)
    answers = await asyncio.gather(
        *(bench.hub.submit(caller, text) for text in texts), return_exceptions=True
    )
    first, other, again = answers
    assert isinstance(first, Submission)
    assert "number-in-year" not in {warning.rule for warning in first.warnings}
    assert isinstance(other, Refusal)
    assert (other.code, other.rule) == (Code.RULE_VIOLATED, "number-in-year")
    assert isinstance(again, Submission)
    assert "number-in-year" in {warning.rule for warning in again.warnings}
    assert await documents(bench) == 2


async def test_a_big_package_is_not_looked_at_on_the_event_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def check(data: bytes, now: Snapshot) -> VerifiedDocument:
        threads.append(threading.get_ident())
        return whole(data, now)

    whole = bench.hub._acceptance._verification.check_package
    monkeypatch.setattr(bench.hub._acceptance._verification, "check_package", check)
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="1")
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="2", files={"a.bin": os.urandom(100_000)})
    small, big = threads
    assert small == threading.get_ident() != big


# --- what makes two packages the same ---------------------------------------------------------------------


def identity(document: VerifiedDocument) -> str:
    return identity_of(document.package, document.sender, document.sha256)


def of_type(kind: BusinessType, subject: str = "V/v") -> VerifiedDocument:
    business = Business(type=kind, document_id=f"{COMMUNE},2026/03/02,212/UBND-VX", reason="Sai sót")
    data = world().signed(COMMUNE, [DEPARTMENT], business=business, subject=subject)
    return verified(data)


def status(code: str, sender: str = DEPARTMENT) -> bytes:
    package = StatusPackage(
        sender=world().document(sender, []).sender,
        response_for=ResponseFor(
            organ_id=COMMUNE, code="212/UBND-VX", promulgation_date="2026-03-02", document_id="x"
        ),
        status_code=code,
        timestamp=world().at,
    )
    return sign_package(write(package), world().key(sender), at=world().at)


def test_a_new_document_is_known_by_its_sender_and_id() -> None:
    one, two = of_type(BusinessType.NEW, "A"), of_type(BusinessType.NEW, "B")
    assert isinstance(one.package, Document)
    assert identity(one) == identity(two) == f"new|{COMMUNE}|{one.package.document_id}"


@pytest.mark.parametrize("kind", [BusinessType.RECALL, BusinessType.UPDATE, BusinessType.REPLACE])
def test_what_speaks_of_another_document_is_known_by_its_bytes(kind: BusinessType) -> None:
    one, two = of_type(kind, "A"), of_type(kind, "B")
    assert identity(one) == f"edoc|{COMMUNE}|{sha256_hex(one.data)}"
    assert identity(one) != identity(two)


def test_a_status_is_known_by_its_bytes() -> None:
    one, two = verified(status("03")), verified(status("04"))
    assert identity(one) == f"status|{DEPARTMENT}|{sha256_hex(one.data)}"
    assert identity(one) != identity(two)


# --- a part fails -----------------------------------------------------------------------------------------


async def test_bytes_that_cannot_be_stored_are_not_accepted_and_are_later() -> None:
    """PITFALLS 20: no row may ever point at bytes that are not durable."""
    bench = await Bench.open(payload_limit=0)
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    bench.blobs.fail_next("put", HubFault("no space"))
    with pytest.raises(HubFault):
        await bench.hub.submit(bench.caller(COMMUNE), data)
    assert await documents(bench) == 0
    assert "document.accepted" not in await bench.kinds()
    await bench.dispatch()
    assert bench.broker.published == []
    answer = await bench.hub.submit(bench.caller(COMMUNE), data)
    assert not answer.repeated
    assert await bench.blobs.get(answer.document.sha256) == data


async def test_a_store_that_fails_at_the_commit_accepts_nothing(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    bench.store.fail_next("accept", HubFault("disk"))
    with pytest.raises(HubFault):
        await bench.hub.submit(bench.caller(COMMUNE), data)
    assert (await documents(bench), bench.store.payloads, bench.blobs.content) == (0, {}, {})
    await bench.dispatch()
    assert bench.broker.published == []
    assert not (await bench.hub.submit(bench.caller(COMMUNE), data)).repeated


async def test_a_commit_whose_answer_was_lost_is_the_first_answer_of_the_repeat(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    bench.store.fail_next("accept", HubFault("the connection broke"), after=True)
    with pytest.raises(HubFault):
        await bench.hub.submit(bench.caller(COMMUNE), data)
    again = await bench.hub.submit(bench.caller(COMMUNE), data)
    assert again.repeated
    (evidence,) = await bench.store.evidence(again.document.id)
    assert evidence.xml == again.acceptance
    bench.pass_time(11)
    assert await bench.reconciler.reconcile() == 1  # it was never enqueued; it leaves all the same
