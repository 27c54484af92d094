"""Do the operators' lists and figures ask the hub what they should, and tell it to people and programs?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path

import pytest
import structlog

from lienthong.cli import output
from lienthong.hub.receipt_port import OverdueKind
from tests.fakes.hub import RECIPIENT
from tests.fakes.receipts import FakeReceipts
from tests.fakes.rpc import serving
from tests.unit.cli.test_operators_commands import Desk


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    for name in ("LIENTHONG_STATE", "LIENTHONG_OPERATOR_PROFILE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with serving() as running:
        running.hub.receipts = FakeReceipts(RECIPIENT, items=700)  # type: ignore[attr-defined]
        yield Desk(running, tmp_path)
    structlog.reset_defaults()


def receipts(desk: Desk) -> FakeReceipts:
    found: FakeReceipts = desk.hub.receipts  # type: ignore[attr-defined]
    return found


async def test_documents_late(desk: Desk) -> None:
    answer = await desk.run("documents", "late", "--recipient", RECIPIENT, "--limit", "600", "--json")
    assert answer.code == 0
    assert len(answer.rows) == 600
    assert answer.rows[0]["delivery"]["recipient"] == RECIPIENT
    assert answer.rows[0]["delivery"]["receipt_due_at"].endswith("Z")
    assert [(kind, asked["recipient"], asked["limit"]) for _, kind, asked in receipts(desk).asked] == [
        (OverdueKind.LATE, RECIPIENT, 501),
        (OverdueKind.LATE, RECIPIENT, 101),
    ]
    age = datetime.now(output.VIETNAM) - receipts(desk).asked[0][2]["since"]
    assert 29 < age.total_seconds() / 86_400 < 31
    shown = await desk.run("documents", "late", "--days", "0", "--limit", "1")
    assert "DUE" in shown.out
    assert RECIPIENT in shown.out
    assert receipts(desk).asked[-1][2]["since"] is None


async def test_documents_unfetched(desk: Desk) -> None:
    answer = await desk.run("documents", "unfetched", "--sender", "H48.31.05", "--limit", "2", "--json")
    assert [row["delivery"]["delivery_id"] for row in answer.rows] == ["delivery-0", "delivery-1"]
    ((_, kind, asked),) = receipts(desk).asked
    assert (kind, asked["sender"], asked["since"]) == (OverdueKind.UNFETCHED, "H48.31.05", None)


async def test_figures(desk: Desk) -> None:
    (row,) = (await desk.run("figures", "--month", "2026-03", "--json")).rows
    assert (row["agency"], row["received"], row["on_time"], row["late"]) == (RECIPIENT, 10, 6, 2)
    assert receipts(desk).asked == [("operator:CN=operator", date(2026, 3, 1))]
    shown = await desk.run("figures")
    assert "75.0" in shown.out
    today = datetime.now(output.VIETNAM).date()
    assert receipts(desk).asked[-1][1] == today.replace(day=1)
    refused = await desk.run("figures", "--month", "March")
    assert refused.code == 2
    assert "ARGUMENT_INVALID" in refused.err
