"""BusinessService keeps the contract of business.proto, over real mutual TLS."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lienthong.api.v1 import business_pb2 as pb
from lienthong.api.v1 import business_pb2_grpc
from lienthong.domain.delivery import DeliveryState
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Caller
from lienthong.hub.status_port import ChangeKind, ChangeRow
from tests.fakes.hub import RECIPIENT
from tests.fakes.hub_rows import NOW, SENDER, delivery_row, document_row
from tests.fakes.rpc import WAIT, Client, Refused, Running, serving


class FakeChanges:
    """In the place of `Hub.watch_changes`: gives `rows` behind a place, then waits for more."""

    def __init__(self) -> None:
        self.rows: list[ChangeRow] = []
        self.asked: list[tuple[str, str | None]] = []
        self.watching = 0
        self._changed = asyncio.Condition()

    async def tell(self, row: ChangeRow) -> None:
        async with self._changed:
            self.rows.append(row)
            self._changed.notify_all()

    async def until_watching(self, number: int) -> None:
        async with asyncio.timeout(WAIT), self._changed:
            await self._changed.wait_for(lambda: self.watching == number)

    async def watch(
        self, caller: Caller, *, after: str | None
    ) -> AsyncIterator[tuple[str, ChangeRow | None]]:
        agency = caller.require_agency()
        self.asked.append((agency, after))
        known = [row.id for row in self.rows]
        if after is not None and after not in ("0", *known):
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail=after)
        place = after or (known[-1] if known else "0")
        await self._count(+1)
        try:
            yield place, None
            for given in itertools.count(0 if place == "0" else known.index(place) + 1):
                async with self._changed:
                    await self._changed.wait_for(partial(self._more_than, given))
                yield self.rows[given].id, self.rows[given]
        finally:
            await self._count(-1)

    def _more_than(self, given: int) -> bool:
        return len(self.rows) > given

    async def _count(self, change: int) -> None:
        async with self._changed:
            self.watching += change
            self._changed.notify_all()


@pytest.fixture
def changes() -> FakeChanges:
    return FakeChanges()


@pytest.fixture
async def running(changes: FakeChanges, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    async with serving() as server:
        monkeypatch.setattr(server.hub, "watch_changes", changes.watch, raising=False)
        yield server


@pytest.fixture
async def sender(running: Running) -> AsyncIterator[Client]:
    async with running.connect(running.peers.sender) as client:
        yield client


def watch(client: Client, after: str = "") -> Any:
    stub = business_pb2_grpc.BusinessServiceStub(client.channel)  # type: ignore[no-untyped-call]
    return stub.WatchChanges(pb.WatchChangesRequest(after=after), timeout=WAIT)


def row(place: str, kind: ChangeKind, value: str, detail: str | None = None) -> ChangeRow:
    delivery = delivery_row(
        id="delivery-1", document_id="d1", recipient=RECIPIENT, state=DeliveryState.HANDED_OVER
    )
    return ChangeRow(
        id=place,
        at=NOW,
        kind=kind,
        value=value,
        detail=detail,
        document=document_row(id="d1"),
        delivery=replace(delivery, status="05"),
    )


async def test_the_first_answer_is_only_the_place_to_go_on_from(changes: FakeChanges, sender: Client) -> None:
    changes.rows.append(row("7", ChangeKind.STATE, "CONSIGNED"))
    first = await watch(sender).read()
    assert (first.place, first.HasField("change")) == ("7", False)
    assert changes.asked == [(SENDER, None)]


async def test_each_change_comes_with_its_place_its_document_and_its_delivery(
    changes: FakeChanges, sender: Client
) -> None:
    call = watch(sender)
    await call.read()
    await changes.tell(row("8", ChangeKind.STATUS, "05", "Đang xử lý"))
    answer = await call.read()
    change = answer.change
    assert (answer.place, change.kind, change.value, change.detail) == ("8", "status", "05", "Đang xử lý")
    assert change.at.ToDatetime(tzinfo=NOW.tzinfo) == NOW
    assert (change.document.document_id, change.document.sender) == ("d1", SENDER)
    assert change.document.sender_name == "Ủy ban nhân dân xã Bình Hải"
    delivery = change.delivery
    assert (delivery.delivery_id, delivery.recipient, delivery.recipient_name) == (
        "delivery-1",
        RECIPIENT,
        "Sở Nội vụ",
    )
    assert (delivery.state, delivery.status) == ("HANDED_OVER", "05")
    assert (list(delivery.hops), list(delivery.statuses), list(delivery.requests)) == ([], [], [])
    await changes.tell(row("9", ChangeKind.REQUEST, "RECALL ASKED"))
    answer = await call.read()
    assert (answer.place, answer.change.kind, answer.change.value, answer.change.detail) == (
        "9",
        "request",
        "RECALL ASKED",
        "",
    )


async def test_a_watch_goes_on_behind_a_place(changes: FakeChanges, sender: Client) -> None:
    states = ("IN_TRANSIT", "CONSIGNED", "HANDED_OVER")
    changes.rows += [row(str(place), ChangeKind.STATE, state) for place, state in enumerate(states, 1)]
    call = watch(sender, after="1")
    answers = [await call.read() for _ in range(3)]
    assert [(answer.place, answer.change.value) for answer in answers] == [
        ("1", ""),
        ("2", "CONSIGNED"),
        ("3", "HANDED_OVER"),
    ]


@pytest.mark.parametrize("after", ["nowhere", "\x00", "x" * 10_000])
async def test_a_place_that_is_none_is_refused(changes: FakeChanges, sender: Client, after: str) -> None:
    refused = await Refused.by(watch(sender, after=after).read())
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", "after")


async def test_operators_and_strangers_watch_nothing(running: Running, changes: FakeChanges) -> None:
    for holder, reason in (
        (running.peers.operator, "NOT_PERMITTED"),
        (running.peers.stranger, "UNAUTHENTICATED"),
    ):
        async with running.connect(holder) as client:
            assert (await Refused.by(watch(client).read())).reason == reason
    assert changes.asked == []


async def test_a_certificate_revoked_meanwhile_hears_nothing_more(
    running: Running, changes: FakeChanges, sender: Client
) -> None:
    call = watch(sender)
    await call.read()
    running.hub.revoked |= set(running.hub.callers)
    await changes.tell(row("8", ChangeKind.STATE, "CONSIGNED"))
    assert (await Refused.by(call.read())).reason == "NOT_PERMITTED"
    await changes.until_watching(0)


async def test_the_watch_ends_with_the_client(changes: FakeChanges, sender: Client) -> None:
    call = watch(sender)
    await call.read()
    await changes.until_watching(1)
    call.cancel()
    await changes.until_watching(0)
