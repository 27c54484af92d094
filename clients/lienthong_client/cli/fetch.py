"""`fetch`: a document with its files and its proof, verified here before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lienthong.domain.document import Document
from lienthong.signing.pdf import PdfReport
from lienthong_client.cli import shapes
from lienthong_client.cli.arguments import FILLED
from lienthong_client.cli.output import Output, clean, holder_of, local_time, styled
from lienthong_client.cli.pdfs import shape
from lienthong_client.cli.pdfs import tell as tell_pdfs
from lienthong_client.cli.session import session_of
from lienthong_client.client import AgencyClient
from lienthong_client.files import save_received
from lienthong_client.pdfs import examine_saved
from lienthong_client.proof import Proof
from lienthong_client.results import Received

EPILOG = """[b]Example[/b]

  lienthong-agency fetch 0192f3c2-… in/

Writes in/document.edxml (the exact signed bytes), in/attachments/ and in/evidence/. Nothing is written unless the
signature, the certificate, the transit record and the consignment verify. Verify it again any time with `verify in/`.
"""


def fetch(
    context: typer.Context,
    delivery: Annotated[
        str,
        typer.Argument(
            metavar="DELIVERY", callback=FILLED, help="A delivery's or document's id, from inbox."
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="OUTDIR", help="Folder for the files; made if missing.", file_okay=False)
    ],
) -> None:
    """Fetch a document, verify everything about it and write it to a folder."""
    session = session_of(context)

    async def work(client: AgencyClient) -> tuple[Received, shapes.Json]:
        received = await client.fetch(delivery, on_progress=on_progress)
        files: shapes.Json = {**save_received(folder, received, client.attachments(received))}
        beside = await client.download(received, folder / "attachments", on_progress=on_progress)
        files["attachments"] = [*files["attachments"], *map(str, beside)]
        return received, files

    with session.output.progress("fetching") as on_progress:
        received, files = session.run(work)
    trust = session.profile.agency_trust()
    pdfs = examine_saved(map(Path, files["attachments"]), trust=trust, at=datetime.now(UTC))
    if session.output.as_json:
        session.output.json({**shapes.received(received, files), "pdfs": shape(pdfs)})
        return
    _tell(received, files, pdfs, session.output)


def _tell(received: Received, files: shapes.Json, pdfs: tuple[PdfReport, ...], output: Output) -> None:
    words = output.words
    package = received.package
    facts = {words("document"): received.document_id, words("from"): received.sender}
    if isinstance(package, Document):
        facts[words("from")] = f"{package.sender.organ_name or ''} ({received.sender})".strip()
        facts[words("number")] = f"{package.code_number}/{package.code_notation}"
        facts[words("subject")] = package.subject
    output.facts(facts)
    output.show(f"{words('verified')}:")
    signer = holder_of(received.verified.signer.certificate)
    binding = words(f"binding_{received.binding}")
    passed(output, words("v_signature", signer=signer))
    passed(output, words("v_sender", sender=received.sender, binding=binding))
    tell_proof(received.proof, output)
    output.show(f"{words('files')}:", *(f"  {path}" for path in (files["document"], *files["attachments"])))
    tell_pdfs(pdfs, output)
    if files["evidence"]:
        output.show(f"  {Path(files['evidence'][0]).parent}/ ({len(files['evidence'])})")
    if output.is_terminal:
        output.note(f"{words('next_ack')}: lienthong-agency ack {received.delivery_id}", style="dim")


def tell_proof(proof: Proof, output: Output) -> None:
    """What the evidence proves, line by line."""
    words = output.words
    passed(output, words("v_acceptance", at=local_time(proof.acceptance.accepted_at)))
    for chain in proof.chains:
        if chain.hops:
            passed(output, words("v_chain", way=" → ".join(hop.node for hop in chain.hops)))
    for consigned in proof.consignments:
        at = local_time(consigned.consigned_at)
        passed(output, words("v_consignment", recipient=consigned.recipient, at=at))
    for handover in proof.handovers:
        passed(
            output, words("v_handover", recipient=handover.recipient, at=local_time(handover.handed_over_at))
        )
    for failure in proof.failures:
        outcome, at = words.state(failure.outcome), local_time(failure.failed_at)
        passed(
            output,
            words("v_failure", recipient=failure.recipient, outcome=outcome, at=at, reason=failure.reason),
        )


def passed(output: Output, text: str) -> None:
    """A line with a tick."""
    output.show(styled("  ✓ ", "PASSED").append(clean(text), style="default not bold"))
