"""`lienthong up`: everything on this machine, from an empty folder to a running linkage, with one command.

Keys and database first, then a private RabbitMQ, hub and relays as children. One line on standard output,
`ready grpc=… console=… state=…`, says that documents can flow; all else goes to standard error.
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lienthong import settings, telemetry
from lienthong.cli.init import (
    LOOPBACK,
    AgencyKeys,
    AgencyKeysOption,
    Stopped,
    Wishes,
    initialise,
    known_address,
    set_ports,
    write_settings,
)
from lienthong.cli.operator import EXIT_USAGE, StateOption, asked_of, flattened, told, warn
from lienthong.cli.provision import TRANSPORT, Provision
from lienthong.cli.state import StateFolder, remember, required_state
from lienthong.cli.supervisor import AlreadyRunning, Child, ChildFailed, Supervisor
from lienthong.errors import Code, HubFault, Refusal
from lienthong.settings import Settings

if TYPE_CHECKING:
    from lienthong.broker.private_node import PrivateNode

GRPC_PORT = 50051
CONSOLE_PORT = 8080
LISTS_EVERY = 3600.0  # seconds between looks whether revocation lists have to be issued again
BROKER_AGAIN = 30.0  # seconds before a private node that fails to start is tried once more
HEALTH_SECONDS = 15.0
EXIT_FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `up` was asked for."""

    state: StateFolder
    directory: Path | None
    grpc_port: int | None
    console_port: int | None
    hubs: int | None
    relays: int
    agency_keys: AgencyKeys


def register(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(
        "up",
        epilog="Examples:\n\n`lienthong up --state ~/lienthong`\n\n"
        "`lienthong up --state /tmp/tinh --directory directory/four-tier-sample.yaml --grpc-port 50051`\n\n"
        "Then, in another terminal: `lienthong queues list`, and as an agency: "
        "`lienthong-agency --profile ~/lienthong/agencies/H48/profile.toml inbox`",
    )
    def _up(
        context: typer.Context,
        state: StateOption = None,
        directory: Annotated[
            Path | None,
            typer.Option(
                metavar="FILE",
                help="Directory file (YAML); default: what is there, else the sample.",
                exists=True,
                dir_okay=False,
            ),
        ] = None,
        grpc_port: Annotated[
            int | None,
            typer.Option(min=0, max=65535, help="Port of the hub; 0: a free one; default: as last time."),
        ] = None,
        console_port: Annotated[
            int | None, typer.Option(min=0, max=65535, help="Port of the operations page; 0: a free one.")
        ] = None,
        hubs: Annotated[
            int | None,
            typer.Option(
                min=1, max=64, help="Hub processes that share the port; default: \\[hub] processes, 1."
            ),
        ] = None,
        relays: Annotated[
            int, typer.Option(min=1, max=64, help="Relay processes; each serves every node.")
        ] = 1,
        agency_keys: AgencyKeysOption = AgencyKeys.RSA2048,
    ) -> None:
        """Run everything on this machine: hub, relays, and a RabbitMQ of its own.

        The first start makes keys, certificates and a profile for every agency. Ctrl-C stops it all.
        """
        folder = required_state(asked_of(context).merged(state, None, False).state)
        plan = Plan(
            state=folder,
            directory=directory,
            grpc_port=grpc_port,
            console_port=console_port,
            hubs=hubs,
            relays=relays,
            agency_keys=agency_keys,
        )
        raise typer.Exit(asyncio.run(_guarded(plan)))


async def _guarded(plan: Plan) -> int:
    """Run until a signal; the exit code."""
    telemetry.configure_log("warning", "console")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor(plan.state.run, warn)
    try:
        plan.state.root.mkdir(
            parents=True, exist_ok=True, mode=0o700
        )  # documents and keys: for their owner alone
        supervisor.acquire()
        await _until(stop, Machine(plan, supervisor, stop))
    except AlreadyRunning as error:
        warn(f"{plan.state.root}: {error}")
        return EXIT_USAGE
    except Refusal as refusal:
        warn(str(refusal))
        return EXIT_USAGE
    except Stopped:
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        warn(f"{error.filename}: {error.strerror}")
        return EXIT_USAGE
    except (HubFault, ChildFailed) as fault:
        warn(told(fault) if isinstance(fault, HubFault) else str(fault))
        return EXIT_FAILED
    finally:
        await supervisor.stop()
    return 0


async def _until(stop: asyncio.Event, machine: Machine) -> None:
    work = asyncio.create_task(machine.run())
    signalled = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((work, signalled), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()  # it never returns by itself
        else:
            warn("stopping")
    except BaseExceptionGroup as group:
        raise flattened(group)[0] from group
    finally:
        work.cancel()
        signalled.cancel()
        await asyncio.gather(work, signalled, return_exceptions=True)
        await machine.stop()


class Machine:
    """One machine's linkage while it runs."""

    def __init__(self, plan: Plan, supervisor: Supervisor, stop: asyncio.Event) -> None:
        self._plan = plan
        self._state = plan.state
        self._supervisor = supervisor
        self._stop = stop
        self._node: PrivateNode | None = None

    async def run(self) -> None:
        """Everything of the module's docstring; returns only by an exception."""
        loaded, wishes = self._settle(*self._choose_ports())
        async with asyncio.TaskGroup() as group:
            broker = group.create_task(self._broker(loaded))  # it takes as long as making the keys
            # in a thread: making keys for a province takes some seconds, and Ctrl-C should still be heard
            await asyncio.to_thread(asyncio.run, initialise(self._state, wishes, stopped=self._stop.is_set))
            environment = await broker
            if self._node is not None:
                group.create_task(self._watch_broker(self._node))
            self._start_children(environment, self._plan.hubs or loaded.hub.processes)
            await self._supervisor.ready()
            await self._check_hub(_reached(loaded.hub.listen))
            remember(self._state)
            self._say_ready(wishes.address, _reached(loaded.hub.metrics_listen))
            group.create_task(self._supervisor.watch())
            group.create_task(self._keep_lists(wishes.address))

    async def stop(self) -> None:
        """Stop the children, then the broker."""
        await self._supervisor.stop()
        if self._node is not None:
            await self._node.stop()

    def _choose_ports(self) -> tuple[int, int]:
        """Ports of hub and operations page: as asked, else as last time, else the usual ones where free."""
        hub = console = None
        if self._state.settings.exists():
            known = settings.load(self._state.settings).hub
            hub = int(known.listen.rpartition(":")[2])
            console = int(known.metrics_listen.rpartition(":")[2]) if known.metrics_listen else None
        hub_port = _port(self._plan.grpc_port, hub, GRPC_PORT, "--grpc-port")
        console_port = _port(self._plan.console_port, console, CONSOLE_PORT, "--console-port", hub_port)
        return hub_port, console_port

    def _settle(self, hub_port: int, console_port: int) -> tuple[Settings, Wishes]:
        """Write lienthong.toml or correct its ports, and read it."""
        wishes = Wishes(
            directory=self._plan.directory,
            agency_keys=self._plan.agency_keys,
            address=f"{LOOPBACK}:{hub_port}",
            metrics=f"{LOOPBACK}:{console_port}",
        )
        if self._state.settings.exists():
            set_ports(self._state, hub=hub_port, metrics=console_port)
            wishes = replace(wishes, address=known_address(self._state))
        else:
            warn(f"preparing {self._state.root}")
            write_settings(self._state, wishes)
        return settings.load(self._state.settings), wishes

    async def _broker(self, loaded: Settings) -> dict[str, str]:
        """Start the private node, if it is to be one; what the children need to know of it."""
        if not loaded.broker.private:
            return {}
        from lienthong.broker.private_node import PrivateNode  # RabbitMQ's client takes long to load

        warn("starting RabbitMQ")
        self._node = PrivateNode(loaded.broker.data, nodes=self._nodes())
        await self._node.start()
        prefix = settings.ENVIRONMENT_PREFIX
        return {
            f"{prefix}BROKER__URLS": json.dumps([self._node.amqp_url]),
            f"{prefix}BROKER__MANAGEMENT_URL": self._node.management_url,
        }

    def _nodes(self) -> int:
        """How many nodes there will be, roughly: keys made before, and entries of the directory that is to be."""
        made = sum(1 for _ in self._state.nodes.glob("*.pem"))
        asked = 0 if self._plan.directory is None else self._plan.directory.read_text("utf-8").count("code:")
        return max(made, asked)

    async def _watch_broker(self, node: PrivateNode) -> None:
        while True:
            try:
                await node.watch()
            except HubFault as fault:  # the hub goes on accepting meanwhile
                warn(f"RabbitMQ does not start; trying again in {BROKER_AGAIN:.0f} s: {fault}")
                await asyncio.sleep(BROKER_AGAIN)

    def _start_children(self, environment: dict[str, str], hubs: int) -> None:
        prefix = settings.ENVIRONMENT_PREFIX
        environment = environment | {f"{prefix}HUB__PROCESSES": str(hubs)}
        beside = environment | {f"{prefix}HUB__METRICS_LISTEN": ""}  # that page is the first one's
        children = [("hub", ["hub"], environment)]
        children += [(f"hub-{number}", ["hub", "--beside"], beside) for number in range(2, hubs + 1)]
        children += [
            (f"relay-{number}", ["relay"], environment) for number in range(1, self._plan.relays + 1)
        ]
        warn(f"starting {', '.join(name for name, _, _ in children)}")
        for name, words, variables in children:
            self._supervisor.add(
                Child(
                    name=name,
                    command=_command(*words, "--config", str(self._state.settings)),
                    log=self._state.logs / f"{name}.log",
                    environment=variables,
                )
            )

    async def _check_hub(self, address: str) -> None:
        """The hub takes the operator's certificate and speaks HTTP/2. Without gRPC, whose threads and forks quarrel."""
        folder = self._state.operator_profile.parent
        context = ssl.create_default_context(cafile=self._state.trust / f"{TRANSPORT}-ca.pem")
        context.load_cert_chain(folder / "tls.pem", folder / "tls.key")
        context.set_alpn_protocols(["h2"])
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                reader, writer = await asyncio.open_connection(
                    host.strip("[]"), int(port), ssl=context, server_hostname="localhost"
                )
                await reader.readexactly(
                    9
                )  # its SETTINGS frame: only a client whose certificate is good gets it
                writer.close()
        except (OSError, EOFError, TimeoutError) as error:
            raise HubFault(
                f"the hub at {address} does not answer; see {self._state.logs / 'hub.log'}"
            ) from error

    def _say_ready(self, address: str, console: str) -> None:
        sys.stdout.write(f"ready grpc={address} console=http://{console}/ state={self._state.root}\n")
        sys.stdout.flush()

    async def _keep_lists(self, address: str) -> None:
        """Issue the development authorities' revocation lists again before they run out."""
        while True:
            await asyncio.sleep(LISTS_EVERY)
            try:
                provision = Provision(
                    self._state,
                    at=datetime.now(UTC),
                    address=address,
                    agency_keys=self._plan.agency_keys.value,
                )
                provision.refresh_lists()
            except OSError as error:  # a full disk: the lists of yesterday hold for weeks
                warn(f"revocation lists were not issued again: {error}")


def _reached(listen: str) -> str:
    """Where a program on this machine reaches what listens there."""
    host, _, port = listen.rpartition(":")
    return f"{LOOPBACK}:{port}" if host in ("0.0.0.0", "[::]", "*") else listen  # noqa: S104 - compared, not bound


def _port(asked: int | None, known: int | None, usual: int, option: str, *taken: int) -> int:
    from lienthong.broker.private_node import free_port, port_is_free

    if asked:
        return _free(asked, option)
    if asked is None and known:
        return _free(known, option)
    if asked is None and usual not in taken and port_is_free(usual):
        return usual
    return free_port()


def _free(port: int, option: str) -> int:
    from lienthong.broker.private_node import port_is_free

    if not port_is_free(port):
        detail = f"port {port} on {LOOPBACK} is taken; choose another with {option}, or {option} 0 for any"
        raise Refusal(Code.ARGUMENT_INVALID, field=option, detail=detail)
    return port


def _command(*arguments: str) -> Sequence[str]:
    """This program again, whatever name and path it was started by."""
    return (sys.executable, "-m", "lienthong.cli.main", *arguments)
