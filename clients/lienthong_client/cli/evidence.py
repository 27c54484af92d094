"""`evidence`: the signed records of a document, verified and written to a folder, for whoever asks years later."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong.domain.document import Package
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.reader import read
from lienthong.errors import Code, Refusal
from lienthong_client.carried import find_named
from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import FILLED
from lienthong_client.cli.fetch import tell_proof
from lienthong_client.cli.output import Output, clean
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.content import copy_content, external_entries
from lienthong_client.files import save, save_evidence
from lienthong_client.pdfs import ATTACHMENTS
from lienthong_client.results import EvidenceSet

EPILOG = """[b]Examples[/b]

  lienthong-agency evidence 0192f3c2-… proof/

  lienthong-agency evidence 0192f3c2-… proof/ --document signed.edxml     (proves it for these very bytes)

  lienthong-agency evidence 0192f3c2-… proof/ --document signed.edxml --content maps/     (with the sender's own files)

Files that travel beside the document go into proof/attachments/: out of --content, else from the hub, which gives them
to recipients. For the sender and the recipients. Verify it any time, offline, with `lienthong-agency verify proof/`.
"""


def evidence(
    context: typer.Context,
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", callback=FILLED, help="Document id, DocumentId or SHA-256.")
    ],
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
    content: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR|FILE…",
            help="With --document: where the files beside it lie; found by their bytes.",
            exists=True,
        ),
    ] = None,
    without_content: Annotated[
        bool, typer.Option("--without-content", help="Leave out the files beside the document.")
    ] = False,
) -> None:
    """Export the signed evidence of a document, verified."""
    session = session_of(context)
    output = session.output
    if source is None and content:
        raise typer.BadParameter("goes with --document", param_hint="'--content'")
    data = None if source is None else source.read_bytes()
    package = None if data is None else read(data)
    digest = None if data is None else sha256_hex(data)

    async def work(client: AgencyClient) -> tuple[EvidenceSet, list[Path], list[str]]:
        found = await client.evidence(document, sha256=digest)
        paths = save_evidence(folder / "evidence", found.items)
        if data is None or package is None:
            return found, paths, []
        paths.append(save(folder, "document.edxml", data))
        if without_content:
            return found, paths, []
        kept, missing = await _keep(client, found.document_id, package, content or [], folder / ATTACHMENTS)
        return found, [*paths, *kept], missing

    found, paths, missing = session.run(work)
    for name in missing:
        output.note(output.words("content_wanted", file=clean(name)), style="yellow")
    if output.as_json:
        output.json(
            {
                "document_id": found.document_id,
                "sha256": found.proof.acceptance.document_sha256,
                "files": [str(path) for path in paths],
                "missing": missing,
                "verified": shapes.proof(found.proof),
            }
        )
        return
    _tell(found, folder, len(paths), output)


def _tell(found: EvidenceSet, folder: Path, count: int, output: Output) -> None:
    """For people: what was verified, and where it lies."""
    words = output.words
    output.show(f"{words('evidence_for')} {found.document_id}")
    output.facts({"SHA-256": found.proof.acceptance.document_sha256})
    output.show(f"{words('verified')}:")
    tell_proof(found.proof, output)
    output.show(f"{words('written')} {folder}/ ({count})")
    if output.is_terminal:
        output.note(f"{words('verify_later')}: lienthong-agency verify {folder}/", style="dim")


async def _keep(
    client: AgencyClient, document_id: str, package: Package, places: list[Path], folder: Path
) -> tuple[list[Path], list[str]]:
    """The files beside a document, into `folder`: our own copies, else the hub's; and the names of those nobody has."""
    own = {file.sha256: file for file in find_named(package, places)}
    kept, missing = [], []
    for entry in external_entries(package):
        assert entry.external is not None  # noqa: S101  by `external_entries`
        file = own.get(entry.external.sha256)
        try:
            if file is not None:
                kept.append(copy_content(file, entry, folder))
            else:
                kept.append(await client.download_named(document_id, entry, folder))
        except Refusal as refusal:  # the sender may not read them back, and some are not there yet
            if refusal.code is Code.ATTACHMENT_MISMATCH:
                raise
            missing.append(entry.attachment_name)
    return kept, missing
