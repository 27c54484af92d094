"""`send`: a document built from a clerk's few words, signed and submitted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lienthong_client.cli.arguments import CODES, FILLED, NEW_FILE, NUMBER, PRIORITY, RECIPIENTS, TYPE, split
from lienthong_client.cli.session import session_of
from lienthong_client.cli.submit import tell
from lienthong_client.client import AgencyClient
from lienthong_client.compose import TYPES, Draft, find_priority, read_files, read_number
from lienthong_client.content import EXTERNAL_OVER, MIB
from lienthong_client.files import save
from lienthong_client.results import Accepted

EPILOG = """[b]Examples[/b]

  lienthong-agency send --to H48.31.05 H48.31.06 --subject "Mời họp" --attach a.pdf --code 12/UBND-VP

  lienthong-agency send --to H48 --type BC --priority khan --subject "Lũ" --attach bc.docx so-lieu.xlsx

  lienthong-agency send --to H48 --subject "Đính chính" --attach a.pdf --code 13/UBND-VP --update DOCUMENT --reason "…"

  lienthong-agency send --to @communes:H48.31 H48.11 --subject "Phòng chống lụt bão" --attach cv.pdf --code 7/UBND

@groups (see agencies groups) become their members of today; the signed document names each of them.

Without --code the document gets a stand-in number MMddHHmmss/CHUACAPSO-xxxxxx ("not yet numbered"): the law wants
the number of the office's register, so give it where there is one. place, signer, position and competence may stand
under \\[sender] in the profile.
"""

_TYPES = "Abbreviation or name: " + ", ".join(TYPES)
_DECLARE = (
    "Declare, signed, that it holds no state secret: lets harmless words of secrecy pass (rule secrecy)."
)
_PRIORITIES = "0-4, or normal, urgent, very-urgent, express (thuong, khan, thuong-khan, hoa-toc)."


Due = Annotated[
    datetime | None,
    typer.Option(metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Deadline for the recipients."),
]
Receipt = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", callback=NEW_FILE, help="Keep the hub's signed acceptance here.", dir_okay=False
    ),
]
ExternalOver = Annotated[
    int,
    typer.Option(metavar="MIB", min=1, help="Files over this size travel beside the package, resumably."),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        callback=NEW_FILE,
        help="Keep the signed document here, before it is sent.",
        dir_okay=False,
    ),
]
CodeOption = Annotated[
    str | None,
    typer.Option(metavar="NUMBER/NOTATION", callback=NUMBER, help="Số và ký hiệu, e.g. 12/UBND-VP."),
]
Number = Annotated[str | None, typer.Option(help="The number alone, with --notation, instead of --code.")]
Attach = Annotated[
    list[Path], typer.Option(metavar="FILE…", help="Files to send along.", exists=True, dir_okay=False)
]
Update = Annotated[
    str | None,
    typer.Option(metavar="DOCUMENT", callback=FILLED, help="Send it as the corrected form of this document."),
]
Remove = Annotated[
    list[str] | None,
    typer.Option(metavar="CODE…", callback=CODES, help="With --update: no longer for these."),
]
Replace = Annotated[
    str | None, typer.Option(metavar="DOCUMENT", callback=FILLED, help="Send it in place of this document.")
]
For = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="CODE…",
        callback=CODES,
        help="With --replace: for these; for every --to when absent.",
    ),
]
Reason = Annotated[str | None, typer.Option(help="Why it is updated or replaced.")]


def send(
    context: typer.Context,
    to: Annotated[
        list[str],
        typer.Option(
            metavar="CODE…", callback=RECIPIENTS, help="Recipients' codes in any form, and @groups."
        ),
    ],
    subject: Annotated[str, typer.Option(callback=FILLED, help="Trích yếu.")],
    attach: Attach,
    code: CodeOption = None,
    number: Number = None,
    notation: Annotated[str | None, typer.Option(help="The notation alone, with --number.")] = None,
    kind: Annotated[str, typer.Option("--type", callback=TYPE, help=_TYPES)] = "CV",
    priority: Annotated[str, typer.Option(callback=PRIORITY, help=_PRIORITIES)] = "normal",
    content: Annotated[str | None, typer.Option(help="Short content; the subject when absent.")] = None,
    due: Due = None,
    place: Annotated[str | None, typer.Option(help="Place of issue; the province when absent.")] = None,
    signer: Annotated[str | None, typer.Option(help="Who signed the document itself.")] = None,
    position: Annotated[str | None, typer.Option(help="The signer's position.")] = None,
    competence: Annotated[str | None, typer.Option(help="TM., KT., TL. …")] = None,
    receipt: Receipt = None,
    external_over: ExternalOver = EXTERNAL_OVER // MIB,
    keep: Keep = None,
    update: Update = None,
    remove: Remove = None,
    replace: Replace = None,
    superseded_for: For = None,
    reason: Reason = None,
    not_secret: Annotated[bool, typer.Option("--not-secret", help=_DECLARE)] = False,
) -> None:
    """Build a document, sign it and submit it."""
    session = session_of(context)
    defaults = session.profile.sender
    draft = Draft(
        to=split(to),
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
        not_secret=not_secret,
    )

    about = _about(draft, update, replace, reason, split(remove), split(superseded_for))

    async def work(client: AgencyClient) -> Accepted:
        await client.upload_all(draft.files, on_progress=on_progress)
        signed = await client.compose(await about(client))
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
    if number is None:
        return code
    return "/".join(read_number(f"{number}/{notation}"))


def _about(
    draft: Draft,
    update: str | None,
    replaced: str | None,
    reason: str | None,
    removed: list[str],
    agencies: list[str],
) -> Callable[[AgencyClient], Awaitable[Draft]]:
    """What makes the draft an update or a replacement, where it is one."""
    if update and replaced:
        raise typer.BadParameter("a document updates or replaces another, not both", param_hint="'--update'")
    if (removed and not update) or (agencies and not replaced):
        raise typer.BadParameter("--remove goes with --update, --for with --replace", param_hint="'--for'")

    async def about(client: AgencyClient) -> Draft:
        if update:
            return await client.as_update(update, draft, reason or draft.subject, removed=removed)
        if replaced:
            return await client.as_replacement(replaced, draft, reason or draft.subject, agencies=agencies)
        return draft

    return about
