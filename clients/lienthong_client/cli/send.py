"""`send`: a document built from a clerk's few words, signed and submitted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lienthong_client.cli.session import session_of
from lienthong_client.cli.submit import tell
from lienthong_client.client import AgencyClient
from lienthong_client.compose import TYPES, Draft, find_priority, read_files
from lienthong_client.content import EXTERNAL_OVER, MIB
from lienthong_client.files import save
from lienthong_client.results import Accepted

EPILOG = """[b]Examples[/b]

  lienthong-agency send --to H48.31.05 H48.31.06 --subject "Mời họp" --attach a.pdf --code 12/UBND-VP

  lienthong-agency send --to H48 --type BC --priority khan --subject "Lũ" --attach bc.docx so-lieu.xlsx

Without --code the document gets a stand-in number MMddHHmmss/CHUACAPSO-xxxxxx ("not yet numbered"): the law wants
the number of the office's register, so give it where there is one. place, signer, position and competence may stand
under \\[sender] in the profile.
"""

_TYPES = "Abbreviation or name: " + ", ".join(TYPES)
_PRIORITIES = "0-4, or normal, urgent, very-urgent, express (thuong, khan, thuong-khan, hoa-toc)."


def send(
    context: typer.Context,
    to: Annotated[list[str], typer.Option(metavar="CODE…", help="Recipients' codes, in any form.")],
    subject: Annotated[str, typer.Option(help="Trích yếu.")],
    attach: Annotated[
        list[Path], typer.Option(metavar="FILE…", help="Files to send along.", exists=True, dir_okay=False)
    ],
    code: Annotated[
        str | None, typer.Option(metavar="NUMBER/NOTATION", help="Số và ký hiệu, e.g. 12/UBND-VP.")
    ] = None,
    number: Annotated[
        str | None, typer.Option(help="The number alone, with --notation, instead of --code.")
    ] = None,
    notation: Annotated[str | None, typer.Option(help="The notation alone, with --number.")] = None,
    kind: Annotated[str, typer.Option("--type", help=_TYPES)] = "CV",
    priority: Annotated[str, typer.Option(help=_PRIORITIES)] = "normal",
    content: Annotated[str | None, typer.Option(help="Short content; the subject when absent.")] = None,
    due: Annotated[
        datetime | None,
        typer.Option(metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Deadline for the recipients."),
    ] = None,
    place: Annotated[str | None, typer.Option(help="Place of issue; the province when absent.")] = None,
    signer: Annotated[str | None, typer.Option(help="Who signed the document itself.")] = None,
    position: Annotated[str | None, typer.Option(help="The signer's position.")] = None,
    competence: Annotated[str | None, typer.Option(help="TM., KT., TL. …")] = None,
    receipt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the hub's signed acceptance here.", dir_okay=False),
    ] = None,
    external_over: Annotated[
        int,
        typer.Option(metavar="MIB", min=1, help="Files over this size travel beside the package, resumably."),
    ] = EXTERNAL_OVER // MIB,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep the signed document here, before it is sent.", dir_okay=False
        ),
    ] = None,
) -> None:
    """Build a document, sign it and submit it."""
    session = session_of(context)
    defaults = session.profile.sender
    draft = Draft(
        to=[part.strip() for codes in to for part in codes.split(",") if part.strip()],
        subject=subject,
        files=read_files(attach, over=external_over * MIB),
        code=_code(code, number, notation),
        type=kind,
        priority=find_priority(priority),
        content=content,
        due=due.date() if due else None,
        place=place or defaults.place,
        signer=signer or defaults.signer,
        position=position or defaults.position,
        competence=competence or defaults.competence,
    )

    async def work(client: AgencyClient) -> Accepted:
        await client.upload_all(draft.files, on_progress=on_progress)
        signed = await client.compose(draft)
        if keep is not None:
            save(keep.parent, keep.name, signed)
        return await client.submit(signed, on_progress=on_progress)

    with session.output.progress("sending") as on_progress:
        accepted = session.run(work)
    tell(accepted, session.output, receipt)
    if draft.code is None:
        session.output.note(session.output.words("unnumbered"), style="yellow")


def _code(code: str | None, number: str | None, notation: str | None) -> str | None:
    if code is not None and (number is not None or notation is not None):
        raise typer.BadParameter("give --code, or --number with --notation", param_hint="'--code'")
    if (number is None) != (notation is None):
        raise typer.BadParameter("--number and --notation go together", param_hint="'--number'")
    return f"{number}/{notation}" if number is not None else code
