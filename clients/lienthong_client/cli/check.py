"""`check`: a dry run of a submission; everything that stands against a file, at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lienthong.edxml.bounds import Limits
from lienthong.errors import Language
from lienthong_client.check import Checked, Problem, check_offline
from lienthong_client.cli import pdfs, shapes
from lienthong_client.cli.output import Output, clean, styled
from lienthong_client.cli.program import REFUSED
from lienthong_client.cli.session import Session, session_of
from lienthong_client.errors import Misuse

EPILOG = """[b]Examples[/b]

  lienthong-agency check draft.edxml             (signed or not yet; nothing is sent)

  lienthong-agency check draft.edxml --offline   (without the hub: no recipients, no numbers)

Exit 0: the hub would take it for every recipient. Exit 3: something stands against it. The rules: docs/rules.md.
"""


def check(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="An edXML file, signed or not yet.", exists=True, dir_okay=False),
    ],
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the hub: structure, rules, files and signature.")
    ] = False,
) -> None:
    """Would the hub take this file, and whom would it reach?"""
    session = session_of(context)
    data = file.read_bytes()
    if offline:
        checked = _offline(session, data)
    else:
        with session.output.progress("sending") as on_progress:
            checked = session.run(lambda client: client.check(data, on_progress=on_progress))
    if session.output.as_json:
        session.output.json({"file": str(file)} | shape(checked, session.output.words.language))
    else:
        tell(checked, session.output)
    if not checked.clean:
        raise typer.Exit(REFUSED)


def _offline(session: Session, data: bytes) -> Checked:
    """Works without a profile too; the signature is left out then, and said to be."""
    try:
        trust = session.profile.agency_trust()
    except Misuse:
        if session.profile_path.exists():
            raise
        trust = None
        session.output.note(session.output.words("check_no_trust"), style="yellow")
    return check_offline(data, trust=trust, at=datetime.now(UTC), limits=Limits())


def shape(checked: Checked, language: Language) -> shapes.Json:
    """The JSON of `check`."""
    return {
        "sha256": checked.sha256,
        "acceptable": checked.acceptable,
        "clean": checked.clean,
        "offline": checked.offline,
        "signed": checked.signed,
        "signer": checked.signer,
        "kind": checked.kind,
        "problems": [_problem(problem, language) for problem in checked.problems],
        "recipients": [
            {
                "written": recipient.written,
                "code": recipient.code,
                "name": recipient.name or None,
                "road": list(recipient.road),
                "error": None
                if recipient.error is None
                else {
                    "code": recipient.error.code,
                    "message": recipient.error.message,
                    "field": recipient.error.field,
                },
            }
            for recipient in checked.recipients
        ],
        "earlier_document_id": checked.earlier,
        "pdfs": pdfs.shape(checked.pdfs),
    }


def _problem(problem: Problem, language: Language) -> shapes.Json:
    return {
        "step": problem.step,
        "code": problem.code,
        "rule": problem.rule,
        "field": problem.field,
        "message": problem.message(language),
        "message_vi": problem.vi,
        "message_en": problem.en,
        "blocking": problem.blocking,
    }


def tell(checked: Checked, output: Output) -> None:
    """For people: the verdict, what stands against it, what to know, and the road to each recipient."""
    words = output.words
    verdict = "PASSED" if checked.clean else "FAILED"
    key = "check_clean" if checked.clean else "check_partly" if checked.acceptable else "check_refused"
    output.show(styled(words(key), verdict))
    output.facts({words("signer"): checked.signer or "", "SHA-256": checked.sha256})
    if checked.earlier is not None:
        output.show(f"  {words('check_repeated')} {checked.earlier}")
    for problem in checked.problems:
        mark, style = ("✗", "FAILED") if problem.blocking else ("!", "INDETERMINATE")
        line = styled(f"  {mark} ", style).append(clean(problem.message(words.language)), style="default")
        name = f"{problem.code} {problem.rule}" if problem.rule else problem.code
        output.show(line.append(f"  [{clean(name)}] {clean(problem.field or '')}".rstrip(), style="dim"))
    if checked.pdfs:
        output.show(f"{words('files')}:")
        pdfs.tell(checked.pdfs, output)
    width = max((len(recipient.code) for recipient in checked.recipients), default=0)
    for recipient in checked.recipients:
        line = Text("  ").append(
            styled("✓ " if recipient.error is None else "✗ ", _state(recipient.error is None))
        )
        line.append(f"{clean(recipient.code):<{width}}  {clean(recipient.name)}  ")
        if recipient.error is None:
            line.append(" → ".join(clean(node) for node in recipient.road), style="dim")
        else:
            line.append(f"{clean(recipient.error.message)} [{clean(recipient.error.code)}]")
        output.show(line)


def _state(good: bool) -> str:
    return "PASSED" if good else "FAILED"
