"""Does every operators' command ask the hub what it should, and tell the answer to people and programs?"""

from __future__ import annotations

import asyncio
import json
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from lienthong.cli.main import app
from lienthong.domain.agency import Agency, DatedChange
from lienthong.domain.directory_csv import read_csv, write_csv
from lienthong.domain.directory_file import read_agencies, write_agencies
from lienthong.domain.lifecycle import ReformKind, ReformOrder, plans
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.rows import DocumentQuery, HeldKind
from tests.fakes.hub import FakeAdministration
from tests.fakes.ports import free_port
from tests.fakes.rpc import Running, serving

COMMUNE, DISTRICT = "H48.31.05", "H48.31"


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Desk:
    """An operator's terminal, connected to a fake hub."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.hub = running.hub
        self.asked = running.administration.asked
        self.administration: FakeAdministration = running.administration
        self.folder = folder
        self.profile = write_profile(folder, running, port=running.port)

    async def run(self, *arguments: str) -> Answer:
        return await invoke("--profile", str(self.profile), *arguments)


async def invoke(*arguments: str) -> Answer:
    # the command runs an event loop of its own: it needs a thread of its own
    result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def write_profile(folder: Path, running: Running, *, port: int) -> Path:
    operator = running.peers.operator
    (folder / "ca.pem").write_bytes(running.peers.authority.pem)
    (folder / "tls.pem").write_bytes(operator.certificate)
    (folder / "tls.key").write_bytes(operator.key)
    profile = folder / "profile.toml"
    profile.write_text(
        f'[hub]\naddress = "127.0.0.1:{port}"\nca = "ca.pem"\ncertificate = "tls.pem"\nkey = "tls.key"\n'
    )
    return profile


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    languages = ("LIENTHONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    for name in ("LIENTHONG_STATE", "LIENTHONG_OPERATOR_PROFILE", *languages):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    structlog.configure(
        logger_factory=structlog.ReturnLoggerFactory()
    )  # the server shares our standard output
    async with serving() as running:
        yield Desk(running, tmp_path)
    structlog.reset_defaults()


# --- one test per command -------------------------------------------------------------------------------


async def test_queues_list(desk: Desk) -> None:
    answer = await desk.run("queues", "list", "--json")
    assert answer.code == 0
    [row] = answer.rows
    assert (row["node"], row["lane"], row["ready"], row["unacked"], row["consumers"]) == (
        "H48",
        "express",
        3,
        None,
        1,
    )
    assert row["oldest"].endswith("Z")
    assert "holds publishers back" in answer.err
    everything = await desk.run("queues", "list", "--all")
    assert "CONSUMERS" in everything.out
    assert "holds publishers back" in everything.out
    assert desk.asked["queues"] == [(False,), (True,)]


async def test_queues_list_says_what_the_store_knows_while_the_broker_is_away(desk: Desk) -> None:
    desk.administration.broker_away = True
    answer = await desk.run("queues", "list", "--json")
    assert answer.code == 4
    [row] = answer.rows
    assert (row["ready"], row["unacked"], row["consumers"], row["documents"]) == (None, None, None, 4)
    assert "UNAVAILABLE: the broker does not answer" in answer.err
    assert "Is RabbitMQ running?" in answer.err
    shown = await desk.run("queues", "list")
    assert shown.code == 4
    assert "DOCUMENTS" in shown.out
    assert "what the store knows" in shown.out


@pytest.mark.parametrize(
    ("name", "kind", "held"),
    [("quarantine", HeldKind.QUARANTINE, "h1"), ("dead-letters", HeldKind.DEAD_LETTER, "h2")],
)
async def test_held_messages_list_and_show(desk: Desk, name: str, kind: HeldKind, held: str) -> None:
    answer = await desk.run(name, "list", "--resolved", "--limit", "7", "--json")
    assert [row["id"] for row in answer.rows] == [held]
    assert desk.asked["held"] == [(kind, True, 7)]
    shown = await desk.run(name, "show", held, "--json", "--message", str(desk.folder / "m"))
    assert shown.rows[0]["held"]["kind"] == kind.value
    assert shown.rows[0]["transit_message_bytes"] == (desk.folder / "m").stat().st_size > 0
    assert held in (await desk.run(name, "show", held)).out
    nowhere = await desk.run(name, "show", held, "--json", "--message", str(desk.folder / "no" / "m"))
    assert (nowhere.code, nowhere.rows[0]["error"]["code"]) == (2, "ARGUMENT_INVALID")
    assert held in (await desk.run(name, "list")).out


@pytest.mark.parametrize(
    ("words", "held", "resolution"),
    [
        ("quarantine release", "h1", "released"),
        ("quarantine reject", "h1", "rejected"),
        ("dead-letters requeue", "h2", "requeued"),
        ("dead-letters discard", "h2", "discarded"),
    ],
)
async def test_held_messages_are_resolved_with_a_reason(
    desk: Desk, words: str, held: str, resolution: str
) -> None:
    missing = await desk.run(*words.split(), held)
    assert missing.code == 2
    assert "--reason" in missing.err
    answer = await desk.run(*words.split(), held, "--reason", "vì sao", "--json")
    assert answer.rows[0]["resolution"] == resolution
    assert desk.asked["resolve"] == [(held, resolution, "vì sao")]
    again = await desk.run(*words.split(), held, "--reason", "x", "--json")
    assert again.code == 3
    assert again.rows[0]["error"]["code"] == "STATE_ILLEGAL"


async def test_documents_find_and_show(desk: Desk) -> None:
    document = desk.hub.put(b"<edXML/>").document
    answer = await desk.run(
        "documents", "find", "phòng", "dịch", "--sender", "A", "--recipient", "B", "--delivery-state", "dead",
        "--since", "2020-02-01", "--until", "2020-02-02T10:00:00Z", "--limit", "3", "--before", "x", "--json",
    )  # fmt: skip
    assert [row["document_id"] for row in answer.rows] == [document.id]
    [(query,)] = desk.asked["find_documents"]
    assert isinstance(query, DocumentQuery)
    assert (query.text, query.sender, query.recipient, query.limit, query.before_id) == (
        "phòng dịch",
        "A",
        "B",
        3,
        "x",
    )
    assert query.since is not None
    assert query.until is not None
    assert query.since.isoformat() == "2020-01-31T17:00:00+00:00"
    assert query.until.isoformat() == "2020-02-02T10:00:00+00:00"
    shown = await desk.run("documents", "show", document.id)
    assert document.subject in shown.out
    assert "WAY" in shown.out
    as_json = (await desk.run("documents", "show", document.id, "--json")).rows[0]
    assert as_json["document"]["sha256"] == document.sha256
    assert (await desk.run("documents", "find", "--since", "gestern")).code == 2


async def test_evidence_export_writes_a_folder_or_a_zip(desk: Desk) -> None:
    document = desk.hub.put(b"<edXML/>").document
    folder, packed = desk.folder / "out", desk.folder / "out.zip"
    answer = await desk.run("evidence", "export", document.id, str(folder), "--json")
    assert answer.rows[0]["files"][0] == "document.edxml"
    assert (folder / "document.edxml").read_bytes() == b"<edXML/>"
    assert (folder / "evidence" / "002-empty.xml").read_bytes() == b""
    assert (await desk.run("evidence", "export", document.id, str(packed))).code == 0
    with zipfile.ZipFile(packed) as archive:
        assert archive.read("document.edxml") == b"<edXML/>"
    assert (await desk.run("evidence", "export", document.id, str(folder))).code == 2


async def test_a_failed_export_leaves_nothing(desk: Desk) -> None:
    answer = await desk.run("evidence", "export", "unknown", str(desk.folder / "out"), "--json")
    assert answer.rows[0]["error"]["code"] == "NOT_FOUND"
    assert [p.name for p in desk.folder.iterdir() if "out" in p.name] == []


async def test_agencies_list_and_export(desk: Desk) -> None:
    answer = await desk.run("agencies", "list", "quảng", "ngãi", "--tier", "province", "--test", "--json")
    assert {row["tier"] for row in answer.rows} == {"province"}
    assert desk.asked["agencies"] == [("quảng ngãi", "province", True)]
    exported = await desk.run("agencies", "export")
    assert read_agencies(exported.out) == tuple(desk.hub.directory)
    as_json = await desk.run("agencies", "export", "--json")
    assert len(as_json.rows) == len(desk.hub.directory)


async def test_agencies_add_and_close(desk: Desk) -> None:
    added = await desk.run(
        "agencies", "add", "H48.31.09", "--name", "Xã Mới", "--tier", "commune", "--parent", "H48",
        "--alias", "000.09.31.H48", "--valid-from", "2020-01-01", "--reason", "QĐ 1",
    )  # fmt: skip
    assert added.code == 0, added.err
    [((agency,), reason)] = desk.asked["put_agencies"]
    assert isinstance(agency, Agency)
    assert (agency.code, agency.aliases, agency.parent, reason) == (
        "H48.31.09",
        ("000.09.31.H48",),
        "H48",
        "QĐ 1",
    )
    assert (
        await desk.run("agencies", "add", "../x", "--name", "a", "--tier", "b", "--reason", "c")
    ).code == 2
    closed = await desk.run(
        "agencies", "close", COMMUNE, "--successor", "H48", "--reason", "sáp nhập", "--json"
    )
    assert (closed.rows[0]["status"], closed.rows[0]["successors"]) == ("closed", ["H48"])


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (
            ["close", COMMUNE, "--successor", "H48", "--on", "2030-07-01"],
            ReformOrder(kind=ReformKind.CLOSE, codes=(COMMUNE,), into=("H48",), on=date(2030, 7, 1)),
        ),
        (
            ["lock", COMMUNE, "--until", "2030-07-01"],
            ReformOrder(kind=ReformKind.LOCK, codes=(COMMUNE,), until=date(2030, 7, 1)),
        ),
        (["unlock", COMMUNE], ReformOrder(kind=ReformKind.UNLOCK, codes=(COMMUNE,))),
        (
            ["merge", COMMUNE, "--into", DISTRICT, "--on", "2030-07-01"],
            ReformOrder(kind=ReformKind.MERGE, codes=(COMMUNE,), into=(DISTRICT,), on=date(2030, 7, 1)),
        ),
        (
            ["split", COMMUNE, "--into", DISTRICT, "--into", "H48"],
            ReformOrder(kind=ReformKind.SPLIT, codes=(COMMUNE,), into=(DISTRICT, "H48")),
        ),
        (
            ["move", COMMUNE, "--parent", "H48"],
            ReformOrder(kind=ReformKind.MOVE, codes=(COMMUNE,), into=("H48",)),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
async def test_agencies_are_reformed(desk: Desk, words: list[str], order: ReformOrder) -> None:
    told = await desk.run("agencies", *words, "--reason", "NQ 1677", "--dry-run")
    assert told.code == 0, told.err
    assert COMMUNE in told.out
    done = await desk.run("agencies", *words, "--reason", "NQ 1677")
    assert done.code == 0, done.err
    assert desk.asked["reform"] == [(order, "NQ 1677", True), (order, "NQ 1677", False)]
    assert (await desk.run("agencies", *words)).code == 2


async def test_groups_are_kept_and_shown(desk: Desk) -> None:
    kept = await desk.run("agencies", "groups", "put", "ven-bien", "@communes:H48", DISTRICT)
    assert kept.code == 0, kept.err
    listed = await desk.run("agencies", "groups", "list", "--json")
    assert [(row["name"], row["members"]) for row in listed.rows] == [
        ("ven-bien", ["@communes:H48", DISTRICT])
    ]
    shown = await desk.run("agencies", "groups", "show", "@ven-bien", "--json")
    assert {COMMUNE, DISTRICT} <= {row["code"] for row in shown.rows}
    assert (await desk.run("agencies", "groups", "delete", "ven-bien")).code == 0
    assert (await desk.run("agencies", "groups", "delete", "ven-bien")).code == 3


async def test_a_table_is_exported_and_imported_for_a_day(desk: Desk) -> None:
    exported = await desk.run("agencies", "export", "--csv")
    assert read_csv(exported.out) == tuple(desk.hub.directory)
    file = desk.folder / "d.csv"
    moved = [replace(a, parent="H48") if a.code == COMMUNE else a for a in desk.hub.directory]
    file.write_text("\ufeff" + write_csv(moved), "utf-8")
    done = await desk.run("agencies", "import", str(file), "--on", "2099-07-01", "--reason", "hai cấp")
    assert done.code == 0, done.err
    [((agency,), _)] = desk.asked["put_agencies"]
    assert (agency.code, agency.changes) == (
        COMMUNE,
        (DatedChange(on=date(2099, 7, 1), parent="H48"),),
    )


async def test_agencies_are_imported_in_one_call_of_parts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lienthong.cli.agencies.BATCH", 2)
    child = Agency(code="A.1", name="a", tier="t", parent="A")
    file = desk.folder / "d.yaml"
    agencies = [child, *(Agency(code=code, name="b", tier="t") for code in ("B", "C", "D", "A"))]
    file.write_text(write_agencies(agencies), "utf-8")
    done = await desk.run("agencies", "import", str(file), "--reason", "r", "--json")
    assert done.rows == [{"version": 8, "agencies": 5}]
    assert desk.asked["put_agencies"] == [(tuple(agencies), "r")]


async def test_agencies_are_listed_page_by_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    every = sorted(agency.code for agency in desk.hub.directory)
    whole = await desk.run("agencies", "list", "--json")
    assert sorted(row["code"] for row in whole.rows) == every
    some = await desk.run("agencies", "list", "--json", "--limit", "2")
    assert len(some.rows) == 2
    assert "more than these 2" in some.err
    monkeypatch.setattr("lienthong.cli.agencies.SHOWN", 3)
    told = await desk.run("agencies", "list")
    assert "more than these 3" in told.err


async def test_plans_are_listed_and_withdrawn(desk: Desk) -> None:
    day = date(2099, 7, 1)
    change = DatedChange(on=day, root=True, name="Bình Minh")
    commune = replace(desk.hub.directory.agencies[COMMUNE], changes=(change,))
    desk.hub.directory = desk.hub.directory.renewed([commune], version=9)
    desk.administration.plans_to_come = plans(desk.hub.directory, after=date(2026, 3, 2))
    (row,) = (await desk.run("agencies", "plans", "list", "--json")).rows
    assert (row["on"], row["code"], row["kind"], row["change"]["root"]) == (
        "2099-07-01",
        COMMUNE,
        "change",
        True,
    )
    told = await desk.run("agencies", "plans", "list", COMMUNE, "--on", "2099-07-01")
    assert "name Bình Minh, under nobody" in " ".join(told.out.split())
    assert desk.asked["plans"][-1] == (day, COMMUNE)
    words = ("agencies", "plans", "withdraw", "--on", "2099-07-01", "--reason", "hoãn")
    assert (await desk.run(*words)).code == 2
    done = await desk.run(*words, "--all")
    assert done.code == 0, done.err
    order = ReformOrder(kind=ReformKind.WITHDRAW, codes=(COMMUNE,), on=day)
    assert desk.asked["reform"] == [(order, "hoãn", False)]
    assert (await desk.run(*words, COMMUNE, "--dry-run")).code == 0
    desk.administration.plans_to_come = []
    assert (await desk.run(*words, "--all")).code == 3


async def test_an_agency_is_made_a_root(desk: Desk) -> None:
    words = ("agencies", "move", DISTRICT, "--on", "2099-07-01", "--reason", "r")
    assert (await desk.run(*words)).code == 2
    assert (await desk.run(*words, "--root", "--parent", "H48")).code == 2
    assert (await desk.run(*words, "--root")).code == 0
    order = ReformOrder(kind=ReformKind.MOVE, codes=(DISTRICT,), root=True, on=date(2099, 7, 1))
    assert desk.asked["reform"] == [(order, "r", False)]


async def test_certificates(desk: Desk) -> None:
    assert (await desk.run("certificates", "list", "H48", "--json")).rows[0]["purpose"] == "transport"
    pem = str(desk.folder / "tls.pem")
    assert (
        await desk.run("certificates", "bind", pem, "--agency", "H48", "--purpose", "transport")
    ).code == 0
    assert (await desk.run("certificates", "bind", pem, "--operator")).code == 0
    assert [arguments[1:] for arguments in desk.asked["bind_certificate"]] == [
        ("H48", "transport", "agency"),
        ("", "transport", "operator"),
    ]
    assert (await desk.run("certificates", "bind", pem)).code == 2
    revoked = await desk.run("certificates", "revoke", "AB:CD" + "0" * 60, "--reason", "mất", "--json")
    assert revoked.rows[0]["sha256"] == "abcd" + "0" * 60
    assert revoked.rows[0]["revoke_reason"] == "mất"


async def test_reconcile_and_events(desk: Desk) -> None:
    assert (await desk.run("reconcile", "--all", "--json")).rows == [{"published": 3}]
    assert desk.asked["reconcile"] == [(True,)]
    assert "3 documents" in (await desk.run("reconcile")).out
    events = await desk.run("events", "--document", "d", "--limit", "5", "--json")
    assert set(events.rows[0]) == {"at", "actor", "kind", "document_id", "subject", "detail"}
    assert desk.asked["events"] == [("d", 5)]
    assert "EVENT" in (await desk.run("events")).out


# --- options, errors ------------------------------------------------------------------------------------


async def test_the_shared_options_stand_before_or_after_the_command(desk: Desk) -> None:
    profile = str(desk.profile)
    for words in (
        ("--json", "--profile", profile, "queues", "list"),
        ("queues", "--json", "--profile", profile, "list"),
        ("queues", "list", "--json", "--profile", profile),
    ):
        assert (await invoke(*words)).rows[0]["node"] == "H48"


async def test_the_profile_is_found_by_environment_and_by_the_last_state_folder(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = await invoke("queues", "list")
    assert (nothing.code, "--state" in nothing.err) == (2, True)
    state = desk.folder / "state"
    (state / "operator").mkdir(parents=True)
    for file in ("ca.pem", "tls.pem", "tls.key", "profile.toml"):
        (state / "operator" / file).write_bytes((desk.folder / file).read_bytes())
    pointer = desk.folder / "xdg" / "lienthong" / "current"
    pointer.parent.mkdir(parents=True)
    pointer.write_text(f"{state}\n")
    assert (await invoke("queues", "list")).code == 0
    pointer.unlink()
    monkeypatch.setenv("LIENTHONG_STATE", str(state))
    assert (await invoke("queues", "list")).code == 0
    monkeypatch.setenv("LIENTHONG_STATE", "/nowhere")
    monkeypatch.setenv("LIENTHONG_OPERATOR_PROFILE", str(desk.profile))
    assert (await invoke("queues", "list")).code == 0
    assert (await invoke("queues", "list", "--state", "/nowhere")).code == 2


async def test_a_refusal_is_told_with_its_code_and_exit_3(desk: Desk) -> None:
    as_json = await desk.run("quarantine", "show", "unknown", "--json")
    assert as_json.code == 3
    assert as_json.rows == [{"error": {"code": "NOT_FOUND", "message": "Not found (unknown)", "field": "id"}}]
    told = await desk.run("quarantine", "show", "unknown")
    assert told.code == 3
    assert told.out == ""
    assert "NOT_FOUND: Not found (unknown)" in told.err


async def test_a_refusal_is_told_in_vietnamese_where_the_account_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "vi_VN.UTF-8")
    assert "Không tìm thấy" in (await desk.run("quarantine", "show", "unknown")).err


async def test_a_hub_that_cannot_serve_is_exit_4_without_internals(desk: Desk) -> None:
    desk.administration.fails["queues"] = HubFault("secret: SELECT * FROM x")
    answer = await desk.run("queues", "list", "--json")
    assert answer.code == 4
    assert answer.rows[0]["error"]["code"] == "UNAVAILABLE"
    assert "SELECT" not in answer.out + answer.err


async def test_a_hub_that_is_down_is_exit_4_with_a_clear_text(desk: Desk) -> None:
    port = free_port()
    desk.profile.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", desk.profile.read_text()))
    answer = await desk.run("queues", "list", "--json")
    assert answer.code == 4
    error = answer.rows[0]["error"]
    assert (error["code"], error["field"]) == ("UNAVAILABLE", None)
    assert f"no hub answers at 127.0.0.1:{port}" in error["message"]
    assert f"127.0.0.1:{port}" in (await desk.run("queues", "list")).err


async def test_an_agencys_certificate_is_not_permitted(desk: Desk) -> None:
    desk.administration.fails["queues"] = Refusal(
        Code.NOT_PERMITTED, detail="an operator's certificate is needed"
    )
    assert (await desk.run("queues", "list", "--json")).rows[0]["error"]["code"] == "NOT_PERMITTED"


@pytest.mark.parametrize("text", ["[hub", "[hub]\naddress = 'a:1'", "x = 1"])
async def test_an_unusable_profile_is_a_usage_error(desk: Desk, text: str) -> None:
    desk.profile.write_text(text)
    answer = await desk.run("queues", "list")
    assert answer.code == 2
    assert "profile" in answer.err
