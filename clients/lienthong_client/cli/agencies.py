"""`agencies`: the directory, for who does not know a code by heart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong.domain.directory_file import write_changes
from lienthong_client.cli import groups, shapes
from lienthong_client.cli.arguments import CODE, FILLED, NEW_FILE
from lienthong_client.cli.program import fold
from lienthong_client.cli.session import session_of

app = typer.Typer(help="Look agencies up in the directory.", no_args_is_help=True)
app.add_typer(groups.app, name="groups")

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
    text: Annotated[
        str, typer.Argument(metavar="TEXT", callback=FILLED, help="A code, or words of the name.")
    ],
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


@app.command("show", epilog=fold("[b]Example[/b]\n\n  lienthong-agency agencies show 000.05.31.H48"))
def show(
    context: typer.Context,
    code: Annotated[str, typer.Argument(metavar="CODE", callback=CODE, help="A code in any form.")],
) -> None:
    """Show one agency: its codes, whether it takes documents, who follows it, what changes on days to come."""
    session = session_of(context)
    output = session.output
    agency = session.run(lambda client: client.agency(code))
    if output.as_json:
        output.json(shapes.agency(agency))
        return
    words = output.words
    coming = (
        "  ".join(f"{key}: {value}" for key, value in each.items()) for each in write_changes(agency.changes)
    )
    facts = {
        words("code"): agency.code,
        words("name"): agency.name,
        words("tier"): words.tier(agency.tier),
        words("parent"): agency.parent or "",
        words("other_codes"): ", ".join(agency.aliases),
        words("status"): agency.status.value,
        words("successors"): ", ".join(agency.successors),
        words("valid"): f"{agency.valid_from or ''} – {agency.valid_to or ''}".strip(" –"),
        words("changes"): "; ".join(coming),
    }
    output.facts({name: value for name, value in facts.items() if value})


SYNC_EPILOG = """[b]Examples[/b]

  lienthong-agency agencies sync agencies.csv

  lienthong-agency agencies sync directory.yaml --test

The first time the whole directory comes, later only what changed. FILE.version beside it says how far it is.
"""


@app.command("sync", epilog=fold(SYNC_EPILOG))
def sync(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", callback=NEW_FILE, help="CSV or YAML, by its name.", dir_okay=False),
    ],
    test: Annotated[bool, typer.Option("--test", help="Test agencies too.")] = False,
) -> None:
    """Keep a copy of the directory in a file up to date."""
    session = session_of(context)
    output = session.output
    done = session.run(lambda client: client.directory.sync(file, include_test=test))
    if output.as_json:
        output.json(
            {
                "file": str(file),
                "version": done.version,
                "changed": done.changed,
                "agencies": done.agencies,
                "whole": done.whole,
            }
        )
        return
    words = output.words
    output.note(
        words("synced", file=file, version=done.version, changed=done.changed, agencies=done.agencies)
    )
