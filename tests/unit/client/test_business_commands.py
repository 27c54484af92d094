"""Do statuses, recalls, changes, notices and late documents have their promised shapes and exit codes?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lienthong.api.v1 import receipts_pb2
from lienthong.errors import Code, Refusal
from lienthong_client import AgencyClient
from lienthong_client.cli.main import app
from lienthong_client.results_business import Change
from tests.fakes.exchange import FakeExchange, Stored
from tests.fakes.ports import free_port
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
DEADLINE = 20.0  # seconds


@dataclass(frozen=True)
class Desk:
    """A clerk's terminal in every agency."""

    profile_of: Callable[[str], Path]

    def __call__(self, agency: str, *args: str) -> Result:
        return CliRunner().invoke(app, [*args, "--lang", "en", "--profile", str(self.profile_of(agency))])

    def json(self, agency: str, *args: str, exit_code: int = 0) -> list[dict[str, Any]]:
        result = self(agency, *args, "--json")
        assert result.exit_code == exit_code, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    def one(self, agency: str, *args: str, exit_code: int = 0) -> dict[str, Any]:
        (found,) = self.json(agency, *args, exit_code=exit_code)
        return found


@pytest.fixture
def desk(profile_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(profile_of)


@pytest.fixture
def stored(hub: FakeExchange, signed: bytes) -> Stored:
    """A document in the inboxes of RECIPIENT and OTHER."""
    return hub.put(signed)


# --- status ---------------------------------------------------------------------------------------------


def test_a_status_is_a_signed_package_and_stands_in_the_history(
    desk: Desk, hub: FakeExchange, stored: Stored
) -> None:
    said = desk.one(
        RECIPIENT, "status", stored.id, "03", "--description", "Số đến 87", "--staff", "Lê Văn C",
        "--department", "Văn phòng",
    )  # fmt: skip
    assert set(said) == {"document_id", "sha256", "recipients", "accepted_at", "repeated", "warnings"}
    assert [(each["code"], each["state"]) for each in said["recipients"]] == [(SENDER, "ACCEPTED")]
    assert hub.calls["Submit"] == 1
    delivery = desk.one(SENDER, "track", stored.id)["deliveries"][0]
    (line,) = delivery["statuses"]
    assert set(line) == {
        "code", "written", "sender", "said_at", "accepted_at", "step", "description", "department", "staff",
        "package_id",
    }  # fmt: skip
    assert (line["code"], line["sender"], line["step"]) == ("03", RECIPIENT, "APPLIED")
    assert (line["description"], line["staff"], line["department"]) == ("Số đến 87", "Lê Văn C", "Văn phòng")
    assert (delivery["status"], line["package_id"]) == ("03", said["document_id"])


def test_a_status_is_told_to_people(desk: Desk, stored: Stored) -> None:
    result = desk(RECIPIENT, "status", stored.id, "05")
    assert result.exit_code == 0
    assert result.stdout.startswith("Said: 05")


def test_an_illegal_status_exits_3(desk: Desk, stored: Stored) -> None:
    desk.one(RECIPIENT, "status", stored.id, "05")
    assert desk.one(RECIPIENT, "status", stored.id, "03", exit_code=3)["error"]["code"] == "STATUS_ILLEGAL"
    assert desk.one(RECIPIENT, "status", "unknown", "03", exit_code=3)["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("code", ["99", "x", ""])
def test_a_status_that_is_none_is_never_sent(
    desk: Desk, hub: FakeExchange, stored: Stored, code: str
) -> None:
    refused = desk.one(RECIPIENT, "status", stored.id, code, exit_code=2)
    assert (refused["error"]["code"], refused["error"]["field"]) == ("STATUS_ILLEGAL", "code")
    assert hub.calls["Submit"] == 0


# --- recall ---------------------------------------------------------------------------------------------


def test_a_recall_tells_each_recipients_outcome(desk: Desk, stored: Stored) -> None:
    desk.one(RECIPIENT, "ack", stored.deliveries[RECIPIENT])
    results = {line["recipient"]: line for line in desk.json(SENDER, "recall", stored.id, "--reason", "Nhầm")}
    assert set(results) == {RECIPIENT, OTHER}
    assert set(results[OTHER]) == {
        "recipient",
        "state",
        "node",
        "handed_over_at",
        "request",
        "warnings",
        "error",
    }
    assert set(results[OTHER]["request"]) == {
        "kind", "state", "reason", "asked_at", "settled_at", "answer", "answer_package_id", "package_id",
    }  # fmt: skip
    assert results[OTHER]["state"] == "WITHDRAWN"
    assert {code: line["request"]["state"] for code, line in results.items()} == {
        RECIPIENT: "ASKED",
        OTHER: "WITHDRAWN",
    }
    assert all(line["request"]["reason"] == "Nhầm" and line["error"] is None for line in results.values())

    desk.one(RECIPIENT, "status", stored.id, "16", "--description", "Đã xử lý")
    (request,) = desk.one(SENDER, "track", stored.id)["deliveries"][0]["requests"]
    assert (request["state"], request["answer"]) == ("DECLINED", "Đã xử lý")


def test_a_recall_from_some_leaves_the_others_alone(desk: Desk, stored: Stored) -> None:
    (line,) = desk.json(SENDER, "recall", stored.id, "--reason", "Nhầm", "--to", OTHER)
    assert line["recipient"] == OTHER
    assert set(stored.said.requests) == {OTHER}
    plain = desk(SENDER, "recall", stored.id, "--reason", "Nhầm", "--to", RECIPIENT)
    assert (plain.exit_code, RECIPIENT in plain.stdout) == (0, True)


def test_a_recall_with_nobody_left_does_nothing(desk: Desk, hub: FakeExchange, stored: Stored) -> None:
    desk.json(SENDER, "recall", stored.id, "--reason", "Nhầm")
    before = hub.calls["Submit"]
    assert desk.json(SENDER, "recall", stored.id, "--reason", "Nhầm") == []
    assert "No recipient is left" in desk(SENDER, "recall", stored.id, "--reason", "Nhầm").stderr
    assert hub.calls["Submit"] == before


def test_a_recall_from_one_who_never_had_it_exits_3(desk: Desk, hub: FakeExchange, stored: Stored) -> None:
    refused = desk.one(SENDER, "recall", stored.id, "--reason", "Nhầm", "--to", "H48.11", exit_code=3)
    assert (refused["error"]["code"], refused["error"]["field"]) == ("NOT_FOUND", "to")
    assert hub.calls["Submit"] == 0


def test_a_refused_recall_stands_beside_the_others_and_exits_3(
    desk: Desk, hub: FakeExchange, stored: Stored
) -> None:
    hub.failures["Submit"] = [Refusal(Code.STATUS_ILLEGAL, detail="too late")]
    *lines, last = desk.json(SENDER, "recall", stored.id, "--reason", "Nhầm", exit_code=3)
    assert sorted((line["error"] or {}).get("code", "") for line in lines) == ["", "STATUS_ILLEGAL"]
    (error,) = (line["error"] for line in lines if line["error"])
    assert set(error) == set(last["error"])  # the shape of every failure
    assert last["error"]["code"] == "STATUS_ILLEGAL"


def test_a_recall_needs_a_reason(desk: Desk, stored: Stored) -> None:
    assert desk(SENDER, "recall", stored.id).exit_code == 2


# --- watch ----------------------------------------------------------------------------------------------


def test_watch_prints_one_object_per_change_and_goes_on_behind_a_place(
    desk: Desk, hub: FakeExchange, stored: Stored
) -> None:
    for code in ("03", "05"):
        desk.one(RECIPIENT, "status", stored.id, code, "--description", f"bước {code}")
    desk.json(SENDER, "recall", stored.id, "--reason", "Nhầm", "--to", OTHER)
    hub.watch_ends = True
    *changes, end = desk.json(SENDER, "watch", "--after", "0", exit_code=3)
    assert end["error"]["code"] == "NOT_PERMITTED"
    assert [(line["kind"], line["value"], line["recipient"], line["detail"]) for line in changes] == [
        ("status", "03", RECIPIENT, "bước 03"),
        ("status", "05", RECIPIENT, "bước 05"),
        ("request", "RECALL WITHDRAWN", OTHER, "Nhầm"),
    ]
    assert set(changes[0]) == {
        "place", "at", "kind", "value", "detail", "recipient", "delivery_id", "state", "status", "document",
    }  # fmt: skip
    assert changes[0]["document"]["document_id"] == stored.id
    *rest, _ = desk.json(SENDER, "watch", "--after", changes[0]["place"], exit_code=3)
    assert rest == changes[1:]
    *mine, _ = desk.json(OTHER, "watch", "--after", "0", exit_code=3)
    assert [line["kind"] for line in mine] == ["request"]
    assert desk.one(SENDER, "watch", exit_code=3)["error"]["code"] == "NOT_PERMITTED"


def test_watch_in_a_pipe_is_a_line_of_columns(desk: Desk, hub: FakeExchange, stored: Stored) -> None:
    desk.one(RECIPIENT, "status", stored.id, "05", "--description", "Đang xử lý")
    hub.watch_ends = True
    result = desk(SENDER, "watch", "--after", "0")
    (line,) = result.stdout.splitlines()
    _, number, recipient, said, why = line.split("\t")
    assert (number, recipient, why) == ("212/UBND-VX", RECIPIENT, "Đang xử lý")
    assert said.startswith("05")


def test_watch_refuses_a_place_that_is_none(desk: Desk, hub: FakeExchange) -> None:
    assert desk.one(SENDER, "watch", "--after", "nowhere", exit_code=3)["error"]["field"] == "after"


def test_watch_of_a_hub_that_is_not_there_exits_4(desk: Desk, hub: FakeExchange) -> None:
    profile = desk.profile_of(SENDER)
    text = profile.read_text("utf-8").replace(f":{hub.port}", f":{free_port()}")
    gone = profile.with_name("gone.toml")
    gone.write_text(text, "utf-8")
    result = CliRunner().invoke(app, ["watch", "--json", "--profile", str(gone)])
    assert result.exit_code == 4


async def test_changes_are_heard_live_and_once_through_a_cut(
    hub: FakeExchange, connect: Callable[[str], AgencyClient], now_world: World
) -> None:
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT]))
    recipient = connect(RECIPIENT)
    cut = asyncio.Event()

    async def heard(changes: AsyncIterator[Change]) -> list[str]:
        async with asyncio.timeout(DEADLINE):
            return [(await anext(changes)).value for _ in range(2)]

    watching = connect(SENDER).watch_changes("0", on_interrupted=lambda *_: cut.set())
    async with aclosing(watching) as changes:
        waiting = asyncio.ensure_future(heard(changes))
        await recipient.set_status(stored.id, "03")
        async with asyncio.timeout(DEADLINE):
            while not cut.is_set():
                hub.end_streams()
                await asyncio.sleep(0.01)
        await recipient.set_status(stored.id, "05")
        assert await waiting == ["03", "05"]


# --- late -----------------------------------------------------------------------------------------------


def test_late_lists_every_page_for_either_side(desk: Desk, hub: FakeExchange, stored: Stored) -> None:
    lines = desk.json(SENDER, "late", "--as", "sender")
    assert [(line["recipient"], line["state"]) for line in lines] == [
        (RECIPIENT, "CONSIGNED"),
        (OTHER, "CONSIGNED"),
    ]
    assert {"document", "delivery_id", "receipt_due_at", "handed_over_at", "expires_at"} <= set(lines[0])
    assert lines[0]["document"]["document_id"] == stored.id
    assert lines[0]["receipt_due_at"].endswith("Z")
    assert [line["recipient"] for line in desk.json(OTHER, "late")] == [OTHER]
    assert [(each.side, each.kind) for each in hub.asked_overdue] == [
        ("sender", "late"),
        ("sender", "late"),
        ("recipient", "late"),
    ]


@pytest.mark.parametrize(
    ("words", "kind", "since"),
    [([], "late", True), (["--days", "0"], "late", False), (["--unfetched"], "unfetched", False)],
)
def test_late_asks_for_what_its_options_say(
    desk: Desk, hub: FakeExchange, words: list[str], kind: str, since: bool
) -> None:
    assert desk.json(RECIPIENT, "late", *words) == []
    (asked,) = hub.asked_overdue
    assert (asked.kind, asked.HasField("since")) == (kind, since)


def test_late_in_a_pipe_is_a_line_of_columns(desk: Desk, stored: Stored) -> None:
    (line,) = desk(RECIPIENT, "late").stdout.splitlines()
    delivery, _due, received, _state, who, number, subject = line.split("\t")
    assert (delivery, received, number) == (stored.deliveries[RECIPIENT], "", "212/UBND-VX")
    assert who.endswith(f"({SENDER})")
    assert subject == stored.package.subject


def test_late_refused_exits_3_and_senseless_options_2(desk: Desk, hub: FakeExchange) -> None:
    hub.failures["ListOverdue"] = [Refusal(Code.NOT_PERMITTED)]
    assert desk.one(RECIPIENT, "late", exit_code=3)["error"]["code"] == "NOT_PERMITTED"
    assert desk(RECIPIENT, "late", "--as", "both").exit_code == 2
    assert desk(RECIPIENT, "late", "--days", "-1").exit_code == 2


# --- notices --------------------------------------------------------------------------------------------


def test_what_was_taken_back_stands_in_the_inbox_until_it_was_seen(desk: Desk, stored: Stored) -> None:
    delivery = stored.deliveries[RECIPIENT]
    assert desk.one(RECIPIENT, "inbox")["notice"] is None
    desk.one(SENDER, "recall", stored.id, "--reason", "Sai thẩm quyền", "--to", RECIPIENT)
    line = desk.one(RECIPIENT, "inbox")
    assert (line["delivery_id"], line["document_id"]) == (delivery, stored.id)
    notice = line["notice"]
    assert (notice["kind"], notice["state"], notice["reason"]) == ("RECALL", "WITHDRAWN", "Sai thẩm quyền")
    assert (notice["delivery_state"], notice["by"]["document_id"]) == ("WITHDRAWN", stored.id)
    refused = desk.one(RECIPIENT, "fetch", delivery, "in", exit_code=3)
    assert refused["error"]["code"] == "DOCUMENT_RECALLED"
    assert not Path("in").exists()
    seen = desk.one(RECIPIENT, "ack", delivery)
    assert seen == {"delivery_id": delivery, "seen": "DOCUMENT_RECALLED", "reason": "Sai thẩm quyền"}
    assert desk.json(RECIPIENT, "inbox") == []


def test_people_read_what_became_of_it(desk: Desk, stored: Stored) -> None:
    desk.one(SENDER, "recall", stored.id, "--reason", "Nhầm", "--to", RECIPIENT)
    result = desk(RECIPIENT, "inbox")
    (line,) = result.stdout.splitlines()
    assert line.split("\t")[-1] == "recalled, do not use it: Nhầm"
    assert "Nothing waits." in result.stderr
    assert "lienthong-agency ack DELIVERY" in result.stderr
    assert desk(RECIPIENT, "ack", stored.deliveries[RECIPIENT]).stdout.startswith("Seen: ")
    assert desk(RECIPIENT, "inbox").stdout == ""


def test_a_question_stays_until_it_is_answered(desk: Desk, stored: Stored) -> None:
    desk.one(RECIPIENT, "ack", stored.deliveries[RECIPIENT])
    desk.one(SENDER, "recall", stored.id, "--reason", "Nhầm", "--to", RECIPIENT)
    assert desk.one(RECIPIENT, "inbox")["notice"]["state"] == "ASKED"
    assert f"status {stored.id} 15" in desk(RECIPIENT, "inbox").stdout
    desk.one(RECIPIENT, "ack", stored.deliveries[RECIPIENT])
    assert desk.one(RECIPIENT, "inbox")["notice"]["state"] == "ASKED"
    desk.one(RECIPIENT, "status", stored.id, "16", "--description", "Đã xử lý")
    assert desk.json(RECIPIENT, "inbox") == []


# --- figures --------------------------------------------------------------------------------------------


def test_figures_are_ones_own(desk: Desk, hub: FakeExchange) -> None:
    line = {"sent": 1, "received": 10, "on_time": 6, "late": 2, "waiting": 1, "withdrawn": 1}
    hub.figures = [
        receipts_pb2.Figures(agency=RECIPIENT, name="Xã", **line),
        receipts_pb2.Figures(agency=OTHER, name="Xã khác", sent=99),
    ]
    assert desk.one(RECIPIENT, "figures", "--month", "2026-03") == {
        "month": "2026-03",
        "agency": RECIPIENT,
        "name": "Xã",
        **line,
    }
    nothing = desk.one(SENDER, "figures")
    assert (nothing["agency"], nothing["name"], nothing["received"]) == (SENDER, None, 0)
    shown = desk(RECIPIENT, "figures", "--month", "2026-03")
    assert [row.split()[-1] for row in shown.stdout.splitlines()] == ["1", "10", "6", "2", "1", "1"]


def test_a_month_that_is_none_is_refused(desk: Desk) -> None:
    refused = desk.one(RECIPIENT, "figures", "--month", "March", exit_code=2)
    assert refused["error"]["field"] == "month"
