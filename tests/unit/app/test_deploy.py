"""Can what lies in deploy/ be used as it is? The settings load, and the units call commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lienthong import settings
from lienthong.cli.main import app as operator
from lienthong_client.agent.settings import AgentSettings
from lienthong_client.cli.main import app as agency

DEPLOY = Path(__file__).parents[3] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAMS = {"lienthong": operator, "lienthong-agency": agency}


def secrets() -> dict[str, str]:
    lines = (DEPLOY / "secrets.env.example").read_text("utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value.strip("'") for name, _, value in pairs}


def test_the_provinces_settings_load_with_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in secrets().items():
        monkeypatch.setenv(name, value)
    loaded = settings.load(DEPLOY / "lienthong.toml")
    assert len(loaded.broker.urls) == 3
    assert all("CHANGE-ME" in url for url in (loaded.store.url, *loaded.broker.urls))


def test_the_agents_settings_load() -> None:
    loaded = AgentSettings.load(DEPLOY / "agent.toml")
    assert [hook.name for hook in loaded.webhooks] == ["eoffice"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_call_commands_that_exist_with_options_they_know(unit: Path) -> None:
    text = unit.read_text("utf-8")
    commands = re.findall(r"^Exec\w+=(.+)$", text, re.MULTILINE)
    assert commands
    for command in commands:
        program, name, *rest = shlex.split(command)
        shown = CliRunner().invoke(PROGRAMS[Path(program).name], [name, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, shown.output
        for option in rest:
            assert not option.startswith("--") or option in shown.output
    wanted = ["[Unit]", "[Service]", "[Install]", "Type=notify", "Restart=", "NoNewPrivileges=true"]
    assert all(part in text for part in wanted)


def test_there_are_units_for_every_program() -> None:
    assert [unit.stem for unit in UNITS] == ["lienthong-agent", "lienthong-hub", "lienthong-relay@"]
