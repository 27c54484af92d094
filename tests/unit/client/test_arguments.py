"""Does the agency's program judge its arguments before it looks for a hub? None runs here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lienthong_client.cli.main import app
from tests.fakes.exchange import FakeExchange
from tests.fakes.ports import free_port

SENDER = "H48.31.05"
SEND = ["send", "--to", "H48.33.02", "--subject", "Mời họp", "--attach", "a.pdf"]

WRONG = [
    (["figures", "--month", "nonsense"], "month"),
    (["fetch", " ", "in"], "delivery"),
    (["ack", " "], "delivery"),
    (["track", " "], "document"),
    (["recall", "1", "--reason", " "], "reason"),
    (["recall", "1", "--reason", "x", "--to", "H48.31.05,?"], "to"),
    (["status", "1", "99"], "code"),
    (["submit", "a.pdf", "--receipt", "no/such/folder/r.xml"], "receipt"),
    ([*SEND, "--to", "@a:b:c:d"], "to"),
    ([*SEND, "--to", " , "], "to"),
    ([*SEND, "--subject", " "], "subject"),
    ([*SEND, "--type", "Thiệp"], "type"),
    ([*SEND, "--priority", "9"], "priority"),
    ([*SEND, "--code", "12"], "code"),
    ([*SEND, "--number", "12", "--notation", " "], "code"),
    ([*SEND, "--keep", "no/such/folder/d.edxml"], "keep"),
    ([*SEND, "--update", " "], "update"),
    ([*SEND, "--replace", "1", "--for", "a/b"], "for"),
    ([*SEND, "--replace", "1", "--for", "H48", "a/b"], "for"),
    ([*SEND, "--update", "1", "--remove", "H48", "a/b"], "remove"),
    (["agencies", "find", " "], "text"),
    (["agencies", "show", "../H48"], "code"),
    (["agencies", "sync", "no/such/folder/d.csv"], "file"),
    (["agencies", "groups", "show", "@"], "expression"),
    (["agencies", "groups", "put", "Ven Bien", "H48"], "name"),
    (["agencies", "groups", "put", "ven-bien", "a b"], "members"),
    (["agencies", "groups", "delete", "Ven Bien"], "name"),
]


@pytest.fixture
def profile(hub: FakeExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile whose hub is down; `a.pdf` lies in the current folder."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 ... %%EOF")
    monkeypatch.chdir(tmp_path)
    return hub.write_profile(tmp_path / "down" / SENDER, SENDER, address=f"127.0.0.1:{free_port()}")


def run(profile: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--profile", str(profile), "--lang", "en", "--json", *arguments])


@pytest.mark.parametrize(
    ("arguments", "field"), WRONG, ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else None
)
def test_judged_before_the_hub_is_looked_for(profile: Path, arguments: list[str], field: str) -> None:
    done = run(profile, *arguments)
    assert done.exit_code == 2, done.output
    assert json.loads(done.stdout)["error"]["field"] == field


def test_a_document_for_evidence_is_read_before_the_hub_is_looked_for(profile: Path) -> None:
    done = run(profile, "evidence", "1", "proof", "--document", "a.pdf")
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["error"]["code"].startswith("XML_")


def test_days_have_bounds(profile: Path) -> None:
    assert run(profile, "late", "--days", "99999999999").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["figures", "--month", "2026-03"],
        ["figures"],
        ["recall", "1", "--reason", "x", "--to", "H48.31.05, H48.11"],
    ],
)
def test_right_arguments_wait_for_the_hub(profile: Path, arguments: list[str]) -> None:
    assert run(profile, *arguments).exit_code == 4
