"""Do the programs in README.md and docs/ run as they stand there? Each one against a real machine.

A page's programs run in the folder the page speaks of, unchanged, while the other side is played for them: a document
is sent to whoever watches an inbox, and the program is ended (Ctrl+C) when it has receipted it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.machine import ROOT, Machine, until

COMMUNE, DEPARTMENT, OTHER = "H48.31.05", "H48.11", "H48.36.02"


def programs(page: str) -> list[str]:
    """The whole programs of a page."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "asyncio.run(" in block]


PROGRAMS = [
    pytest.param(page, code, id=f"{page}-{number}")
    for page in ("README.md", "docs/clients.md")
    for number, code in enumerate(programs(page), start=1)
]


@pytest.fixture
def folder(machine: Machine, pdf: Path, tmp_path: Path) -> Iterator[Path]:
    """The repository's root as README sees it, and the agency's folder as docs/clients.md does."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "try").symlink_to(machine.state)
    files = [tmp_path / "bao-cao.pdf", machine.profile(COMMUNE).parent / "moi-hop.pdf"]
    for file in files:
        file.write_bytes(pdf.read_bytes())
    yield tmp_path
    files[1].unlink()


def test_each_page_has_its_program() -> None:
    assert {param.values[0] for param in PROGRAMS} == {"README.md", "docs/clients.md"}


@pytest.mark.parametrize(("page", "code"), PROGRAMS)
def test_program_of_a_page_runs(machine: Machine, folder: Path, pdf: Path, page: str, code: str) -> None:
    here = folder if page == "README.md" else machine.profile(COMMUNE).parent
    watcher = DEPARTMENT if page == "README.md" else COMMUNE
    already = _sent(machine)
    with (folder / "err").open("wb") as errors:
        program = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=here,
            stderr=errors,
            stdout=subprocess.PIPE,
            env=dict(os.environ),
        )
    try:
        if "watch_inbox" in code:
            sent = machine.agency(
                OTHER, "send", "--to", watcher, "--subject", page, "--code", f"{abs(hash(code)) % 9999}/UBND-VP",
                "--attach", pdf,
            )  # fmt: skip
            until(
                lambda: (
                    program.poll() is not None
                    or machine.state_of(OTHER, sent["document_id"], watcher) == "HANDED_OVER"
                )
            )
            assert program.poll() is None, (folder / "err").read_text()
            program.send_signal(signal.SIGINT)
            assert program.wait(30) in (-signal.SIGINT, 130), (folder / "err").read_text()
        else:
            assert program.wait(60) == 0, (folder / "err").read_text()
    finally:
        if program.poll() is None:
            program.kill()
            program.wait(10)
        assert program.stdout is not None
        program.stdout.close()
    if ".send(" in code:
        assert _sent(machine) > already


def _sent(machine: Machine) -> int:
    """How many documents the commune has sent."""
    found = machine.operator("documents", "find", "--sender", COMMUNE)
    return len(found) if isinstance(found, list) else 1
