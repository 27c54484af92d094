"""`lienthong init`: how a state folder comes to be, ready for `up` or for hub and relays as separate services.

Settings, database, directory, keys and their bindings, in this order. What is there stays; what is missing is added.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tomli_w
import typer

from lienthong import settings
from lienthong.cli.operator import Asked, JsonOption, StateOption, asked_of, perform, warn
from lienthong.cli.output import print_json
from lienthong.cli.provision import AGENCY, INFRASTRUCTURE, Bound, Provision, write
from lienthong.cli.state import StateFolder, required_state
from lienthong.domain.agency import Directory
from lienthong.domain.directory_file import read_directory
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import EventRow
from lienthong.settings import Settings

if TYPE_CHECKING:
    from lienthong.hub.ports import Store

SAMPLE = Path(__file__).parents[3] / "directory" / "quang-ngai.yaml"
ACTOR = "operator:lienthong init"
LOOPBACK = "127.0.0.1"

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):([1-9]\d{0,4})", re.ASCII)

HEADER = """\
# Settings of this installation; every key is described in docs/operations.md.
# An environment variable LIENTHONG__SECTION__KEY wins over this file. Paths are relative to it.

"""


class AgencyKeys(StrEnum):
    """Kinds of the agencies' signing keys that `init` makes."""

    RSA2048 = "rsa2048"
    P256 = "p256"


AgencyKeysOption = Annotated[AgencyKeys, typer.Option(help="Kind of the signing keys made for agencies.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is asked of a state folder."""

    directory: Path | None = None  #: directory file; None: what is there, else the sample
    agency_keys: AgencyKeys = AgencyKeys.RSA2048
    address: str = "127.0.0.1:50051"  #: where clients reach the hub, host:port
    metrics: str = ""  #: where the operations page listens, host:port
    store_url: str = ""
    broker_urls: Sequence[str] = ()  #: none: `up` starts a private node
    hub_name: str = "hub"


def write_settings(state: StateFolder, wishes: Wishes) -> None:
    """Make lienthong.toml where there is none; none is left that cannot be read. Raises `Refusal` or SettingsError."""
    if state.settings.exists():
        return
    address = _ADDRESS.fullmatch(wishes.address)
    if address is None or int(address[2]) > 65_535:
        raise Refusal(
            Code.ARGUMENT_INVALID,
            field="hub_address",
            detail=f"{wishes.address!r} is not HOST:PORT, e.g. hub.tinh.example:50051",
        )
    state.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {
        "hub": {"name": wishes.hub_name, "listen": _listen(wishes.address), "metrics_listen": wishes.metrics},
        "store": {"url": wishes.store_url or "sqlite:///store.sqlite"},
        "blobs": {"url": "blobs"},
        "broker": {"urls": list(wishes.broker_urls)} if wishes.broker_urls else {"private": True},
        "trust": {"crls": [f"trust/{name}-ca.crl.pem" for name in (AGENCY, INFRASTRUCTURE)]},
    }
    secret = bool(wishes.store_url or wishes.broker_urls)
    write(state.settings, (HEADER + tomli_w.dumps(content)).encode(), private=secret)
    try:
        settings.load(state.settings)
    except settings.SettingsError:
        state.settings.unlink()  # a later run, with what is right, would take it for the administrator's
        raise


def set_ports(state: StateFolder, *, hub: int, metrics: int) -> None:
    """Move the hub to other ports, in the settings and in every profile. Hosts stay as they are written there."""
    _rewrite(state.settings, listen=hub, metrics_listen=metrics)
    for profile in (state.operator_profile, *state.agencies.glob("*/profile.toml")):
        if profile.exists() and not profile.parent.is_symlink():
            _rewrite(profile, address=hub)


def _rewrite(file: Path, **ports: int) -> None:
    old = new = file.read_text("utf-8")
    for key, port in ports.items():
        new = _with_port(new, key, port)
    if new != old:
        private = (
            not stat.S_IMODE(file.stat().st_mode) & 0o077
        )  # it may hold passwords: nobody new may read it
        write(file, new.encode(), private=private)


async def initialise(
    state: StateFolder, wishes: Wishes, *, stopped: Callable[[], bool] = lambda: False
) -> Settings:
    """Everything of the module's docstring; returns the settings. `stopped` is asked between two keys."""
    # database drivers take long to load: only the commands that need them pay
    from lienthong.store import migrate, open_store

    write_settings(state, wishes)
    loaded = settings.load(state.settings)
    file, text = _directory_text(state, wishes.directory)
    migrate(loaded.store.url)
    store = open_store(loaded.store.url)
    try:
        directory = await _import(store, state, file, text)
        at = datetime.now(UTC)
        provision = Provision(
            state,
            at=at,
            address=wishes.address,
            agency_keys=wishes.agency_keys.value,
            hosts=[wishes.address.rpartition(":")[0].strip("[]")],
        )
        for name in provision.away:
            warn(
                f"the key of {name}-ca.pem is not in {state.authority}: its certificates and lists come from there"
            )
        bound = [provision.infrastructure(loaded.hub.name)]
        bound += provision.agencies(directory, _progress(stopped))
        await _bind(store, bound, at)
    finally:
        await store.close()
    return loaded


def _directory_text(state: StateFolder, asked: Path | None) -> tuple[Path, str]:
    file = asked or (state.directory if state.directory.exists() else SAMPLE)
    try:
        return file, file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "give the agencies with --directory FILE" if asked is None else f"{file}: {error}"
        raise Refusal(Code.ARGUMENT_INVALID, field="directory", detail=reason) from error


async def _import(store: Store, state: StateFolder, file: Path, text: str) -> Directory:
    """The store's directory, after the file was taken in, unless just this file was taken in before."""
    present = await store.directory()
    known = state.directory.read_text("utf-8") if state.directory.exists() else None
    if not len(present) or text != known:
        wanted = [a for a in read_directory(text) if present.agencies.get(a.code) != a]
        if wanted:
            event = EventRow(
                at=datetime.now(UTC),
                actor=ACTOR,
                kind="directory.imported",
                detail={"file": file.name, "agencies": len(wanted)},
            )
            await store.put_agencies(wanted, event=event)
        write(state.directory, text.encode())
        present = await store.directory()
    return present


async def _bind(store: Store, bound: Sequence[Bound], at: datetime) -> None:
    # the X.509 reading of the hub, so that both ways of binding write the same row
    from lienthong.hub.certificates import read_certificate

    known = {row.sha256 for row in await store.certificates()}
    for each in bound:
        row = read_certificate(each.pem, agency=each.agency, purpose=each.purpose, role=each.role, at=at)
        if row.sha256 not in known:
            event = EventRow(
                at=at,
                actor=ACTOR,
                kind="certificate.bound",
                subject=each.agency or each.role,
                detail={"sha256": row.sha256, "purpose": each.purpose},
            )
            await store.bind_certificate(row, event=event)


class Stopped(Exception):
    """A signal came while keys were made."""


def _progress(stopped: Callable[[], bool]) -> Callable[[int, int], None]:
    step = 25

    def progress(done: int, total: int) -> None:
        if stopped():
            raise Stopped
        if total > step and (done % step == 0 or done == total):
            warn(f"keys made for {done} of {total} agencies")

    return progress


def _listen(address: str) -> str:
    """Where to listen so that `address` is reached: loopback stays loopback, any other name means every interface."""
    host, _, port = address.rpartition(":")
    return address if host in ("127.0.0.1", "localhost", "[::1]") else f"0.0.0.0:{port}"


def _with_port(text: str, key: str, port: int) -> str:
    """The TOML text with the port of `key` under [hub] set; its host, comments and the rest stay."""
    lines, section, head = text.splitlines(keepends=True), "", None
    for place, line in enumerate(lines):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            section = header[1].strip()
            head = place if section == "hub" else head
        elif section == "hub" and (found := re.match(rf"(\s*{key}\s*=\s*)([\"'])([^\"'\n]*)\2", line)):
            host = found[3].rpartition(":")[0] or LOOPBACK
            lines[place] = f'{found[1]}"{host}:{port}"{line[found.end() :]}'
            return "".join(lines)
    if head is not None:
        lines.insert(head + 1, f'{key} = "{LOOPBACK}:{port}"\n')
    return "".join(lines)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(
        "init",
        epilog="Examples:\n\n`lienthong init --state ~/lienthong --directory directory/quang-ngai.yaml`\n\n"
        "`lienthong init --state /srv/lienthong --directory tinh.yaml --hub-address hub.tinh.example:50051"
        " --store-url postgresql://lienthong@db/lienthong --broker-url amqps://lienthong@mq1`",
    )
    def _init(
        context: typer.Context,
        state: StateOption = None,
        as_json: JsonOption = False,
        directory: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Directory file (YAML).", exists=True, dir_okay=False),
        ] = None,
        agency_keys: AgencyKeysOption = AgencyKeys.RSA2048,
        hub_address: Annotated[
            str, typer.Option(metavar="HOST:PORT", help="Where clients will reach the hub.")
        ] = "127.0.0.1:50051",
        hub_name: Annotated[str, typer.Option(help="The hub's name in its certificate.")] = "hub",
        store_url: Annotated[str, typer.Option(metavar="URL", help="postgresql://… instead of SQLite.")] = "",
        broker_url: Annotated[
            list[str] | None, typer.Option(metavar="URL", help="amqp(s)://…; once per cluster member.")
        ] = None,
    ) -> None:
        """Make a state folder: settings, database, directory, development keys, profiles.

        Run it again after agencies were added: they get their keys, nothing else changes.
        """
        asked = asked_of(context).merged(state, None, as_json)
        folder = required_state(asked.state)
        wishes = Wishes(
            directory=directory,
            agency_keys=agency_keys,
            address=hub_address,
            store_url=store_url,
            broker_urls=broker_url or (),
            hub_name=hub_name,
        )
        perform(lambda: _run(folder, wishes, asked), asked)


async def _run(state: StateFolder, wishes: Wishes, asked: Asked) -> None:
    if state.settings.exists():
        if replace(wishes, directory=None, agency_keys=AgencyKeys.RSA2048) != Wishes():
            warn(f"{state.settings} is there and stays: address, name and URLs are changed in it, by hand")
        wishes = Wishes(
            directory=wishes.directory, agency_keys=wishes.agency_keys, address=known_address(state)
        )
    await initialise(state, wishes)
    if asked.as_json:
        print_json(
            {"state": str(state.root), "settings": str(state.settings), "agencies": count_profiles(state)}
        )
    else:
        typer.echo(f"state={state.root} agencies={count_profiles(state)} settings={state.settings}")


def known_address(state: StateFolder) -> str:
    """Where the profiles of a state folder say that the hub is; what it listens on before there are any."""
    if state.operator_profile.exists():
        found = re.search(r'^address = "([^"]+)"', state.operator_profile.read_text("utf-8"), re.MULTILINE)
        if found:
            return found.group(1)
    return settings.load(state.settings).hub.listen


def count_profiles(state: StateFolder) -> int:
    """How many agencies have a profile here."""
    return sum(1 for each in state.agencies.iterdir() if not each.is_symlink() and each.is_dir())
