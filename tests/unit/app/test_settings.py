"""Are settings read as written, with unknown keys refused and paths relative to the file?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest
from pydantic import BaseModel

from lienthong import settings
from lienthong.settings import SettingsError


def write(folder: Path, text: str) -> Path:
    path = folder / "lienthong.toml"
    path.write_text(text, "utf-8")
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    loaded = settings.load(write(tmp_path, ""))
    assert loaded.hub.listen == "127.0.0.1:50051"
    assert loaded.limits.max_package == 100 * 1024 * 1024
    assert loaded.broker.retry_delays == (30, 60, 120, 240, 480)


def test_relative_paths_are_relative_to_the_file_even_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "một thư mục"
    folder.mkdir()
    loaded = settings.load(
        write(
            folder, '[trust]\ncrls = ["trust/a.crl.pem", "/etc/b.pem"]\n[store]\nurl = "sqlite:///s.sqlite"'
        )
    )
    assert loaded.hub.key == folder / "hub/tls.key"
    assert loaded.trust.crls == (folder / "trust/a.crl.pem", Path("/etc/b.pem"))
    assert loaded.store.url == f"sqlite:///{folder}/s.sqlite"
    assert loaded.blobs.url == str(folder / "blobs")


def test_urls_of_other_kinds_stay(tmp_path: Path) -> None:
    text = '[store]\nurl = "postgresql+psycopg://u:p@db/lienthong"\n[blobs]\nurl = "s3://bucket/prefix"'
    loaded = settings.load(write(tmp_path, text))
    assert loaded.store.url == "postgresql+psycopg://u:p@db/lienthong"
    assert loaded.blobs.url == "s3://bucket/prefix"
    assert "u:p@" not in repr(loaded)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG__HUB__LISTEN", "0.0.0.0:443")
    monkeypatch.setenv("LIENTHONG__BROKER__URLS", '["amqps://one", "amqps://two"]')
    loaded = settings.load(write(tmp_path, '[hub]\nlisten = "127.0.0.1:1"\nname = "hub-2"'))
    assert loaded.hub.listen == "0.0.0.0:443"
    assert loaded.hub.name == "hub-2"
    assert loaded.broker.urls == ("amqps://one", "amqps://two")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hub]\nlissten = 'a:1'", "hub.lissten: unknown key"),
        ("[hubb]\n", "hubb: unknown key"),
        ("[hub]\nlisten = 'nowhere'", "hub.listen"),
        ("[limits]\nmax_package = 0", "limits.max_package"),
        ("[trust]\nrevocation = 'never'", "trust.revocation"),
        ("[hub\n", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings.load(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        settings.load(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["LIENTHONG__HUBB__LISTEN", "LIENTHONG__HUB__LISSTEN"])
def test_an_unknown_environment_variable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError, match=r"(?i)hubb|lissten"):
        settings.load(write(tmp_path, ""))


def test_a_list_that_is_not_json_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG__BROKER__URLS", "amqp://one")
    with pytest.raises(SettingsError, match="broker"):
        settings.load(write(tmp_path, ""))


def test_settings_are_frozen(tmp_path: Path) -> None:
    loaded = settings.load(write(tmp_path, ""))
    with pytest.raises(ValueError, match="frozen"):
        loaded.hub.listen = "a:1"


ROOT = Path(__file__).parents[3]


def test_every_key_and_its_meaning_stand_in_the_operators_manual() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text("utf-8")
    missing = [
        f"{section}.{key}"
        for section, field in settings.Settings.model_fields.items()
        for key, inner in cast("type[BaseModel]", field.annotation).model_fields.items()
        if not re.search(
            rf"^\| `{key}` \| .* \| {re.escape(inner.description or '?')} \|$", manual, re.MULTILINE
        )
    ]
    assert missing == []


def test_the_example_of_a_province_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (ROOT / "deploy" / "secrets.env.example").read_text("utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.startswith("LIENTHONG__"):
            monkeypatch.setenv(name, value.strip("'"))
    loaded = settings.load(ROOT / "deploy" / "lienthong.toml")
    assert len(loaded.broker.urls) == 3
    assert "CHANGE-ME" in loaded.broker.urls[0]
    assert loaded.hub.key == ROOT / "deploy" / "hub" / "tls.key"
