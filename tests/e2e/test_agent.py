"""Two offices that only know folders: a commune's outbox, four tiers, a department's inbox, and the receipt back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.services.machine import BIN, ROOT, Machine, run, until

FILES = 5
COMMUNE, DEPARTMENT, OTHER = "H48.31.05", "H48.11", "H48.36.02"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine of our own: it is stopped and started again."""
    made = Machine(tmp_path / "state", ROOT / "directory" / "four-tier-sample.yaml")
    made.start()
    yield made
    assert made.stop() == 0


@contextmanager
def agent(machine: Machine, code: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`lienthong-agency agent` as a service would run it."""
    folder.mkdir(exist_ok=True)
    config = folder / "agent.toml"
    config.write_text(
        f'profile = "{machine.profile(code)}"\nfolder = "office"\n[outbox]\nsettle = 0.3\npoll = 0.1\n'
    )
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [BIN / "lienthong-agency", "agent", "--config", config], stderr=log, env=dict(os.environ)
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGKILL), (folder / "log").read_text()


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _result(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "result.json").read_bytes())
    return found


def test_outbox_of_a_commune_becomes_inbox_of_a_department(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "xã", tmp_path / "sở"
    with agent(machine, COMMUNE, ours), agent(machine, DEPARTMENT, theirs):
        outbox = ours / "office/outbox"
        until(outbox.exists)
        (outbox / "báo cáo.pdf").write_bytes(pdf.read_bytes())
        (outbox / "báo cáo.yaml").write_text(
            f"to: [{DEPARTMENT}]\nsubject: Báo cáo tháng 3\ncode: 31/BC-UBND\ntype: BC\npriority: khan\n"
        )
        (arrived,) = until(lambda: _found(theirs, "office/inbox/*"))
        assert arrived.name.endswith(f"{COMMUNE} 31-BC-UBND")
        assert (arrived / "attachments/báo cáo.pdf").read_bytes() == pdf.read_bytes()
        (sent,) = until(lambda: _found(ours, "office/sent/*"))
        document = _result(sent)["document_id"]
        until(lambda: machine.state_of(COMMUNE, document, DEPARTMENT) == "HANDED_OVER")
    assert (arrived / "document.edxml").read_bytes() == (sent / "document.edxml").read_bytes()
    run("lienthong-agency", "--profile", machine.profile(DEPARTMENT), "--json", "verify", arrived)
    run(
        "lienthong-agency", "--profile", machine.profile(COMMUNE), "--json", "verify", sent / "acceptance.xml"
    )


def test_machine_away_and_agents_killed_lose_and_double_nothing(
    machine: Machine, pdf: Path, tmp_path: Path
) -> None:
    """The machine is down while files are put out, agents die by SIGKILL; every document arrives, once."""
    ours, theirs = tmp_path / "xã", tmp_path / "xã khác"
    office = ours / "office"
    assert machine.stop() == 0
    with agent(machine, COMMUNE, ours) as first:
        until((office / "outbox").exists)
        for number in range(FILES):
            (office / f"outbox/{number}.pdf").write_bytes(pdf.read_bytes())
            letter = f"to: {OTHER}\nsubject: Số {number}\ncode: {number}/UBND-VP\n"
            (office / f"outbox/{number}.yaml").write_text(letter)
        until(lambda: len(_found(office, "sending/*")) == FILES)
        first.kill()
    with agent(machine, COMMUNE, ours) as second, agent(machine, OTHER, theirs):
        machine.start()
        until(lambda: _found(office, "sent/*"))
        second.kill()
        second.wait(10)
        with agent(machine, COMMUNE, ours):
            until(lambda: len(_found(office, "sent/*")) == FILES)
            until(lambda: len(_found(theirs, "office/inbox/*")) == FILES)
            until(lambda: not _found(theirs, "office/.arriving/*"))  # every receipt is with the hub
            results = [_result(place) for place in _found(office, "sent/*")]
            assert machine.state_of(COMMUNE, results[0]["document_id"], OTHER) == "HANDED_OVER"
    assert len({result["document_id"] for result in results}) == FILES
    assert len(_found(theirs, "office/inbox/*")) == FILES
    assert _found(office, "failed/*") + _found(office, "sending/*") + _found(office, "outbox/*") == []
