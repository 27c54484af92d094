"""ReceiptService keeps the contract of receipts.proto, for agencies and for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from lienthong.api.v1 import receipts_pb2 as pb
from lienthong.api.v1 import receipts_pb2_grpc
from lienthong.hub.receipt_port import OverdueKind
from lienthong.hub.receipts import Side
from tests.fakes.hub import RECIPIENT
from tests.fakes.hub_rows import SENDER
from tests.fakes.receipts import DUE, FakeReceipts
from tests.fakes.rpc import WAIT, Refused, Running, serving
from tests.fakes.transport_pki import Holder


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        server.hub.receipts = FakeReceipts(RECIPIENT, items=3)  # type: ignore[attr-defined]
        yield server


async def ask(running: Running, holder: Holder, method: str, request: Any) -> Any:
    async with running.connect(holder) as client:
        stub = receipts_pb2_grpc.ReceiptServiceStub(client.channel)  # type: ignore[no-untyped-call]
        return await getattr(stub, method)(request, timeout=WAIT)


def asked(running: Running) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = running.hub.receipts.asked  # type: ignore[attr-defined]
    return found


async def test_a_list_goes_on_page_by_page(running: Running) -> None:
    request = pb.ListOverdueRequest(page_size=2)
    first = await ask(running, running.peers.recipient, "ListOverdue", request)
    assert [item.delivery.delivery_id for item in first.items] == ["delivery-0", "delivery-1"]
    request.page_token = first.next_page_token
    second = await ask(running, running.peers.recipient, "ListOverdue", request)
    assert [item.delivery.delivery_id for item in second.items] == ["delivery-2"]
    assert second.next_page_token == ""
    item = second.items[0]
    assert (item.document.sender, item.delivery.recipient, item.delivery.state) == (
        SENDER,
        RECIPIENT,
        "CONSIGNED",
    )
    assert item.delivery.receipt_due_at.ToDatetime(tzinfo=UTC) == DUE
    assert item.delivery.expires_at.ToDatetime(tzinfo=UTC) == DUE


async def test_what_is_asked_reaches_the_hub(running: Running) -> None:
    since = datetime(2026, 3, 1, tzinfo=UTC)
    stamp = Timestamp()
    stamp.FromDatetime(since)
    request = pb.ListOverdueRequest(
        kind="unfetched", side="sender", recipient=" H48 ", since=stamp, page_size=9_999
    )
    await ask(running, running.peers.sender, "ListOverdue", request)
    await ask(running, running.peers.operator, "ListOverdue", pb.ListOverdueRequest())
    plain = {"sender": None, "recipient": None, "since": None, "after": None}
    assert asked(running) == [
        (
            SENDER,
            OverdueKind.UNFETCHED,
            {**plain, "side": Side.SENDER, "recipient": "H48", "since": since, "limit": 501},
        ),
        ("operator:CN=operator", OverdueKind.LATE, {**plain, "side": Side.RECIPIENT, "limit": 101}),
    ]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListOverdueRequest(kind="early"), "kind"),
        (pb.ListOverdueRequest(side="both"), "side"),
        (pb.ListOverdueRequest(sender="\x00"), "sender"),
        (pb.ListOverdueRequest(page_token="unknown"), "after"),
        (pb.GetFiguresRequest(month=""), "month"),
        (pb.GetFiguresRequest(month="2026-13"), "month"),
        (pb.GetFiguresRequest(month="2026-3"), "month"),
        (pb.GetFiguresRequest(month="9999-12"), "month"),
        (pb.GetFiguresRequest(month="2026-03-01"), "month"),
    ],
)
async def test_senseless_arguments_are_named(running: Running, request_: Any, field: str) -> None:
    method = "ListOverdue" if isinstance(request_, pb.ListOverdueRequest) else "GetFigures"
    refused = await Refused.by(ask(running, running.peers.operator, method, request_))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", field)


async def test_figures_name_the_agency(running: Running) -> None:
    answer = await ask(running, running.peers.operator, "GetFigures", pb.GetFiguresRequest(month="2026-03"))
    (line,) = answer.figures
    assert (line.agency, line.name, line.sent, line.received) == (RECIPIENT, "Sở Nội vụ", 1, 10)
    assert (line.on_time, line.late, line.waiting, line.withdrawn) == (6, 2, 1, 1)
    assert asked(running) == [("operator:CN=operator", date(2026, 3, 1))]


async def test_a_stranger_learns_nothing(running: Running) -> None:
    for method, request in (
        ("ListOverdue", pb.ListOverdueRequest()),
        ("GetFigures", pb.GetFiguresRequest(month="2026-03")),
    ):
        refused = await Refused.by(ask(running, running.peers.stranger, method, request))
        assert refused.reason == "UNAUTHENTICATED"
    assert asked(running) == []
