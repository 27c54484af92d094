"""Operators' acts: closed to agencies, each with its line in the event log, none half done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Environment
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.lifecycle import ReformKind, ReformOrder
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.administration import Administration
from lienthong.hub.identity import Caller
from lienthong.hub.ports import QueueRow
from lienthong.hub.rows import DocumentQuery, EventRow, HeldKind
from tests.pki.world import world
from tests.unit.hub.bench import (
    COMMUNE,
    DEPARTMENT,
    DISTRICT,
    OPERATOR,
    OTHER_COMMUNE,
    PROVINCE,
    Bench,
    altered,
)

NEW = Agency(code="H48.90", name="Ban mới", tier="department", parent=PROVINCE)
Call = Callable[[Administration, Caller], Any]

#: every method of Administration
EVERY: dict[str, Call] = {
    "queues": lambda a, c: a.queues(c, everything=True),
    "held": lambda a, c: a.held(c, HeldKind.QUARANTINE, include_resolved=True, limit=9),
    "held_one": lambda a, c: a.held_one(c, "x"),
    "resolve": lambda a, c: a.resolve(c, "x", "released", "vì sao"),
    "find_documents": lambda a, c: a.find_documents(c, DocumentQuery()),
    "document": lambda a, c: a.document(c, "x"),
    "export": lambda a, c: anext(a.export(c, "x")),
    "reconcile": lambda a, c: a.reconcile(c, everything=True),
    "events": lambda a, c: a.events(c, None, 9),
    "agencies": lambda a, c: a.agencies(c, text="", tier="", include_test=True),
    "put_agencies": lambda a, c: a.put_agencies(c, [NEW], "thêm"),
    "reform": lambda a, c: a.reform(
        c, ReformOrder(kind=ReformKind.LOCK, codes=(COMMUNE,)), "chưa rõ", dry_run=True
    ),
    "plans": lambda a, c: a.plans(c, on=None, code=""),
    "close_agency": lambda a, c: a.close_agency(c, COMMUNE, [], "giải thể"),
    "certificates": lambda a, c: a.certificates(c, None),
    "bind_certificate": lambda a, c: a.bind_certificate(c, fresh(), COMMUNE, "signature", "agency"),
    "revoke_certificate": lambda a, c: a.revoke_certificate(c, "x", "mất"),
}


def fresh() -> bytes:
    return world().issue("another key").signing_key.certificate_pem()


def test_every_public_method_is_in_the_table() -> None:
    public = {name for name in vars(Administration) if not name.startswith("_")}
    assert public == set(EVERY)


@pytest.mark.parametrize("method", EVERY)
async def test_agencies_are_not_permitted_and_change_nothing(bench: Bench, method: str) -> None:
    before = (await bench.kinds(), await bench.store.directory_version())
    with pytest.raises(Refusal) as caught:
        await EVERY[method](bench.administration, bench.caller(PROVINCE))
    assert caught.value.code is Code.NOT_PERMITTED
    assert (await bench.kinds(), await bench.store.directory_version()) == before


async def last(bench: Bench) -> EventRow:
    (event,) = await bench.store.events(limit=1)
    return event


async def code_of(answer: Awaitable[Any]) -> Code:
    with pytest.raises(Refusal) as caught:
        await answer
    return caught.value.code


# --- queues -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [2_000, 0], ids=["a province", "a nation"])
async def test_queues_show_what_waits_and_since_when(
    bench: Bench, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lienthong.hub.administration._ASKED_FOR_ALL", most)
    await bench.sent(COMMUNE, [DEPARTMENT])
    bench.pass_time(60)
    found = await bench.administration.queues(OPERATOR, everything=False)
    (view,) = found.views
    assert view.row is not None
    assert (view.row.node, view.row.lane, view.row.ready) == (COMMUNE, Lane.NORMAL, 1)
    assert (view.node, view.lane, view.documents, view.oldest) == (COMMUNE, Lane.NORMAL, 1, bench.world.at)
    assert (found.blocked, found.away) == (False, False)
    every = await bench.administration.queues(OPERATOR, everything=True)
    assert len(every.views) == 2 * len(bench.hub.directory)


@pytest.mark.parametrize("most", [2_000, 0], ids=["a province", "a nation"])
async def test_queues_show_what_the_store_knows_while_the_broker_is_away(
    bench: Bench, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lienthong.hub.administration._ASKED_FOR_ALL", most)
    await bench.sent(COMMUNE, [DEPARTMENT])

    async def away(nodes: object) -> list[QueueRow]:
        raise HubFault("no connection to RabbitMQ")

    monkeypatch.setattr(bench.broker, "queues", away)
    found = await bench.administration.queues(OPERATOR, everything=False)
    (view,) = found.views
    assert (found.away, view.row, view.documents) == (True, None, 1)
    assert (view.node, view.lane, view.oldest) == (COMMUNE, Lane.NORMAL, bench.world.at)


async def test_queues_show_what_waits_although_the_broker_lost_it(bench: Bench) -> None:
    bench.broker.drop_next_publish()
    await bench.sent(COMMUNE, [DEPARTMENT])
    bench.broker.block()
    found = await bench.administration.queues(OPERATOR, everything=False)
    (view,) = found.views
    assert view.row is not None
    assert (view.row.ready, view.oldest, found.blocked) == (0, bench.world.at, True)


# --- documents --------------------------------------------------------------------------------------------


async def test_a_document_is_found_and_shown_with_its_events(bench: Bench) -> None:
    sent = await bench.arrived()
    (found,) = await bench.administration.find_documents(OPERATOR, DocumentQuery(sender=COMMUNE))
    view = await bench.administration.document(OPERATOR, found.id)
    assert view.tracking.document.id == sent.document.id
    kinds = [event.kind for event in view.events]
    assert kinds.count("hop.recorded") == 4
    assert [e.kind for e in await bench.administration.events(OPERATOR, sent.document.sha256, 100)] == kinds
    assert (await bench.administration.events(OPERATOR, None, 1)) == [await last(bench)]
    assert await code_of(bench.administration.events(OPERATOR, "no such", 1)) is Code.NOT_FOUND
    assert await code_of(bench.administration.document(OPERATOR, "no such")) is Code.NOT_FOUND


async def test_an_export_holds_the_document_and_every_piece_of_evidence(bench: Bench) -> None:
    sent = await bench.arrived()
    caller = bench.caller(DEPARTMENT)
    await bench.hub.acknowledge(caller, sent.document.id, bench.handover(sent, DEPARTMENT))
    files: dict[str, bytes] = {}
    async for name, chunk in bench.administration.export(OPERATOR, sent.document.id):
        files[name] = files.get(name, b"") + chunk
    assert files.pop("document.edxml") == await bench.payloads.get(sent.document.sha256)
    kinds = sorted(name.partition("-")[2].removesuffix(".xml") for name in files)
    assert kinds == sorted(
        [
            "submission-acceptance",
            *(f"hop-{node}" for node in (COMMUNE, DISTRICT, PROVINCE, DEPARTMENT)),
            f"consignment-{DEPARTMENT}",
            f"handover-{DEPARTMENT}",
        ]
    )


async def test_reconcile_leaves_an_event_with_the_number(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT])
    assert await bench.administration.reconcile(OPERATOR, everything=False) == 0
    bench.pass_time(1)
    assert await bench.administration.reconcile(OPERATOR, everything=True) == 1
    event = await last(bench)
    assert (event.kind, event.actor, event.detail) == (
        "reconcile.requested",
        OPERATOR.actor,
        {"published": 1},
    )


async def test_held_messages_are_listed_and_shown_with_their_document(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.hop(COMMUNE, altered(bench.message(COMMUNE), recipients=()))
    (held,) = await bench.administration.held(OPERATOR, HeldKind.QUARANTINE, include_resolved=False, limit=9)
    view = await bench.administration.held_one(OPERATOR, held.id)
    assert view.document is not None
    assert view.document.id == sent.document.id
    assert "held.quarantined" in [event.kind for event in view.events]
    await bench.hop(DISTRICT, b"\xff")
    unread = (await bench.store.held(HeldKind.QUARANTINE))[0]
    view = await bench.administration.held_one(OPERATOR, unread.id)
    assert (view.document, view.events) == (None, [])
    assert await code_of(bench.administration.held_one(OPERATOR, "no such")) is Code.NOT_FOUND
    await bench.administration.resolve(OPERATOR, held.id, "rejected", "  giả mạo ")
    event = await last(bench)
    assert (event.kind, event.actor) == ("held.rejected", OPERATOR.actor)
    assert event.detail["reason"] == "giả mạo"
    assert await bench.state(sent) is DeliveryState.REFUSED


# --- the directory ----------------------------------------------------------------------------------------


async def test_new_agencies_have_queues_and_are_served_at_once(bench: Bench) -> None:
    version = await bench.administration.put_agencies(OPERATOR, [NEW], "thành lập")
    assert version == await bench.store.directory_version()
    event = await last(bench)
    assert (event.kind, event.actor, event.detail["reason"]) == (
        "directory.changed",
        OPERATOR.actor,
        "thành lập",
    )
    await bench.sent(PROVINCE, [NEW.code])
    await bench.walk(PROVINCE, NEW.code)


async def test_an_unsound_directory_changes_nothing(bench: Bench) -> None:
    before = await bench.kinds()
    orphan = Agency(code="H48.91", name="Không cha", tier="department", parent="H99")
    answer = bench.administration.put_agencies(OPERATOR, [orphan], "thử")
    assert await code_of(answer) is Code.ARGUMENT_INVALID
    assert (await bench.kinds(), bench.hub.directory.find("H48.91")) == (before, None)


async def test_the_directory_is_filtered_by_words_tier_and_environment(bench: Bench) -> None:
    await bench.put_agencies(
        Agency(code="W00", name="Cơ quan thử", tier="commune", parent=DISTRICT, environment=Environment.TEST)
    )

    async def codes(**given: Any) -> list[str]:
        asked: dict[str, Any] = {"text": "", "tier": "", "include_test": False} | given
        found, version = await bench.administration.agencies(OPERATOR, **asked)
        assert version == await bench.store.directory_version()
        return [agency.code for agency in found]

    assert "W00" not in await codes()
    assert "W00" in await codes(include_test=True)
    assert await codes(tier="province") == [PROVINCE]
    assert await codes(text="binh chanh") == [COMMUNE]
    assert await codes(text="binh chanh", tier="province") == []


async def test_a_closed_agency_names_its_successors_to_senders(bench: Bench) -> None:
    closed = await bench.administration.close_agency(OPERATOR, "000.02.33.H48", ["000.05.31.H48"], "sáp nhập")
    assert (closed.status, closed.successors) == (AgencyStatus.CLOSED, (COMMUNE,))
    assert closed.valid_to == bench.at.date()
    event = await last(bench)
    assert (event.kind, event.subject, event.actor) == ("agency.closed", OTHER_COMMUNE, OPERATOR.actor)
    with pytest.raises(Refusal) as caught:
        await bench.submit(PROVINCE, [OTHER_COMMUNE])
    assert caught.value.code is Code.RECIPIENT_CLOSED
    assert COMMUNE in (caught.value.detail or "")


@pytest.mark.parametrize(
    ("code", "successors", "reason", "expected"),
    [
        ("H99", [], "vì", Code.NOT_FOUND),
        (COMMUNE, ["H99"], "vì", Code.ARGUMENT_INVALID),
        (COMMUNE, ["000.05.31.H48"], "vì", Code.ARGUMENT_INVALID),  # its own successor
        (COMMUNE, [], " ", Code.ARGUMENT_INVALID),
    ],
)
async def test_what_cannot_be_closed_stays_open(
    bench: Bench, code: str, successors: list[str], reason: str, expected: Code
) -> None:
    answer = bench.administration.close_agency(OPERATOR, code, successors, reason)
    assert await code_of(answer) is expected
    assert all(agency.status is AgencyStatus.ACTIVE for agency in await bench.store.directory())


async def test_a_document_on_the_way_to_an_agency_that_closes_goes_no_further(bench: Bench) -> None:
    sent = await bench.sent(COMMUNE, [DEPARTMENT])
    await bench.walk(COMMUNE, DISTRICT)
    await bench.administration.close_agency(OPERATOR, DEPARTMENT, [PROVINCE], "sáp nhập")
    await bench.walk(PROVINCE)
    assert DEPARTMENT not in [node for node, _, _ in bench.broker.published]
    assert await bench.state(sent) is DeliveryState.IN_TRANSIT


# --- certificates -----------------------------------------------------------------------------------------


async def test_a_bound_certificate_counts_at_once_and_a_revoked_one_no_more(bench: Bench) -> None:
    key = bench.world.issue("second key").signing_key
    pem = key.certificate_pem()
    admin = bench.administration
    row = await admin.bind_certificate(OPERATOR, pem, "000.05.31.H48", "signature", "agency")
    assert (row.agency, row.sha256) == (COMMUNE, key.certificate_sha256)
    event = await last(bench)
    assert (event.kind, event.subject, event.detail["sha256"]) == ("certificate.bound", COMMUNE, row.sha256)
    await bench.submit(COMMUNE, [DEPARTMENT], key=key)
    revoked = await admin.revoke_certificate(OPERATOR, row.sha256, "mất khóa")
    assert (revoked.revoked_at, revoked.revoke_reason) == (bench.at, "mất khóa")
    event = await last(bench)
    assert (event.kind, event.detail["reason"]) == ("certificate.revoked", "mất khóa")
    answer = bench.submit(COMMUNE, [DEPARTMENT], key=key, code_number="2")
    assert await code_of(answer) is Code.CERTIFICATE_REVOKED
    again = admin.bind_certificate(OPERATOR, pem, COMMUNE, "signature", "agency")
    assert await code_of(again) is Code.STATE_ILLEGAL
    assert len(await admin.certificates(OPERATOR, "000.05.31.H48")) == 2
    assert len(await admin.certificates(OPERATOR, None)) > 2


async def test_an_operators_certificate_belongs_to_no_agency(bench: Bench) -> None:
    admin = bench.administration
    row = await admin.bind_certificate(OPERATOR, fresh(), "ignored", "transport", "operator")
    assert (row.agency, row.role) == ("", "operator")
    assert (await last(bench)).subject == row.subject


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda a: a.bind_certificate(OPERATOR, fresh(), "H99", "signature", "agency"), Code.NOT_FOUND),
        (lambda a: a.bind_certificate(OPERATOR, b"x", COMMUNE, "signature", "agency"), Code.ARGUMENT_INVALID),
        (lambda a: a.bind_certificate(OPERATOR, fresh(), COMMUNE, "signature", "x"), Code.ARGUMENT_INVALID),
        (lambda a: a.certificates(OPERATOR, "H99"), Code.NOT_FOUND),
        (lambda a: a.revoke_certificate(OPERATOR, "0" * 64, "mất"), Code.NOT_FOUND),
        (lambda a: a.revoke_certificate(OPERATOR, "0" * 64, ""), Code.ARGUMENT_INVALID),
    ],
)
async def test_wrong_requests_leave_no_event(
    bench: Bench, call: Callable[[Administration], Awaitable[Any]], expected: Code
) -> None:
    before = await bench.kinds()
    assert await code_of(call(bench.administration)) is expected
    assert await bench.kinds() == before


@pytest.mark.parametrize("method", ["put_agencies", "bind_certificate", "revoke_certificate"])
async def test_a_store_that_fails_leaves_the_old_world(bench: Bench, method: str) -> None:
    before = bench.knowledge.now
    bench.store.fail_next(method, HubFault("the database is away"))
    calls: dict[str, Call] = EVERY | {
        "revoke_certificate": lambda a, c: a.revoke_certificate(
            c, world().key(COMMUNE).certificate_sha256, "mất"
        )
    }
    with pytest.raises(HubFault):
        await calls[method](bench.administration, OPERATOR)
    await bench.knowledge.refresh()
    assert bench.knowledge.now is before


async def test_a_plan_is_told_withdrawn_and_logged(bench: Bench) -> None:
    admin, day = bench.administration, date(2099, 7, 1)
    move = ReformOrder(kind=ReformKind.MOVE, codes=(COMMUNE,), root=True, on=day)
    await admin.reform(OPERATOR, move, "NQ 1")
    (plan,) = await admin.plans(OPERATOR, on=day, code=COMMUNE)
    assert (plan.agency.code, plan.change) == (COMMUNE, DatedChange(on=day, root=True))
    assert await admin.plans(OPERATOR, on=date(2099, 7, 2), code="") == []
    withdraw = ReformOrder(kind=ReformKind.WITHDRAW, codes=(COMMUNE,), on=day)
    await admin.reform(OPERATOR, withdraw, "hoãn")
    assert await admin.plans(OPERATOR, on=None, code="") == []
    (event, *_) = await admin.events(OPERATOR, None, 1)
    assert (event.kind, event.subject, event.detail["reason"], event.detail["on"]) == (
        "agency.plan_withdrawn",
        COMMUNE,
        "hoãn",
        "2099-07-01",
    )
    with pytest.raises(Refusal) as refused:
        await admin.plans(OPERATOR, on=None, code="H99")
    assert refused.value.code is Code.NOT_FOUND
