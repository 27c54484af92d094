"""`upload`: files that travel beside their package, before the package is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong_client.cli import shapes
from lienthong_client.cli.output import Output
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.content import BigFile

EPILOG = """[b]Examples[/b]

  lienthong-agency upload ban-do.pdf

  lienthong-agency --json upload maps/*.tif     (digest, size and media type: what ExternalContent in the package says)

A cut upload goes on where it ended when the command is given again; what the hub has is not sent twice. Then submit the
package that names the files. Not needed with send, or with submit --content. Files no package names are collected
after some days.
"""


def upload(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files to send.", exists=True, dir_okay=False)
    ],
) -> None:
    """Send files that travel beside their package; tells what the package must say of each."""
    session = session_of(context)

    async def work(client: AgencyClient) -> None:
        for path in files:
            file = BigFile.read(path)
            with session.output.progress("sending") as on_progress:
                await client.upload(file, on_progress=on_progress)
            _tell(file, session.output)

    session.run(work)


def _tell(file: BigFile, output: Output) -> None:
    if output.as_json:
        output.json(shape(file))
        return
    words = output.words
    output.show(f"{file.path}")
    size = f"{file.size:,} {words('bytes')}"
    output.facts({"SHA-256": file.sha256, words("size"): size, words("media_type"): file.media_type})
    output.note(words("uploaded"), style="dim")


def shape(file: BigFile) -> shapes.Json:
    """One file that is at the hub now."""
    return {
        "file": str(file.path),
        "name": file.name,
        "sha256": file.sha256,
        "size": file.size,
        "media_type": file.media_type,
    }
