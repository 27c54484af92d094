"""Does a state folder come to be whole, stay as it is, and grow with the directory?"""

from __future__ import annotations

import shutil
import stat
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from typer.testing import CliRunner

from lienthong import settings
from lienthong.cli.init import AgencyKeys, Stopped, Wishes, initialise, known_address, set_ports
from lienthong.cli.main import app
from lienthong.cli.provision import CRL_DAYS, Provision
from lienthong.cli.state import StateFolder
from lienthong.domain.agency import Agency
from lienthong.domain.directory_file import write_agencies
from lienthong.errors import Refusal
from lienthong.hub.rows import EventRow
from lienthong.signing.keys import SigningKey
from lienthong.signing.trust import Revocation, Trust
from lienthong.store import open_store

PROVINCE = Agency(code="H48", name="UBND tỉnh Quảng Ngãi", tier="province", aliases=("000.00.00.H48",))
COMMUNE = Agency(code="H48.05", name="UBND xã Bình Thạnh", tier="commune", parent="H48")
LATER = Agency(code="H48.06", name="UBND xã Bình Minh", tier="commune", parent="H48")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder.at(tmp_path / "một thư mục")


def wishes(tmp_path: Path, *agencies: Agency, keys: AgencyKeys = AgencyKeys.P256) -> Wishes:
    file = tmp_path / "directory.yaml"
    file.write_text(write_agencies(agencies), "utf-8")
    return Wishes(directory=file, agency_keys=keys, address="127.0.0.1:50123", metrics="127.0.0.1:50124")


def snapshot(state: StateFolder) -> dict[str, bytes]:
    names = (p for p in state.root.rglob("*") if p.is_file() and "store.sqlite" not in p.name)
    return {str(p.relative_to(state.root)): p.read_bytes() for p in names}


async def test_a_new_folder_holds_what_hub_relay_and_clients_need(state: StateFolder, tmp_path: Path) -> None:
    loaded = await initialise(state, wishes(tmp_path, PROVINCE, COMMUNE))
    assert loaded.hub.listen == "127.0.0.1:50123"
    assert loaded.broker.private
    profile = tomllib.loads(state.agency_profile("000.00.00.H48").read_text("utf-8"))
    assert profile["agency"] == "H48"
    assert profile["hub"]["address"] == "127.0.0.1:50123"
    folder = state.agency_profile("H48").parent
    for name in (
        *profile["trust"]["agencies"],
        *profile["trust"]["infrastructure"],
        *profile["trust"]["crls"],
    ):
        assert (folder / name).is_file()
    password = profile["signing"]["password"].encode()
    key = SigningKey.from_pkcs12((folder / profile["signing"]["pkcs12"]).read_bytes(), password)
    uris = key.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert uris.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:lienthong:agency:H48"]
    node = SigningKey.from_pem((state.nodes / "H48.05.pem").read_bytes())
    names = node.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:lienthong:node:H48.05"]


async def test_every_certificate_is_bound_and_trusted(state: StateFolder, tmp_path: Path) -> None:
    loaded = await initialise(state, wishes(tmp_path, PROVINCE, COMMUNE))
    store = open_store(loaded.store.url)
    try:
        rows = await store.certificates()
    finally:
        await store.close()
    assert sorted((row.agency, row.purpose, row.role) for row in rows) == [
        ("", "transport", "operator"),
        ("H48", "signature", "agency"),
        ("H48", "transport", "agency"),
        ("H48.05", "signature", "agency"),
        ("H48.05", "transport", "agency"),
    ]
    trust = Trust.from_pem(
        anchors=[(state.trust / "agency-ca.pem").read_bytes()],
        crls=[(state.trust / "agency-ca.crl.pem").read_bytes()],
        revocation=Revocation.REQUIRED,
    )
    signing = next(row for row in rows if row.purpose == "signature")
    at = datetime.now(UTC)
    path = trust.verify_path(x509.load_pem_x509_certificate(signing.pem.encode()), at=at)
    trust.verify_revocation(path, at=at)


async def test_private_files_are_for_their_owner_alone(state: StateFolder, tmp_path: Path) -> None:
    await initialise(state, wishes(tmp_path, PROVINCE))
    private = [
        *state.root.rglob("*.key"), *state.root.rglob("*.p12"), *state.root.rglob("profile.toml"),
        *state.nodes.iterdir(), *state.authority.iterdir(), state.hub / "signing.pem",
    ]  # fmt: skip
    assert len(private) >= 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700


async def test_a_second_run_changes_nothing(state: StateFolder, tmp_path: Path) -> None:
    asked = wishes(tmp_path, PROVINCE, COMMUNE)
    await initialise(state, asked)
    before = snapshot(state)
    await initialise(state, asked)
    assert snapshot(state) == before


async def test_agencies_added_later_get_their_keys(state: StateFolder, tmp_path: Path) -> None:
    loaded = await initialise(state, wishes(tmp_path, PROVINCE, COMMUNE))
    before = snapshot(state)
    store = open_store(loaded.store.url)
    await store.put_agencies([LATER], event=EventRow(at=datetime.now(UTC), actor="t", kind="t"))
    await store.close()
    await initialise(state, Wishes(agency_keys=AgencyKeys.P256, address=known_address(state)))
    after = snapshot(state)
    assert {name: after[name] for name in before} == before
    assert state.agency_profile("H48.06").exists()
    assert (state.nodes / "H48.06.pem").exists()


async def test_half_made_agencies_are_made_again_whole(state: StateFolder, tmp_path: Path) -> None:
    asked = wishes(tmp_path, PROVINCE, COMMUNE)
    done = 0

    def stopped() -> bool:
        nonlocal done
        done += 1
        return done > 1

    with pytest.raises(Stopped):
        await initialise(state, asked, stopped=stopped)
    (state.agencies / "H48.05" / "profile.toml").unlink(missing_ok=True)
    (state.agencies / ".H48.05.new").mkdir(exist_ok=True)
    await initialise(state, asked)
    assert {p.name for p in state.agencies.iterdir()} == {"H48", "H48.05", "000.00.00.H48"}


async def test_an_unchanged_file_does_not_undo_what_operators_changed(
    state: StateFolder, tmp_path: Path
) -> None:
    asked = wishes(tmp_path, PROVINCE, COMMUNE)
    loaded = await initialise(state, asked)
    renamed = Agency(code="H48.05", name="Tên mới", tier="commune", parent="H48")
    store = open_store(loaded.store.url)
    await store.put_agencies([renamed], event=EventRow(at=datetime.now(UTC), actor="t", kind="t"))
    await store.close()
    await initialise(state, asked)
    store = open_store(loaded.store.url)
    directory = await store.directory()
    await store.close()
    assert directory.agencies["H48.05"].name == "Tên mới"


async def test_old_revocation_lists_are_issued_again_and_forget_nobody(
    state: StateFolder, tmp_path: Path
) -> None:
    await initialise(state, wishes(tmp_path, PROVINCE))
    path = state.trust / "agency-ca.crl.pem"
    now = datetime.now(UTC).replace(microsecond=0)
    provision = Provision(state, at=now, address="a:1", agency_keys="p256")
    revoked = {4711: now - timedelta(days=3)}
    old = provision._authorities["agency"].crl(at=now - timedelta(days=2), days=CRL_DAYS, revoked=revoked)
    path.write_bytes(old)
    provision.refresh_lists()
    fresh = x509.load_pem_x509_crl(path.read_bytes())
    assert fresh.last_update_utc == now
    assert {entry.serial_number for entry in fresh} == {4711}
    unchanged = path.read_bytes()
    provision.refresh_lists()
    assert path.read_bytes() == unchanged


async def test_other_ports_reach_settings_and_profiles(state: StateFolder, tmp_path: Path) -> None:
    await initialise(state, wishes(tmp_path, PROVINCE))
    text = state.settings.read_text("utf-8").replace("[store]", "# a note of mine\n[store]")
    state.settings.write_text(text, "utf-8")
    set_ports(state, hub=6001, metrics=6002)
    loaded = settings.load(state.settings)
    assert (loaded.hub.listen, loaded.hub.metrics_listen) == ("127.0.0.1:6001", "127.0.0.1:6002")
    assert "# a note of mine" in state.settings.read_text("utf-8")
    for profile in (state.operator_profile, state.agency_profile("H48")):
        assert tomllib.loads(profile.read_text("utf-8"))["hub"]["address"] == "127.0.0.1:6001"


async def test_other_ports_leave_hosts_and_other_sections_alone(state: StateFolder, tmp_path: Path) -> None:
    """The settings are the operator's to edit: a hub that other machines reach stays one."""
    asked = wishes(tmp_path, PROVINCE)
    await initialise(state, replace(asked, address="hub.tinh.example:50051", metrics=""))
    text = state.settings.read_text("utf-8")
    relay = "[relay]\nmetrics_listen = '127.0.0.1:9000'  # mine\n"
    state.settings.write_text(relay + text.replace('metrics_listen = ""\n', ""), "utf-8")
    set_ports(state, hub=6001, metrics=6002)
    loaded = settings.load(state.settings)
    assert (loaded.hub.listen, loaded.hub.metrics_listen) == ("0.0.0.0:6001", "127.0.0.1:6002")
    assert loaded.relay.metrics_listen == "127.0.0.1:9000"
    assert known_address(state) == "hub.tinh.example:6001"


async def test_settings_with_a_password_stay_private_when_ports_move(
    state: StateFolder, tmp_path: Path
) -> None:
    asked = replace(wishes(tmp_path, PROVINCE), broker_urls=["amqps://u:p@mq1"])
    await initialise(state, asked)
    set_ports(state, hub=6001, metrics=6002)
    assert stat.S_IMODE(state.settings.stat().st_mode) == 0o600


async def test_an_authority_whose_key_was_moved_away_is_never_made_anew(
    state: StateFolder, tmp_path: Path
) -> None:
    """Another key under the trusted name would issue lists and certificates that nothing here believes."""
    asked = wishes(tmp_path, PROVINCE)
    await initialise(state, asked)
    shutil.move(state.authority, tmp_path / "safe")
    before = snapshot(state)
    month = datetime.now(UTC) + timedelta(days=29)
    Provision(state, at=month, address="a:1", agency_keys="p256").refresh_lists()
    await initialise(state, asked)  # nothing is missing, so nothing has to be issued
    assert snapshot(state) == before
    with pytest.raises(Refusal, match="authority"):
        await initialise(state, wishes(tmp_path, PROVINCE, COMMUNE))
    assert not (state.nodes / "H48.05.pem").exists()


async def test_a_separate_deployment_is_prepared_with_its_own_urls(
    state: StateFolder, tmp_path: Path
) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(write_agencies([PROVINCE]), "utf-8")
    asked = Wishes(
        directory=file,
        agency_keys=AgencyKeys.P256,
        address="hub.tinh.example:50051",
        store_url=f"sqlite:///{tmp_path}/other.sqlite",
        broker_urls=["amqps://u:p@mq1", "amqps://u:p@mq2"],
    )
    loaded = await initialise(state, asked)
    assert loaded.hub.listen == "0.0.0.0:50051"
    assert loaded.broker.urls == ("amqps://u:p@mq1", "amqps://u:p@mq2")
    assert not loaded.broker.private
    assert (tmp_path / "other.sqlite").exists()
    assert stat.S_IMODE(state.settings.stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((state.hub / "tls.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "hub.tinh.example" in names.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "hub"},
        {"address": ":50051"},
        {"address": "hub:"},
        {"address": "hub:99999"},
        {"broker_urls": ["http://mq1"]},
    ],
    ids=str,
)
async def test_wrong_options_leave_no_settings_that_a_second_run_would_take(
    state: StateFolder, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    right = wishes(tmp_path, PROVINCE)
    with pytest.raises((Refusal, settings.SettingsError)):
        await initialise(state, replace(right, **wrong))
    assert not state.settings.exists()
    assert (await initialise(state, right)).hub.listen == "127.0.0.1:50123"


def test_options_that_come_too_late_are_told(state: StateFolder, tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(write_agencies([PROVINCE]), "utf-8")
    command = ["init", "--state", str(state.root), "--directory", str(file), "--agency-keys", "p256"]
    assert CliRunner().invoke(app, command).stderr == ""
    late = CliRunner().invoke(app, [*command, "--hub-address", "hub.tinh.example:50051"])
    assert late.exit_code == 0
    assert "lienthong.toml is there and stays" in late.stderr.replace("\n", " ")


async def test_a_wrong_directory_is_refused_before_anything_is_bound(
    state: StateFolder, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match="unknown parent"):
        await initialise(state, wishes(tmp_path, COMMUNE))
    assert not state.agencies.exists()
