"""`lienthong-agency check` on a real machine: what it promises, submit keeps; nothing is sent by it."""

from __future__ import annotations

from pathlib import Path

from tests.services.machine import Machine

COMMUNE, DEPARTMENT = "H48.31.05", "H48.11"


def compose(machine: Machine, pdf: Path, out: Path, *options: str) -> None:
    """A signed document in `out`, sent once."""
    machine.agency(COMMUNE, "send", "--to", DEPARTMENT, "--attach", pdf, "--keep", out, *options)


def test_a_check_tells_all_and_sends_nothing(machine: Machine, pdf: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.edxml"
    compose(machine, pdf, kept, "--subject", "Mời họp", "--code", "901/UBND-VP")
    again = machine.agency(COMMUNE, "check", kept)
    assert (again["clean"], again["signed"]) == (True, True)
    assert again["earlier_document_id"]

    changed = tmp_path / "changed.edxml"
    text = kept.read_text(encoding="utf-8").replace("Mời họp", "Tuyệt mật")
    text = text.replace(f"To>\n        <edXML:OrganId>{DEPARTMENT}<", "To>\n        <edXML:OrganId>H99.99<")
    changed.write_text(text, encoding="utf-8")
    found = machine.agency(COMMUNE, "check", changed, expect=3)
    assert not found["acceptable"]
    told = {problem["rule"] or problem["code"] for problem in found["problems"] if problem["blocking"]}
    assert told >= {"SIGNATURE_INVALID", "secrecy", "DOCUMENT_CONFLICT"}
    assert all(problem["message_vi"] and problem["message_en"] for problem in found["problems"])
    refused = machine.agency(COMMUNE, "submit", changed, expect=3)
    assert refused["error"]["code"] == "SIGNATURE_INVALID"

    offline = machine.agency(COMMUNE, "check", changed, "--offline", expect=3)
    assert {problem["step"] for problem in offline["problems"] if problem["blocking"]} == {
        "signature",
        "rules",
    }


def test_a_number_is_used_once_a_year(machine: Machine, pdf: Path, tmp_path: Path) -> None:
    compose(machine, pdf, tmp_path / "a", "--subject", "Văn bản thứ nhất", "--code", "902/UBND-VP")
    refused = machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--attach", pdf, "--subject", "Văn bản thứ hai",
        "--code", "902/UBND-VP", expect=3,
    )  # fmt: skip
    assert refused["error"]["code"] == "DOCUMENT_CONFLICT"  # the DocumentId is made of the number


def test_harmless_words_of_secrecy_travel_with_the_senders_declaration(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    words = ("--subject", "Hướng dẫn quản lý tài liệu mật", "--code", "903/UBND-VP")
    refused = machine.agency(COMMUNE, "send", "--to", DEPARTMENT, "--attach", pdf, *words, expect=3)
    assert (refused["error"]["code"], refused["error"]["rule"]) == ("RULE_VIOLATED", "secrecy")
    compose(machine, pdf, tmp_path / "kept.edxml", *words, "--not-secret")
    assert b"urn:lienthong:declaration:1" in (tmp_path / "kept.edxml").read_bytes()
    checked = machine.agency(COMMUNE, "check", tmp_path / "kept.edxml")
    assert checked["signer"]
