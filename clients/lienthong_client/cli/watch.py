"""`watch`: every change of documents sent and received, the moment it happens."""

from __future__ import annotations

from typing import Annotated

import typer

from lienthong.errors import Refusal
from lienthong_client.cli import shapes
from lienthong_client.cli.output import Output, local_time
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Unreachable
from lienthong_client.results_business import Change

EPILOG = """[b]Examples[/b]

  lienthong-agency watch

  lienthong-agency watch --json --after "$LAST" | while read -r line; do … ; done

With --json each change is one line; its "place", given as --after, goes on behind it: nothing is missed, not even
what happened while this program did not run. In a pipe each change is one line, parted by tabs.
"""


def watch(
    context: typer.Context,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Go on behind this change; only new ones when absent.")
    ] = None,
) -> None:
    """Show changes of state, status and requests as they happen; runs until Ctrl+C."""
    session = session_of(context)
    output = session.output
    if not output.as_json:
        output.note(output.words("watching"), style="dim")
    session.run(lambda client: _follow(client, after, output))


async def _follow(client: AgencyClient, after: str | None, output: Output) -> None:
    def interrupted(reason: Unreachable | Refusal, seconds: float) -> None:
        message = reason.message(output.words.language)
        output.note(output.words("interrupted", reason=message, seconds=seconds), style="yellow")

    async for change in client.watch_changes(after, on_interrupted=interrupted):
        _show(change, output)


def _show(change: Change, output: Output) -> None:
    if output.as_json:
        output.json(shapes.change(change))
        return
    document = change.document
    number = f"{document.code_number}/{document.code_notation}"
    output.tabbed(
        (
            local_time(change.at),
            number,
            change.delivery.recipient,
            _said(change, output),
            change.detail or "",
        )
    )


def _said(change: Change, output: Output) -> str:
    words = output.words
    if change.kind == "state":
        return words.state(change.value)
    if change.kind == "status":
        return words.status(change.value)
    kind, _, state = change.value.partition(" ")
    return f"{words(f'request_{kind}')}: {words(f'request_{state}')}"
