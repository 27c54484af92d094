"""`verify`: documents, transit records and evidence, offline, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lienthong.domain.evidence import Verdict
from lienthong.errors import Code, Refusal
from lienthong.signing.trust import Revocation, Trust
from lienthong_client.carried import CarriedFile, compare_carried
from lienthong_client.cli import shapes
from lienthong_client.cli.fetch import tell_proof
from lienthong_client.cli.output import Output, clean, holder_of, styled
from lienthong_client.cli.pdfs import shape
from lienthong_client.cli.pdfs import tell as tell_pdfs
from lienthong_client.cli.program import REFUSED, tell_people
from lienthong_client.cli.session import Session, session_of
from lienthong_client.errors import Misuse
from lienthong_client.exported import load
from lienthong_client.offline import DOCUMENT, Examination, Examined, examine
from lienthong_client.pdfs import examine_carried
from lienthong_client.proof import RecordTrust

EPILOG = """[b]Examples[/b]

  lienthong-agency verify signed.edxml

  lienthong-agency verify in/     (a folder written by fetch or evidence, with the files in attachments/)

  lienthong-agency verify export.zip --anchors agency-ca.pem --anchors hub-ca.pem --at 2026-11-22

Nothing is asked of the hub. Without --anchors the profile's \\[trust] counts. FILE may be a document, one record of
evidence, a folder or a zip. Certificates and revocation are judged as of --at.
"""

_MARKS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.INDETERMINATE: "?", None: "·"}
_FORMATS = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def verify(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A document, a record, a folder or a zip.", exists=True)
    ],
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Trust these authorities (PEM) instead of the profile's.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    crl: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Revocation lists (PEM) to go with --anchors.", exists=True, dir_okay=False
        ),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            formats=_FORMATS,
            help="Judge as of this time (UTC unless it has a zone); now when absent.",
        ),
    ] = None,
    without_content: Annotated[
        bool,
        typer.Option(
            "--without-content", help="Do not compare attachments/ with what the sender signed for."
        ),
    ] = False,
) -> None:
    """Verify documents, transit records and evidence, offline."""
    session = session_of(context)
    if crl and not anchors:
        raise typer.BadParameter("goes with --anchors", param_hint="'--crl'")
    trust = _trust(session, anchors or [], crl or [])
    moment = at or datetime.now(UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    found = examine(load(file), trust=trust, at=moment)
    named = [(one.name, one.data) for one in found.files if one.kind == DOCUMENT]
    carried = () if without_content else compare_carried(file, named)
    pdfs = examine_carried(file, [data for _, data in named], trust=trust.agencies, at=moment)
    verdict, problem = _verdict(found, carried), _problem(found) or _misfit(carried)
    output = session.output
    if output.as_json:
        more = {"contents": [_content_shape(one) for one in carried], "pdfs": shape(pdfs)}
        output.json(_shape(file, moment, found, problem, output) | {"verdict": verdict.value} | more)
    else:
        tell_pdfs(pdfs, output)
        _tell(found, carried, output)
        _tell_verdict(verdict, problem, output)
        if anchors and not crl:
            output.note(output.words("no_crls"), style="yellow")
    if problem is not None:
        raise typer.Exit(REFUSED)


def _trust(session: Session, anchors: list[Path], crls: list[Path]) -> RecordTrust:
    if not anchors:
        profile = session.profile
        return RecordTrust(infrastructure=profile.infrastructure_trust(), agencies=profile.agency_trust())
    try:
        trust = Trust.from_pem(
            anchors=[path.read_bytes() for path in anchors],
            crls=[path.read_bytes() for path in crls],
            revocation=Revocation.REQUIRED if crls else Revocation.WHEN_PRESENT,
        )
    except Refusal as refusal:
        option = "--crl" if refusal.field == "crls" else "--anchors"
        raise Misuse(Code.ARGUMENT_INVALID, field=option, detail=refusal.detail) from refusal
    return RecordTrust(infrastructure=trust, agencies=trust)


def _problem(found: Examination) -> Refusal | None:
    """The code a verification that did not pass ends with. A sender nobody names leaves it undecided."""
    if found.verdict is Verdict.PASSED:
        return None
    return found.refusal or Refusal(
        Code.SIGNER_NOT_SENDER, field="Signature/KeyInfo", detail="the certificate names no agency: undecided"
    )


def _verdict(found: Examination, carried: Sequence[CarriedFile]) -> Verdict:
    """The worst of the documents', the records' and the files'."""
    verdicts = {found.verdict, *(one.verdict for one in carried)}
    worst = (Verdict.FAILED, Verdict.INDETERMINATE)
    return next((verdict for verdict in worst if verdict in verdicts), Verdict.PASSED)


def _misfit(carried: Sequence[CarriedFile]) -> Refusal | None:
    """The file with other bytes than its sender signed for; else one that is not there."""
    for one in sorted(carried, key=lambda one: one.verdict is not Verdict.FAILED):
        if one.verdict is not Verdict.PASSED:
            why = "other bytes than the sender signed for" if one.file else "not at hand"
            detail = f"{one.name[:80]}: {why}"
            return Refusal(Code.ATTACHMENT_MISMATCH, field=one.file or one.name[:80], detail=detail)
    return None


def _content_shape(one: CarriedFile) -> shapes.Json:
    return {
        "document": one.document,
        "name": one.name,
        "file": one.file,
        "sha256": one.sha256,
        "size": one.size,
        "external": one.beside,
        "verdict": one.verdict.value,
    }


def _shape(
    file: Path, at: datetime, found: Examination, problem: Refusal | None, output: Output
) -> shapes.Json:
    first = found.files[0]
    single = len(found.files) == 1
    return {
        "file": str(file),
        "kind": first.kind if single else "transit record",
        "verdict": found.verdict.value,
        "at": shapes.moment(at),
        "sha256": first.sha256 if single else None,
        **(
            {key: value for key, value in shapes.report(first.report).items() if key != "verdict"}
            if single
            else {}
        ),
        "files": [
            {"name": one.name, "kind": one.kind, "sha256": one.sha256, **shapes.report(one.report)}
            for one in found.files
        ],
        "proof": None if found.proof is None else shapes.proof(found.proof),
        **(shapes.error(problem, output.words.language) if problem is not None else {}),
    }


def _tell_content(one: CarriedFile, output: Output) -> None:
    key = {
        Verdict.PASSED: "content_passed",
        Verdict.FAILED: "content_failed",
        Verdict.INDETERMINATE: "content_missing",
    }[one.verdict]
    text = output.words(key, file=clean(one.file or one.name))
    output.show(styled(f"{_MARKS[one.verdict]} ", one.verdict).append(text, style="default not bold"))


def _tell(found: Examination, carried: Sequence[CarriedFile], output: Output) -> None:
    words = output.words
    for one in found.files:
        _tell_file(one, output, brief=len(found.files) > 1)
    if found.proof is not None:
        output.show(f"{words('verified')}:")
        tell_proof(found.proof, output)
    for content in carried:
        _tell_content(content, output)


def _tell_verdict(verdict: Verdict, problem: Refusal | None, output: Output) -> None:
    words = output.words
    output.show(Text(f"{words('verdict')}: ").append(styled(f"{words.state(verdict)} [{verdict}]", verdict)))
    if problem is not None:
        tell_people(problem, output)


def _tell_file(one: Examined, output: Output, *, brief: bool) -> None:
    verdict = one.report.verdict
    head = styled(f"{_MARKS[verdict]} ", verdict).append(f"{clean(one.name)}  ", style="default bold")
    output.show(head.append(one.kind, style="default not bold"))
    if one.report.signer is not None and not brief:
        output.facts(
            {output.words("signer"): holder_of(one.report.signer.certificate), "SHA-256": one.sha256}
        )
    for step in one.report.steps:
        if brief and step.outcome is Verdict.PASSED:
            continue
        outcome = step.outcome
        line = styled(f"  {_MARKS[outcome]} ", outcome or "").append(
            f"{step.number:>2}. {step.name}", style="default not bold"
        )
        if step.code is not None or step.detail:
            line.append(
                f"  {step.code or ''} {clean(step.detail or '')}".rstrip(), style="default not bold dim"
            )
        if outcome is None:
            if brief:
                continue
            line.append(f"  {output.words('step_skipped')}", style="dim")
        output.show(line)
