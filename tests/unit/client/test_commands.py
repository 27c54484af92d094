"""Does each command answer in its promised shape, with its promised exit code?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong_client.cli.main import app
from lienthong_client.directory import read_copy
from tests.fakes.exchange import FakeExchange
from tests.fakes.ports import free_port
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
Run = Callable[..., Result]


@pytest.fixture
def run(profile_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(agency: str, *args: str) -> Result:
        profile = profile_of(agency)
        return CliRunner().invoke(app, [*args, "--profile", str(profile)])

    return run


def answer(result: Result, exit_code: int = 0) -> dict[str, Any]:
    assert result.exit_code == exit_code, result.output
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def error(result: Result, exit_code: int) -> dict[str, Any]:
    found = answer(result, exit_code)["error"]
    assert {"code", "message", "field", "remedy"} <= set(found)
    return dict(found)


def test_sign_submit_fetch_ack_track_evidence_verify(run: Run, now_world: World, tmp_path: Path) -> None:
    Path("draft.edxml").write_bytes(b"1212" + now_world.package(SENDER, [RECIPIENT, OTHER, "H99"]))
    signed = answer(run(SENDER, "--json", "sign", "draft.edxml", "signed.edxml"))
    data = Path("signed.edxml").read_bytes()
    assert signed["sha256"] == sha256_hex(data)

    accepted = answer(run(SENDER, "submit", "signed.edxml", "--receipt", "receipt.xml", "--json"))
    assert {"document_id", "sha256", "recipients"} <= set(accepted)
    assert accepted["sha256"] == sha256_hex(data)
    assert [(r["code"], r["state"]) for r in accepted["recipients"]] == [
        (RECIPIENT, "ACCEPTED"),
        (OTHER, "ACCEPTED"),
        ("H99", "REFUSED"),
    ]
    assert "error" not in accepted["recipients"][0]
    assert set(accepted["recipients"][2]["error"]) == {"code", "message", "field"}
    document = accepted["document_id"]

    item = answer(run(RECIPIENT, "inbox", "--json"))
    assert item["document_id"] == document
    delivery = item["delivery_id"]

    fetched = answer(run(RECIPIENT, "fetch", delivery, "in", "--json"))
    assert Path("in/document.edxml").read_bytes() == data
    assert fetched["files"]["attachments"] == [str(Path("in/attachments/212_UBND-VX.pdf"))]
    assert Path("in/attachments/212_UBND-VX.pdf").read_bytes().startswith(b"%PDF")
    assert len(fetched["verified"]["hops"]) == 5
    assert fetched["verified"]["binding"] == "certificate"
    again = answer(run(RECIPIENT, "fetch", delivery, "in", "--json"))
    assert again["files"] == fetched["files"]

    done = answer(run(RECIPIENT, "ack", delivery, "--json"))
    assert (done["delivery_id"], done["state"]) == (delivery, "HANDED_OVER")

    tracked = answer(run(SENDER, "track", document, "--json"))
    assert tracked["document_id"] == document
    first = tracked["deliveries"][0]
    assert (first["recipient"], first["state"], first["status"]) == (RECIPIENT, "HANDED_OVER", "01")
    assert {"node", "tier", "received_at", "verdict"} <= set(first["hops"][0])
    assert tracked["deliveries"][2]["error"]["code"] == "RECIPIENT_UNKNOWN"

    proof = answer(run(SENDER, "evidence", document, "proof", "--document", "signed.edxml", "--json"))
    assert proof["sha256"] == sha256_hex(data)
    assert len(proof["files"]) == 11

    for target in ("proof", "in", "signed.edxml", "receipt.xml"):
        assert answer(run(SENDER, "verify", target, "--json"))["verdict"] == "PASSED"


def test_send_takes_lists_after_an_option(run: Run, hub: FakeExchange) -> None:
    Path("a.pdf").write_bytes(b"%PDF-1.4 a")
    Path("b.pdf").write_bytes(b"%PDF-1.4 b")
    result = run(
        SENDER, "send", "--to", RECIPIENT, OTHER, "--subject", "Mời họp", "--attach", "a.pdf", "b.pdf",
        "--code", "12/UBND-VP", "--type", "GM", "--priority", "khan", "--due", "2030-01-31", "--keep", "k.edxml",
        "--json",
    )  # fmt: skip
    accepted = answer(result)
    stored = hub.documents[accepted["document_id"]]
    assert stored.package.recipient_codes == (RECIPIENT, OTHER)
    assert [entry.attachment_name for entry in stored.package.manifest] == ["a.pdf", "b.pdf"]
    assert Path("k.edxml").read_bytes() == stored.data


def test_send_without_number_warns_people(run: Run) -> None:
    Path("a.pdf").write_bytes(b"%PDF-1.4 a")
    result = run(SENDER, "send", "--to", RECIPIENT, "--subject", "x", "--attach", "a.pdf")
    assert result.exit_code == 0
    assert "CHUACAPSO" in result.stderr


@pytest.mark.parametrize(
    "extra",
    [
        ("--priority", "9"),
        ("--type", "XX"),
        ("--code", "12"),
        ("--number", "12"),
        ("--attach", "missing.pdf"),
        ("--due", "31/01/2030"),
    ],
)
def test_send_with_impossible_values_is_wrong_usage(
    run: Run, hub: FakeExchange, extra: tuple[str, str]
) -> None:
    Path("a.pdf").write_bytes(b"%PDF-1.4 a")
    result = run(SENDER, "send", "--to", RECIPIENT, "--subject", "x", "--attach", "a.pdf", *extra, "--json")
    assert error(result, 2)["code"] == "ARGUMENT_INVALID"
    assert hub.calls["Submit"] == 0


def test_inbox_prints_one_object_per_line(run: Run, hub: FakeExchange, now_world: World) -> None:
    for number in ("1", "2", "3"):
        hub.put(now_world.signed(SENDER, [RECIPIENT], code_number=number))
    result = run(RECIPIENT, "inbox", "--json")
    numbers = [json.loads(line)["code_number"] for line in result.stdout.splitlines()]
    assert numbers == ["1", "2", "3"]
    assert run(OTHER, "inbox", "--json").stdout == ""
    plain = run(RECIPIENT, "inbox").stdout.splitlines()
    assert [line.split("\t")[3] for line in plain] == ["1/UBND-VX", "2/UBND-VX", "3/UBND-VX"]


def test_agencies_find(run: Run) -> None:
    lines = run(SENDER, "agencies", "find", "tịnh", "--json").stdout.splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["H48.33", "H48.33.02", "H48.33.03"]
    assert run(SENDER, "agencies", "find", "tịnh").stdout.splitlines()[0].split("\t")[0] == "H48.33"


def test_agencies_show(run: Run) -> None:
    found = answer(run(SENDER, "agencies", "show", "000.05.31.H48", "--json"))
    assert (found["code"], found["parent"], found["changes"]) == (SENDER, "H48.31", [])
    assert "H48.31" in run(SENDER, "agencies", "show", SENDER).stdout
    assert error(run(SENDER, "agencies", "show", "H99", "--json"), 3)["code"] == "NOT_FOUND"


def test_agencies_groups(run: Run) -> None:
    assert answer(
        run(SENDER, "agencies", "groups", "put", "ven-bien", RECIPIENT, "@communes:H48.31", "--json")
    )["members"] == [RECIPIENT, "@communes:H48.31"]
    assert answer(run(SENDER, "agencies", "groups", "list", "--json"))["name"] == "ven-bien"
    lines = run(SENDER, "agencies", "groups", "show", "@ven-bien", "--json").stdout.splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["H48.31.06", RECIPIENT]
    assert answer(run(SENDER, "agencies", "groups", "delete", "@ven-bien", "--json")) == {
        "deleted": "ven-bien"
    }
    assert error(run(SENDER, "agencies", "groups", "show", "@ven-bien", "--json"), 3)["code"] == "NOT_FOUND"


def test_a_group_is_sent_to_as_explicit_recipients(run: Run, hub: FakeExchange) -> None:
    Path("cv.pdf").write_bytes(b"%PDF-1.4 cv")
    sent = answer(
        run(
            SENDER, "send", "--to", "@communes:H48.33", "H48.11", "--subject", "Phòng chống lụt bão",
            "--attach", "cv.pdf", "--code", "7/UBND", "--json",
        )
    )  # fmt: skip
    assert [r["code"] for r in sent["recipients"]] == [RECIPIENT, OTHER, "H48.11"]
    (stored,) = hub.documents.values()
    assert stored.package.recipient_codes == (RECIPIENT, OTHER, "H48.11")


@pytest.mark.parametrize("name", ["agencies.csv", "agencies.yaml"])
def test_agencies_sync_brings_what_changed(run: Run, name: str, now_world: World) -> None:
    first = answer(run(SENDER, "agencies", "sync", name, "--json"))
    assert (first["version"], first["whole"], first["agencies"]) == (4, True, 8)
    assert read_copy(Path(name)).agencies == now_world.directory.agencies
    again = answer(run(SENDER, "agencies", "sync", name, "--json"))
    assert (again["whole"], again["changed"], again["agencies"]) == (False, 0, 8)
    Path(name).write_text(Path(name).read_text("utf-8") + "\n", "utf-8")  # by hand
    assert answer(run(SENDER, "agencies", "sync", name, "--json"))["whole"]
    assert "8" in run(SENDER, "agencies", "sync", name).output


def test_refused_submission_exits_3_with_the_hubs_code(run: Run, signed: bytes, hub: FakeExchange) -> None:
    Path("bad.edxml").write_bytes(signed.replace("triển".encode(), b"xong!"))
    assert error(run(SENDER, "submit", "bad.edxml", "--json"), 3)["code"] == "SIGNATURE_INVALID"
    plain = run(SENDER, "submit", "bad.edxml")
    assert plain.exit_code == 3
    assert plain.stdout == ""
    assert "SIGNATURE_INVALID" in plain.stderr
    hub.failures["Submit"] = [Refusal(Code.RULE_VIOLATED, field="MessageHeader/Subject", detail="R1")]
    found = error(run(SENDER, "submit", "bad.edxml", "--json"), 3)
    assert (found["code"], found["field"]) == ("RULE_VIOLATED", "MessageHeader/Subject")


def test_a_hub_that_cannot_serve_exits_4_as_one_that_is_not_there(
    run: Run, hub: FakeExchange, signed: bytes
) -> None:
    Path("signed.edxml").write_bytes(signed)
    hub.failures["Submit"] = [Refusal(Code.UNAVAILABLE) for _ in range(4)]  # each try of the client
    assert error(run(SENDER, "submit", "signed.edxml", "--json"), 4)["code"] == "UNAVAILABLE"


def test_tampered_bytes_of_a_lying_hub_exit_3_and_write_nothing(
    run: Run, hub: FakeExchange, signed: bytes
) -> None:
    stored = hub.put(signed)
    hub.tamper = lambda data: data.replace("triển".encode(), b"xong!")
    assert error(run(RECIPIENT, "fetch", stored.id, "in", "--json"), 3)["code"] == "SIGNATURE_INVALID"
    assert not Path("in").exists()
    assert error(run(RECIPIENT, "ack", stored.id, "--json"), 3)["code"] == "SIGNATURE_INVALID"
    assert stored.handovers == {}


def test_fetch_over_another_document_is_refused(run: Run, hub: FakeExchange, signed: bytes) -> None:
    stored = hub.put(signed)
    Path("in").mkdir()
    Path("in/document.edxml").write_bytes(b"another")
    assert error(run(RECIPIENT, "fetch", stored.id, "in", "--json"), 2)["code"] == "ARGUMENT_INVALID"
    assert Path("in/document.edxml").read_bytes() == b"another"


def test_hostile_attachment_name_stays_in_the_folder(run: Run, hub: FakeExchange, now_world: World) -> None:
    name = "..\N{FULLWIDTH SOLIDUS}\N{RIGHT-TO-LEFT OVERRIDE}.bashrc"
    stored = hub.put(now_world.signed(SENDER, [RECIPIENT], files={name: b"%PDF-1.4 x"}))
    result = run(RECIPIENT, "fetch", stored.id, "in", "--json")
    (path,) = answer(result)["files"]["attachments"]
    assert Path(path).resolve().parent == Path("in/attachments").resolve()
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in path


def test_failed_verification_exits_3_with_every_step(run: Run, signed: bytes) -> None:
    Path("bad.edxml").write_bytes(signed.replace("triển".encode(), b"xong!"))
    result = run(SENDER, "verify", "bad.edxml", "--json")
    found = answer(result, 3)
    assert found["error"]["code"] == "SIGNATURE_INVALID"
    assert found["verdict"] == "FAILED"
    outcomes = {step["name"]: step["verdict"] for step in found["steps"]}
    assert outcomes["cryptography"] == "FAILED"
    assert outcomes["sender"] is None


def test_verify_with_anchors_needs_no_profile(
    run: Run, signed: bytes, profile_of: Callable[[str], Path], tmp_path: Path
) -> None:
    profile_of(SENDER)
    trust = tmp_path / "agencies" / "trust"
    Path("a.edxml").write_bytes(signed)
    args = [
        "--profile",
        "none.toml",
        "verify",
        "a.edxml",
        "--json",
        "--anchors",
        str(trust / "agency-ca.pem"),
    ]
    assert answer(CliRunner().invoke(app, args))["verdict"] == "PASSED"
    args[-1] = str(trust / "infrastructure-ca.pem")
    assert error(CliRunner().invoke(app, args), 3)["code"] == "CERTIFICATE_UNTRUSTED"
    Path("no.pem").write_text("no")
    args[-1] = "no.pem"
    assert error(CliRunner().invoke(app, args), 2)["field"] == "--anchors"


def test_wrong_profile_exits_2(tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    for text in (None, "agency = ", "agency = 'H48'"):
        if text is not None:
            profile.write_text(text)
        result = CliRunner().invoke(app, ["--profile", str(profile), "inbox", "--json"])
        assert str(profile) in error(result, 2)["field"]


@pytest.mark.parametrize(
    "args", [("bogus",), ("submit",), ("submit", "missing"), ("inbox", "--bogus"), ("--lang", "fr", "inbox")]
)
def test_wrong_usage_exits_2(args: tuple[str, ...]) -> None:
    assert error(CliRunner().invoke(app, [*args, "--json"]), 2)["code"] == "ARGUMENT_INVALID"
    assert CliRunner().invoke(app, list(args)).exit_code == 2


def test_hub_down_exits_4_and_names_the_address(hub: FakeExchange, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    profile = hub.write_profile(tmp_path / "agencies" / SENDER, SENDER, address=address)
    result = CliRunner().invoke(app, ["--profile", str(profile), "inbox", "--json"])
    found = error(result, 4)
    assert found["code"] == "UNAVAILABLE"
    assert address in found["message"]
    assert "openssl s_client" in found["remedy"]
    people = CliRunner().invoke(app, ["--profile", str(profile), "inbox", "--lang", "vi"])
    assert people.exit_code == 4
    assert "Không kết nối được tới hub" in people.stderr


def test_messages_of_the_hub_are_asked_for_in_the_users_language(run: Run, hub: FakeExchange) -> None:
    assert run(SENDER, "inbox", "--lang", "vi").exit_code == 0
    assert set(hub.languages) == {"vi"}


def test_a_fault_of_the_program_shows_no_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("lienthong_client.client.AgencyClient.inbox", broken)
    result = run(SENDER, "inbox")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "boom" in result.stderr
    assert error(run(SENDER, "inbox", "--json"), 1)["code"] == "INTERNAL"


@pytest.mark.parametrize(
    "command", ["sign", "submit", "send", "inbox", "fetch", "ack", "track", "agencies", "verify", "evidence"]
)
def test_help_teaches_with_an_example(command: str) -> None:
    args = [command, "find", "--help"] if command == "agencies" else [command, "--help"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0
    assert "Example" in result.output
    assert "lienthong-agency" in result.output


def test_several_files_are_answered_each_for_itself(run: Run, now_world: World) -> None:
    good = [now_world.signed(SENDER, [RECIPIENT], code_number=f"{number}") for number in (901, 902)]
    Path("a.edxml").write_bytes(good[0])
    Path("b.edxml").write_bytes(b"no XML")
    Path("c.edxml").write_bytes(good[1])
    names = ("a.edxml", "b.edxml", "c.edxml")
    shown = run(SENDER, "submit", *names, "--json")
    assert shown.exit_code == 3
    answers = {line["file"]: line for line in map(json.loads, shown.stdout.splitlines())}
    assert sorted(answers) == list(names)
    assert answers["a.edxml"]["sha256"] == sha256_hex(good[0])
    assert answers["b.edxml"]["error"]["code"] == "XML_MALFORMED"
    again = run(SENDER, "submit", "a.edxml", "c.edxml")
    assert again.exit_code == 0
    assert answers["a.edxml"]["document_id"] in again.stdout
    plain = run(SENDER, "--lang", "vi", "submit", *names)
    assert "b.edxml  Lỗi: " in plain.stdout
    assert "Cách xử lý" in plain.stderr
    assert (
        error(run(SENDER, "submit", *names, "--receipt", "r.xml", "--json"), 2)["code"] == "ARGUMENT_INVALID"
    )
