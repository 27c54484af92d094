"""`submit`: signed bytes to the hub, exactly as they are.

Several files go over one stream, each answered for itself.
"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lienthong.edxml.reader import read
from lienthong.errors import Refusal
from lienthong_client.carried import find_named
from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import NEW_FILE
from lienthong_client.cli.output import Output, clean, local_time, styled
from lienthong_client.cli.session import Session, session_of
from lienthong_client.client import AgencyClient
from lienthong_client.files import save
from lienthong_client.results import Accepted

EPILOG = """[b]Examples[/b]

  lienthong-agency submit signed.edxml

  lienthong-agency submit signed.edxml --receipt receipt.xml     (keeps the hub's signed acceptance)

  lienthong-agency submit signed.edxml --content maps/ plan.pdf  (sends what the package names of these, resumably)

  lienthong-agency submit backlog/*.edxml                        (each answered for itself; exit 3 if one is refused)

Submitting the same bytes again is safe: the hub gives its first answer.
"""


def submit(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Signed edXML files.", exists=True, dir_okay=False)
    ],
    receipt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=NEW_FILE, help="Keep the hub's signed acceptance here.", dir_okay=False
        ),
    ] = None,
    content: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR|FILE…",
            help="Where the files lie that travel beside the package; found by their bytes, sent first.",
            exists=True,
        ),
    ] = None,
) -> None:
    """Give signed files to the hub and see what became of each recipient."""
    session = session_of(context)
    if len(files) > 1:
        if receipt or content:
            raise typer.BadParameter("--receipt and --content go with one FILE")
        _submit_many(session, files)
        return
    data = files[0].read_bytes()
    beside = find_named(read(data), content) if content else []

    async def work(client: AgencyClient) -> Accepted:
        await client.upload_all(beside, on_progress=on_progress)
        return await client.submit(data, on_progress=on_progress)

    with session.output.progress("sending") as on_progress:
        accepted = session.run(work)
    tell(accepted, session.output, receipt)


def _submit_many(session: Session, files: list[Path]) -> None:
    """One line per file as it is decided; exit code 3 when one was refused."""
    output = session.output
    sizes = [file.stat().st_size for file in files]

    async def work(client: AgencyClient) -> int:
        refused = sent = 0
        with output.progress("sending") as on_progress:
            async with aclosing(client.submit_many(files)) as answers:
                async for place, answer in answers:
                    sent += sizes[place]
                    on_progress(sent, sum(sizes))
                    refused += isinstance(answer, Refusal)
                    _tell_one(files[place], answer, output)
        return refused

    if session.run(work):
        raise typer.Exit(3)


def _tell_one(file: Path, answer: Accepted | Refusal, output: Output) -> None:
    words, name = output.words, clean(str(file))
    if output.as_json:
        shape = (
            shapes.error(answer, words.language) if isinstance(answer, Refusal) else shapes.submission(answer)
        )
        output.json({"file": str(file)} | shape)
    elif isinstance(answer, Refusal):
        what = f"{words('error')}: {clean(answer.message(words.language))} [{answer.code}]"
        output.show(styled(f"{name}  {what}", "FAILED"))
        output.note(f"  {words('remedy')}: {answer.remedy(words.language)}")
    else:
        line = styled(f"{name}  {words('accepted')}", "PASSED").append(f"  {answer.document_id}")
        for result in answer.recipients:
            line.append(f"  {clean(result.code)} ").append(styled(words.state(result.state), result.state))
        output.show(line)


def tell(accepted: Accepted, output: Output, receipt: Path | None) -> None:
    """The answer to a submission, and the receipt to a file."""
    kept = None if receipt is None else save(receipt.parent, receipt.name, accepted.acceptance_xml)
    if output.as_json:
        output.json(shapes.submission(accepted) | ({"receipt": str(kept)} if kept else {}))
        return
    words = output.words
    output.show(styled(f"{words('accepted')}, {local_time(accepted.acceptance.accepted_at)}", "PASSED"))
    output.facts(
        {
            words("document"): accepted.document_id,
            "SHA-256": accepted.sha256,
            words("receipt"): str(kept) if kept else "",
        }
    )
    width = max(len(result.code) for result in accepted.recipients)
    for result in accepted.recipients:
        line = Text(f"  {clean(result.code):<{width}}  ").append(
            styled(words.state(result.state), result.state)
        )
        if result.error is not None:
            line.append(f"  {clean(result.error.message)} [{clean(result.error.code)}]")
        output.show(line)
    for warning in accepted.warnings:
        output.note(f"{words('warning')}: {clean(warning.message)}", style="yellow")
    if accepted.repeated:
        output.note(words("repeated"), style="yellow")
    if output.is_terminal:
        output.note(f"{words('next_track')}: lienthong-agency track {accepted.document_id}", style="dim")
