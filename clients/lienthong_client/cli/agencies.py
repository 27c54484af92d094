"""`agencies`: the directory, for who does not know a code by heart."""

from __future__ import annotations

from typing import Annotated

import typer

from lienthong_client.cli import shapes
from lienthong_client.cli.program import fold
from lienthong_client.cli.session import session_of

app = typer.Typer(help="Look agencies up in the directory.", no_args_is_help=True)

EPILOG = """[b]Examples[/b]

  lienthong-agency agencies find "hanh thuan"

  lienthong-agency agencies find H48.31 --json

Diacritics do not matter. In a pipe each agency is one line, parted by tabs.
"""


@app.callback()
def agencies() -> None:
    """Look agencies up in the directory."""


@app.command("find", epilog=fold(EPILOG))
def find(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A code, or words of the name.")],
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most this many.")] = 20,
) -> None:
    """Find agencies by code or words of the name."""
    session = session_of(context)
    output = session.output
    found = session.run(lambda client: client.find_agencies(text, limit=limit))
    if output.as_json:
        for agency in found:
            output.json(shapes.agency(agency))
        return
    words = output.words
    if not found:
        output.note(words("nothing_found"), style="dim")
        return
    headings = [words("code"), words("name"), words("tier"), words("status")]
    rows = [(agency.code, agency.name, words.tier(agency.tier), agency.status.value) for agency in found]
    output.rows(headings, rows, flexible=1)
