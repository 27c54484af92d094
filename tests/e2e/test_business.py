"""Statuses, recalls and changes by hand: only commands, real processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.services.machine import BIN, Machine

COMMUNE, DEPARTMENT, OTHER = "H48.31.05", "H48.11", "H48.36.02"


def sent(machine: Machine, pdf: Path, code: str, *to: str) -> str:
    words = [word for recipient in to for word in ("--to", recipient)]
    answer = machine.agency(COMMUNE, "send", *words, "--subject", "Mời họp", "--code", code, "--attach", pdf)
    for recipient in to:
        machine.until_state(COMMUNE, answer["document_id"], recipient, "CONSIGNED")
    document: str = answer["document_id"]
    return document


def delivery(machine: Machine, document: str, recipient: str) -> dict[str, Any]:
    tracked = machine.agency(COMMUNE, "track", document)
    found: dict[str, Any] = next(d for d in tracked["deliveries"] if d["recipient"] == recipient)
    return found


def test_a_status_reaches_the_sender_and_an_illegal_one_is_refused(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    document = sent(machine, pdf, "31/UBND-VP", DEPARTMENT)
    machine.agency(DEPARTMENT, "fetch", document, tmp_path / "in")
    machine.agency(DEPARTMENT, "ack", document)
    said = machine.agency(
        DEPARTMENT, "status", document, "05", "--description", "Đang xử lý", "--staff", "Lê Văn C"
    )
    assert said["warnings"] == []
    seen = delivery(machine, document, DEPARTMENT)
    assert (seen["status"], seen["state"]) == ("05", "HANDED_OVER")
    (line,) = seen["statuses"]
    assert (line["code"], line["sender"], line["description"], line["staff"]) == (
        "05",
        DEPARTMENT,
        "Đang xử lý",
        "Lê Văn C",
    )
    refused = machine.agency(DEPARTMENT, "status", document, "03", expect=3)
    assert refused["error"]["code"] == "STATUS_ILLEGAL"
    machine.until(lambda: [i for i in machine.inbox(COMMUNE) if i["document_id"] == said["document_id"]])


def test_a_recall_says_what_was_stopped_and_what_was_read_and_holds_the_proof(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    document = sent(machine, pdf, "32/UBND-VP", DEPARTMENT, OTHER)
    machine.agency(DEPARTMENT, "fetch", document, tmp_path / "in")
    machine.agency(DEPARTMENT, "ack", document)
    profile = str(machine.profile(COMMUNE))
    words = [
        str(BIN / "lienthong-agency"),
        "--profile",
        profile,
        "--json",
        "recall",
        document,
        "--reason",
        "Gửi nhầm",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    results = {line["recipient"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert results[OTHER]["request"]["state"] == "WITHDRAWN"
    assert results[DEPARTMENT]["request"]["state"] == "ASKED"
    assert results[DEPARTMENT]["handed_over_at"]
    evidence = machine.agency(COMMUNE, "evidence", document, tmp_path / "proof")
    assert evidence
    assert list((tmp_path / "proof").rglob("*ContentHandoverFailure*"))
    refused = machine.agency(OTHER, "fetch", document, tmp_path / "never", expect=3)
    assert "Gửi nhầm" in refused["error"]["detail"]
    machine.agency(DEPARTMENT, "status", document, "16", "--description", "Đã xử lý")
    (request,) = delivery(machine, document, DEPARTMENT)["requests"]
    assert (request["state"], request["answer"], request["reason"]) == ("DECLINED", "Đã xử lý", "Gửi nhầm")


def test_watch_prints_each_change_as_it_happens(machine: Machine, pdf: Path) -> None:
    words = [
        str(BIN / "lienthong-agency"),
        "--profile",
        str(machine.profile(COMMUNE)),
        "--json",
        "watch",
        "--after",
        "0.0",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watch:
        try:
            document = sent(machine, pdf, "33/UBND-VP", DEPARTMENT)
            assert watch.stdout is not None
            values = []
            for line in watch.stdout:
                change = json.loads(line)
                if change["document"]["document_id"] == document:
                    values.append((change["kind"], change["value"], change["recipient"]))
                if values[-1:] == [("state", "CONSIGNED", DEPARTMENT)]:
                    break
        finally:
            watch.kill()
    assert values == [("state", "IN_TRANSIT", DEPARTMENT), ("state", "CONSIGNED", DEPARTMENT)]


def test_a_document_is_updated_and_replaced(machine: Machine, pdf: Path) -> None:
    old = sent(machine, pdf, "34/UBND-VP", DEPARTMENT, OTHER)
    words: list[str | Path] = ["send", "--to", DEPARTMENT, "--subject", "Đính chính", "--attach", pdf]
    updated = machine.agency(
        COMMUNE, *words, "--code", "35/UBND-VP", "--update", old, "--remove", OTHER, "--reason", "Sai số liệu"
    )
    machine.until_state(COMMUNE, updated["document_id"], DEPARTMENT, "CONSIGNED")
    assert delivery(machine, old, OTHER)["state"] == "WITHDRAWN"
    (request,) = delivery(machine, old, DEPARTMENT)["requests"]
    assert (request["kind"], request["state"], request["reason"]) == ("UPDATE", "ASKED", "Sai số liệu")
    machine.agency(COMMUNE, *words, "--code", "36/UBND-VP", "--replace", old, "--for", DEPARTMENT)
    states = [asked["state"] for asked in delivery(machine, old, DEPARTMENT)["requests"]]
    assert states == ["ASKED", "SUPERSEDED"]
    shown = machine.operator("documents", "show", old)
    assert "SUPERSEDED" in json.dumps(shown)
