"""`lienthong hub`, `relay`, `migrate`: the parts by themselves, for deployments where systemd keeps them running."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from lienthong import settings, telemetry
from lienthong.cli.operator import flattened, told, warn
from lienthong.cli.supervisor import end_with_supervisor
from lienthong.errors import HubFault, Refusal
from lienthong.settings import Settings

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="lienthong.toml, as `lienthong init` makes it.")
]

EXIT_FAULT = 1


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""

    @app.command("hub", epilog="Example: `lienthong hub --config /etc/lienthong/lienthong.toml`")
    def _hub(
        config: ConfigOption,
        beside: Annotated[
            bool,
            typer.Option(
                "--beside", help="Share the port of a hub with \\[hub] processes above 1; only serve."
            ),
        ] = False,
    ) -> None:
        """Run the gRPC hub. It serves, and accepts documents, also while the broker is away."""
        from lienthong.app import run_hub  # the programs' libraries take a second to load

        _serve(config, lambda loaded: run_hub(loaded, beside=beside))

    @app.command(
        "relay", epilog="Example: `lienthong relay --config lienthong.toml --nodes 'H48' --nodes 'H48.3*'`"
    )
    def _relay(
        config: ConfigOption,
        nodes: Annotated[
            list[str] | None,
            typer.Option(metavar="PATTERN…", help="Canonical codes with * and ?; may be repeated."),
        ] = None,
        more: Annotated[list[str] | None, typer.Argument(metavar="PATTERN…", hidden=True)] = None,
    ) -> None:
        """Run a relay for all nodes, or for those whose code matches a pattern."""
        from lienthong.app import run_relay

        if more and not nodes:
            raise typer.BadParameter("patterns stand after --nodes", param_hint="'--nodes'")
        _serve(config, lambda loaded: run_relay(loaded, [*(nodes or ["*"]), *(more or ())]))

    @app.command("migrate", epilog="Example: `lienthong migrate --config lienthong.toml`")
    def _migrate(config: ConfigOption) -> None:
        """Bring the database to this version's schema. Harmless to repeat."""
        from lienthong.store import migrate

        migrate(settings.load(config).store.url)
        warn("The database has this version's schema.")


def _serve(config: Path, program: Callable[[Settings], Awaitable[None]]) -> None:
    end_with_supervisor()
    loaded = settings.load(config)
    telemetry.configure_log(loaded.log.level, loaded.log.format)

    async def run() -> None:
        await program(loaded)

    try:
        asyncio.run(run())
    except* (HubFault, Refusal) as faults:
        for fault in flattened(faults):
            warn(f"{config}: {told(fault) if isinstance(fault, HubFault) else fault}")
        sys.exit(EXIT_FAULT)
