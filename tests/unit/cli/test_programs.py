"""What do the programs for services answer when they cannot start, and which nodes does a relay take?

And has every command a help that shows how it is used?
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from lienthong import app as programs
from lienthong.cli.main import app
from lienthong.settings import Settings
from tests.fakes.ports import free_port


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "lienthong.cli.main", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "lienthong.toml"
    url = f"postgresql+psycopg://u:hidden@127.0.0.1:{free_port()}/d"
    file.write_text(f'[store]\nurl = "{url}"\n[broker]\nurls = ["amqp://127.0.0.1:1"]\n', "utf-8")
    return file


@pytest.mark.parametrize("program", ["migrate", "hub", "relay"])
def test_a_database_that_is_away_is_told_with_its_cause_and_without_its_password(
    config: Path, program: str
) -> None:
    ended = run(program, "--config", str(config))
    assert ended.returncode == 1
    assert "refused" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hidden" not in ended.stderr


def test_a_folder_nobody_can_make_is_a_usage_error() -> None:
    ended = run("up", "--state", "/proc/nowhere")
    assert (ended.returncode, ended.stderr) == (2, "/proc/nowhere: No such file or directory\n")


@pytest.mark.parametrize(
    ("words", "patterns"),
    [
        ((), ["*"]),
        (("--nodes", "H48", "--nodes", "H48.3*"), ["H48", "H48.3*"]),
        (("--nodes", "H48", "H48.3*"), ["H48", "H48.3*"]),
    ],
)
def test_a_relay_takes_the_nodes_it_is_given(
    config: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], patterns: list[str]
) -> None:
    served: list[list[str]] = []

    async def run_relay(_: Settings, given: list[str]) -> None:
        served.append(given)

    monkeypatch.setattr(programs, "run_relay", run_relay)
    ended = CliRunner().invoke(app, ["relay", "--config", str(config), *words])
    assert ended.exit_code == 0, ended.output
    assert served == [patterns]


def test_a_pattern_without_its_option_is_a_usage_error(config: Path) -> None:
    assert CliRunner().invoke(app, ["relay", "--config", str(config), "H48"]).exit_code == 2


def words_of(command: Any, *before: str) -> Iterator[str]:
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from words_of(each, *before, name)
        else:
            yield " ".join((*before, name))


@pytest.mark.parametrize("words", list(words_of(get_command(app))))
def test_every_command_has_help_with_an_example(words: str) -> None:
    answer = CliRunner().invoke(app, [*words.split(), "--help"])
    assert answer.exit_code == 0
    assert f"lienthong {words}" in " ".join(answer.output.split())
