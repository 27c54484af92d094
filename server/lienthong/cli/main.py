"""The program `lienthong`: every command in its place, and the one boundary at which errors become exit codes."""

from __future__ import annotations

import sys

import typer

from lienthong.cli import agencies, documents, held, init, parts, receipts, up
from lienthong.cli.operator import (
    EXIT_USAGE,
    Asked,
    JsonOption,
    ProfileOption,
    StateOption,
    asked_of,
    fail,
    told,
    warn,
)
from lienthong.errors import HubFault, Refusal
from lienthong.settings import SettingsError

EPILOG = """Start here:

`lienthong up --state ~/lienthong` runs hub, relays and a private RabbitMQ on this machine.

`lienthong queues list` shows where documents wait; `lienthong documents find TEXT` finds one.

Exit codes: 0 done, 2 usage, 3 refused, 4 hub unreachable."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Lienthong: signed official documents between the agencies of a province. Commands for operators.",
    epilog=EPILOG,
)


@app.callback()
def _options(
    context: typer.Context,
    state: StateOption = None,
    profile: ProfileOption = None,
    as_json: JsonOption = False,
) -> None:
    context.obj = asked_of(context).merged(state, profile, as_json)


up.register(app)
init.register(app)
parts.register(app)
documents.register(app)
receipts.register(app)
held.register(app)
agencies.register(app)


def main() -> None:
    """Run the program. What was raised on purpose is told in a line; anything else is a defect and shows itself."""
    try:
        app()
    except SettingsError as error:
        warn(str(error))
        sys.exit(EXIT_USAGE)
    except Refusal as refusal:
        try:
            fail(refusal, Asked(as_json="--json" in sys.argv), EXIT_USAGE)
        except typer.Exit as end:
            sys.exit(end.exit_code)
    except HubFault as fault:
        warn(told(fault))
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        warn(f"{error.filename}: {error.strerror}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
