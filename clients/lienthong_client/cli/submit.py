"""`submit`: signed bytes to the hub, exactly as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lienthong.edxml.reader import read
from lienthong_client.carried import find_named
from lienthong_client.cli import shapes
from lienthong_client.cli.output import Output, clean, local_time, styled
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.files import save
from lienthong_client.results import Accepted

EPILOG = """[b]Examples[/b]

  lienthong-agency submit signed.edxml

  lienthong-agency submit signed.edxml --receipt receipt.xml     (keeps the hub's signed acceptance)

  lienthong-agency submit signed.edxml --content maps/ plan.pdf  (sends what the package names of these, resumably)

Submitting the same bytes again is safe: the hub gives its first answer.
"""


def submit(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A signed edXML file.", exists=True, dir_okay=False)
    ],
    receipt: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the hub's signed acceptance here.", dir_okay=False),
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
    """Give a signed file to the hub and see what became of each recipient."""
    session = session_of(context)
    data = file.read_bytes()
    beside = find_named(read(data), content) if content else []

    async def work(client: AgencyClient) -> Accepted:
        await client.upload_all(beside, on_progress=on_progress)
        return await client.submit(data, on_progress=on_progress)

    with session.output.progress("sending") as on_progress:
        accepted = session.run(work)
    tell(accepted, session.output, receipt)


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
