"""`figures`: what this agency sent and received in a month, and how much of it within the day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import MONTH
from lienthong_client.cli.output import VIETNAM
from lienthong_client.cli.session import session_of

EPILOG = """[b]Examples[/b]

  lienthong-agency figures

  lienthong-agency figures --month 2026-03 --json

A document counts in the month it had to be received in (Nghị định 30/2020, article 21.2). Received is the sum of the
four lines under it.
"""

_LINES = ("sent", "received", "on_time", "late", "waiting", "withdrawn")


def figures(
    context: typer.Context,
    month: Annotated[
        str, typer.Option(metavar="YYYY-MM", callback=MONTH, help="Which month; this one when absent.")
    ] = "",
) -> None:
    """Show what this agency sent and received in a month, and how much of it in time."""
    session = session_of(context)
    wanted = month or datetime.now(UTC).astimezone(VIETNAM).strftime("%Y-%m")
    found = session.run(lambda client: client.figures(wanted))
    output = session.output
    shape = shapes.figures(wanted, found, session.profile.agency)
    if output.as_json:
        output.json(shape)
        return
    output.note(output.words("figures_of", name=shape["name"] or shape["agency"], month=wanted), style="bold")
    output.facts({output.words(f"figures_{key}"): str(shape[key]) for key in _LINES})
