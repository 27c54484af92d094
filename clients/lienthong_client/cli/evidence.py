"""`evidence`: the signed records of a document, verified and written to a folder, for whoever asks years later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong.domain.ids import sha256_hex
from lienthong_client.cli import shapes
from lienthong_client.cli.fetch import tell_proof
from lienthong_client.cli.session import session_of
from lienthong_client.files import save, save_evidence

EPILOG = """[b]Examples[/b]

  lienthong-agency evidence 0192f3c2-… proof/

  lienthong-agency evidence 0192f3c2-… proof/ --document signed.edxml     (proves it for these very bytes)

For the sender and the recipients. Verify it any time, offline, with `lienthong-agency verify proof/`.
"""


def evidence(
    context: typer.Context,
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="Document id, DocumentId or SHA-256.")],
    folder: Annotated[
        Path,
        typer.Argument(metavar="OUTDIR", help="Folder for the records; made if missing.", file_okay=False),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--document",
            metavar="FILE",
            help="The signed document: checked against the evidence and put beside it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Export the signed evidence of a document, verified."""
    session = session_of(context)
    output = session.output
    data = None if source is None else source.read_bytes()
    digest = None if data is None else sha256_hex(data)
    found = session.run(lambda client: client.evidence(document, sha256=digest))
    paths = save_evidence(folder / "evidence", found.items)
    if data is not None:
        paths.append(save(folder, "document.edxml", data))
    if output.as_json:
        output.json(
            {
                "document_id": found.document_id,
                "sha256": found.proof.acceptance.document_sha256,
                "files": [str(path) for path in paths],
                "verified": shapes.proof(found.proof),
            }
        )
        return
    words = output.words
    output.show(f"{words('evidence_for')} {found.document_id}")
    output.facts({"SHA-256": found.proof.acceptance.document_sha256})
    output.show(f"{words('verified')}:")
    tell_proof(found.proof, output)
    output.show(f"{words('written')} {folder}/ ({len(paths)})")
    if output.is_terminal:
        output.note(f"{words('verify_later')}: lienthong-agency verify {folder}/", style="dim")
