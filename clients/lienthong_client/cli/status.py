"""`status`: what this office does with a document it received, as a signed status package."""

from __future__ import annotations

from typing import Annotated

import typer

from lienthong.domain.document import StaffInfo
from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import CODE, FILLED, STATUS
from lienthong_client.cli.output import clean, styled
from lienthong_client.cli.session import session_of

EPILOG = """[b]Examples[/b]

  lienthong-agency status DOCUMENT 03 --description "Vào sổ văn bản đến, số đến 87"

  lienthong-agency status DOCUMENT 15 --description "Đồng ý cho lấy lại"

01 arrived, 02 refused, 03 registered, 04 assigned, 05 being processed, 06 complete; 15 agrees to a recall or update
asked for, 16 declines it. 13 is asked by `recall`. Steps may be left out; a step back is refused.
"""


def status(
    context: typer.Context,
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", callback=FILLED, help="Document id, DocumentId or SHA-256.")
    ],
    code: Annotated[str, typer.Argument(metavar="CODE", callback=STATUS, help="01 to 06, 15 or 16.")],
    description: Annotated[
        str | None, typer.Option(help="Why, or what for: for 02 and 16 the reason.")
    ] = None,
    department: Annotated[str | None, typer.Option(help="The department in charge.")] = None,
    staff: Annotated[str | None, typer.Option(help="The clerk in charge.")] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="CODE", callback=CODE, help="For 13: the recipient asked.", hidden=True),
    ] = None,
) -> None:
    """Say what became of a document here; its sender is told at once."""
    session = session_of(context)
    clerk = StaffInfo(department=department, staff=staff) if department or staff else None
    accepted = session.run(
        lambda client: client.set_status(document, code, description=description, to=to, staff=clerk)
    )
    output = session.output
    if output.as_json:
        output.json(shapes.submission(accepted))
        return
    output.show(styled(output.words("status_said", status=output.words.status(code)), "PASSED"))
    for warning in accepted.warnings:
        output.note(f"{output.words('warning')}: {clean(warning.message)}", style="yellow")
