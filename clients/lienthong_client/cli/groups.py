"""`agencies groups`: lists of recipients under a name, for `send --to @NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import NAME, RECIPIENTS
from lienthong_client.cli.program import fold
from lienthong_client.cli.session import session_of

app = typer.Typer(help="Lists of recipients, for send --to @NAME.", no_args_is_help=True)

EPILOG = """[b]Groups[/b]

  @communes:H48.31 (a tier, under an agency), @tier:commune (the whole province), @children:H48, @below:H48.31,
  @NAME (a list of ours, else the operators')

A group is resolved when the document is made: the signed document names each recipient.
"""


@app.callback()
def groups() -> None:
    """Lists of recipients, for send --to @NAME."""


@app.command("list", epilog=fold(EPILOG))
def list_groups(context: typer.Context) -> None:
    """The lists we may use."""
    session = session_of(context)
    output = session.output
    found = session.run(lambda client: client.directory.groups())
    if output.as_json:
        for group in found:
            output.json(shapes.group(group))
        return
    words = output.words
    if not found:
        output.note(words("nothing_found"), style="dim")
        return
    headings = [words("name"), words("kept_by"), words("members")]
    rows = [(f"@{g.name}", g.owner or words("operators"), " ".join(g.members)) for g in found]
    output.rows(headings, rows, flexible=2)


@app.command("show", epilog=fold(EPILOG))
def show(
    context: typer.Context,
    expression: Annotated[
        str, typer.Argument(metavar="@GROUP", callback=RECIPIENTS, help="A list or an expression.")
    ],
) -> None:
    """Which agencies a group names today."""
    session = session_of(context)
    output = session.output
    found = session.run(lambda client: client.directory.resolve(expression))
    if output.as_json:
        for agency in found:
            output.json({"code": agency.code, "name": agency.name, "tier": agency.tier})
        return
    words = output.words
    rows = [(agency.code, agency.name, words.tier(agency.tier)) for agency in found]
    output.rows([words("code"), words("name"), words("tier")], rows, flexible=1)


@app.command("put", epilog=fold(EPILOG))
def put(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", callback=NAME, help="Lower-case letters, digits, - and _.")
    ],
    members: Annotated[
        list[str], typer.Argument(metavar="MEMBER…", callback=RECIPIENTS, help="Codes and @groups.")
    ],
) -> None:
    """Keep a list of ours."""
    session = session_of(context)
    output = session.output
    group = session.run(lambda client: client.directory.put_group(name, members))
    if output.as_json:
        output.json(shapes.group(group))
    else:
        output.note(output.words("group_kept", name=group.name, count=len(group.members)))


@app.command("delete", epilog=fold(EPILOG))
def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", callback=NAME, help="The list.")],
) -> None:
    """Give up a list of ours."""
    session = session_of(context)
    output = session.output
    session.run(lambda client: client.directory.delete_group(name))
    if output.as_json:
        output.json({"deleted": name.removeprefix("@")})
    else:
        output.note(output.words("group_deleted", name=name.removeprefix("@")))
