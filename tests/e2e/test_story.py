"""The whole story by hand: `lienthong up`, then only `lienthong-agency` and `lienthong` commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.services.machine import BIN, READY, ROOT, Machine, free_port, listed, run

COMMUNE, DISTRICT, PROVINCE, DEPARTMENT, OTHER = "H48.31.05", "H48.31", "H48", "H48.11", "H48.36.02"
ROAD = [COMMUNE, DISTRICT, PROVINCE, DEPARTMENT]


def test_ready_line_names_where_everything_is(machine: Machine) -> None:
    found = READY.match(machine.ready_line)
    assert found is not None
    assert found[3] == str(machine.state)
    assert machine.profile("000.05.31.H48").resolve() == machine.profile(COMMUNE).resolve()


def test_a_communes_document_travels_four_tiers_and_is_receipted(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    sent = machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--to", OTHER, "--subject", "Báo cáo tháng 3", "--code", "05/BC-UBND",
        "--attach", pdf,
    )  # fmt: skip
    assert [(r["code"], r["state"]) for r in sent["recipients"]] == [
        (DEPARTMENT, "ACCEPTED"),
        (OTHER, "ACCEPTED"),
    ]
    item = machine.until(
        lambda: [i for i in machine.inbox(DEPARTMENT) if i["document_id"] == sent["document_id"]]
    )[0]

    machine.agency(DEPARTMENT, "fetch", item["delivery_id"], tmp_path / "in")
    assert (tmp_path / "in" / "attachments" / pdf.name).read_bytes() == pdf.read_bytes()
    machine.agency(DEPARTMENT, "ack", item["delivery_id"])
    machine.agency(DEPARTMENT, "ack", item["delivery_id"])  # again: nothing changes, no error

    tracked = machine.agency(COMMUNE, "track", sent["document_id"])
    delivery = next(d for d in tracked["deliveries"] if d["recipient"] == DEPARTMENT)
    assert delivery["state"] == "HANDED_OVER"
    assert [(hop["node"], hop["tier"], hop["verdict"]) for hop in delivery["hops"]] == [
        (COMMUNE, "commune", "PASSED"),
        (DISTRICT, "district", "PASSED"),
        (PROVINCE, "province", "PASSED"),
        (DEPARTMENT, "department", "PASSED"),
    ]
    assert all(hop["received_at"] for hop in delivery["hops"])


def test_hop_records_verify_offline_and_a_changed_one_does_not(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    sent = machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--subject", "Tờ trình", "--code", "06/TTr-UBND", "--attach", pdf
    )
    machine.until(lambda: machine.state_of(COMMUNE, sent["document_id"], DEPARTMENT) == "CONSIGNED")
    machine.agency(COMMUNE, "evidence", sent["document_id"], tmp_path / "proof")
    assert run(
        "lienthong-agency", "--profile", machine.profile(COMMUNE), "--json", "verify", tmp_path / "proof"
    )
    hop = next((tmp_path / "proof").rglob("*RelayAcceptance-H48.31.xml"))
    machine.agency(COMMUNE, "verify", hop)
    hop.write_bytes(hop.read_bytes().replace(b"H48.31<", b"H48.36<"))
    answer = machine.agency(COMMUNE, "verify", tmp_path / "proof", expect=3)
    assert "SIGNATURE_INVALID" in str(answer) or "CHAIN_BROKEN" in str(answer)


def test_an_operators_export_verifies_offline(machine: Machine, pdf: Path, tmp_path: Path) -> None:
    sent = machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--subject", "Thông báo", "--code", "07/TB-UBND", "--attach", pdf
    )
    machine.until(lambda: machine.state_of(COMMUNE, sent["document_id"], DEPARTMENT) == "CONSIGNED")
    out = tmp_path / "export.zip"
    machine.operator("evidence", "export", sent["document_id"], out)
    assert "FAILED" not in str(machine.agency(DEPARTMENT, "verify", out))


def test_sign_and_submit_are_two_steps_and_bytes_are_kept(machine: Machine, tmp_path: Path) -> None:
    sloppy = tmp_path / "sloppy.edxml"
    sample = next(iter(sorted((ROOT / "tests" / "samples" / "edxml").glob("*.edxml"))))
    sloppy.write_bytes(sample.read_bytes())
    signed = tmp_path / "signed.edxml"
    refused = machine.agency(COMMUNE, "submit", sloppy, expect=3)
    assert set(refused["error"]) >= {"code", "message", "field"}
    machine.agency(COMMUNE, "sign", sloppy, signed)
    assert signed.read_bytes() != sloppy.read_bytes()


def test_a_tampered_copy_is_refused_with_its_code(machine: Machine, pdf: Path, tmp_path: Path) -> None:
    sent = machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--subject", "Kế hoạch", "--code", "08/KH-UBND", "--attach", pdf
    )
    item = machine.until(
        lambda: [i for i in machine.inbox(DEPARTMENT) if i["document_id"] == sent["document_id"]]
    )[0]
    machine.agency(DEPARTMENT, "fetch", item["delivery_id"], tmp_path / "in")
    signed = (tmp_path / "in" / "document.edxml").read_bytes()
    forged = tmp_path / "forged.edxml"
    forged.write_bytes(signed.replace("Kế hoạch".encode(), "Kế hoach".encode(), 1))
    answer = machine.agency(COMMUNE, "submit", forged, expect=3)
    assert answer["error"]["code"] == "SIGNATURE_INVALID"
    (tmp_path / "same.edxml").write_bytes(signed)
    again = machine.agency(COMMUNE, "submit", tmp_path / "same.edxml")
    assert again["document_id"] == sent["document_id"]
    other = machine.agency(OTHER, "submit", tmp_path / "same.edxml", expect=3)
    assert other["error"]["code"] == "CALLER_NOT_SENDER"


def test_wrong_use_is_exit_2_and_a_hub_that_is_away_is_exit_4(machine: Machine, tmp_path: Path) -> None:
    machine.agency(COMMUNE, "submit", tmp_path / "nowhere.edxml", expect=2)
    profile = tmp_path / "away.toml"
    text = machine.profile(COMMUNE).read_text().replace("../../", f"{machine.state}/")
    folder = machine.profile(COMMUNE).parent.resolve()
    for name in ("tls.pem", "tls.key", "signing.p12"):
        text = text.replace(f'"{name}"', f'"{folder / name}"')
    address = machine.ready_line.split("grpc=")[1].split()[0]
    profile.write_text(text.replace(address, f"127.0.0.1:{free_port()}"))
    answer = run("lienthong-agency", "--profile", profile, "--json", "inbox", expect=4)
    assert answer["error"]["code"] == "UNAVAILABLE"


def test_agencies_are_found_without_diacritics(machine: Machine) -> None:
    found = listed(machine.agency(COMMUNE, "agencies", "find", "binh thanh"))
    assert [agency["code"] for agency in found] == [COMMUNE]


def test_the_operator_sees_every_queue_and_document(machine: Machine, pdf: Path) -> None:
    sent = machine.agency(
        COMMUNE,
        "send",
        "--to",
        DEPARTMENT,
        "--subject",
        "Công văn số chín",
        "--code",
        "09/UBND-VP",
        "--attach",
        pdf,
    )
    machine.until(lambda: machine.state_of(COMMUNE, sent["document_id"], DEPARTMENT) == "CONSIGNED")
    rows = listed(machine.operator("queues", "list", "--all"))
    assert {(row["node"], row["lane"]) for row in rows} >= {
        (node, lane) for node in ROAD for lane in ("express", "normal")
    }
    machine.until(  # RabbitMQ's management numbers are some seconds old
        lambda: all(row["consumers"] >= 1 for row in listed(machine.operator("queues", "list", "--all")))
    )
    shown = machine.operator("documents", "show", sent["document_id"])
    assert "hop.recorded" in str(shown)


def test_an_operator_certificate_cannot_send_and_an_agency_cannot_administer(machine: Machine) -> None:
    profile = machine.profile(COMMUNE)
    answer = run("lienthong", "--profile", profile, "--json", "queues", "list", expect=3)
    assert answer["error"]["code"] == "NOT_PERMITTED"


@pytest.mark.parametrize("program", ["lienthong", "lienthong-agency"])
def test_help_teaches(program: str) -> None:
    done = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
