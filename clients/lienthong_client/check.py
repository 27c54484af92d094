"""Would the hub take this package? Asked of the hub, or judged here as far as one can without it.

Without the hub (`check_offline`): structure, files, rules, and the signature against the profile's anchors. What only
the hub knows is left out: whether an agency exists and how it is reached, whether a number or a DocumentId is taken,
what state an earlier document is in, and which certificate is bound to whom.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from lienthong.api.v1 import check_pb2, common_pb2, exchange_pb2
from lienthong.domain.day import day_of
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.attachments import find_mismatches
from lienthong.edxml.bounds import Limits
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.repair import repair
from lienthong.edxml.rules import Finding, check_rules
from lienthong.errors import Code, Language, Refusal
from lienthong.signing.pdf import PdfReport, PdfSignature, examine_package_pdfs
from lienthong.signing.survey import survey_package
from lienthong.signing.trust import Trust
from lienthong_client.asking import Asking
from lienthong_client.channel import Connection
from lienthong_client.results import RecipientError
from lienthong_client.stamps import to_time
from lienthong_client.transfer import CHUNK, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that stands against the package (blocking), or that its sender should know."""

    step: str  #: signature, sender, attachments, rules, duplicate, number, content, recipients, business
    code: str  #: catalogue code, kept as text for newer hubs
    rule: str | None  #: the rule's name, where the code is RULE_VIOLATED
    field: str | None  #: edXML path
    vi: str
    en: str
    blocking: bool

    def message(self, language: Language) -> str:
        """What is wrong."""
        return self.vi if language == "vi" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRecipient:
    """A recipient, and how it would be reached."""

    written: str
    code: str
    name: str
    road: tuple[str, ...]  #: nodes from ours to the recipient's; empty when it cannot be served
    error: RecipientError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found."""

    sha256: str
    signed: bool
    signer: str | None  #: subject of the certificate, where the signature holds
    kind: str | None  #: "edoc" or "status"; None when the package cannot be read
    problems: tuple[Problem, ...]
    recipients: tuple[CheckedRecipient, ...] = ()
    earlier: str | None = None  #: the hub's id of the document these bytes were accepted as
    offline: bool = False  #: the hub was not asked
    pdfs: tuple[PdfReport, ...] = ()  #: the PDFs, and who signed each of them

    @property
    def acceptable(self) -> bool:
        """Whether the hub would take it for at least one recipient (once signed, if it is not)."""
        return not any(problem.blocking for problem in self.problems)

    @property
    def clean(self) -> bool:
        """Whether it is acceptable and every recipient would be served."""
        return self.acceptable and all(recipient.error is None for recipient in self.recipients)


async def check_upload(connection: Connection, data: bytes, on_progress: Progress | None) -> Checked:
    """One Check call."""

    asking = Asking()

    async def parts() -> AsyncIterator[check_pb2.CheckRequest]:
        header = exchange_pb2.SubmitHeader(size=len(data), sha256=sha256_hex(data))
        yield check_pb2.CheckRequest(header=header)
        if not await asking.allowed(len(data)):
            return
        for start in range(0, len(data), CHUNK):
            yield check_pb2.CheckRequest(chunk=data[start : start + CHUNK])
            if on_progress is not None:
                on_progress(min(start + CHUNK, len(data)), len(data))

    timeout = 60 + len(data) / (64 * 1024)  # seconds, as for a submission
    response: check_pb2.CheckResponse = await connection.call(
        lambda: asking.about(connection.check.Check(parts(), metadata=connection.metadata, timeout=timeout))
    )
    return Checked(
        sha256=response.sha256,
        signed=response.signed,
        signer=response.signer or None,
        kind=response.kind or None,
        problems=tuple(_problem(each) for each in response.problems),
        recipients=tuple(_recipient(each) for each in response.recipients),
        earlier=response.earlier_document_id or None,
        pdfs=tuple(_pdf(each) for each in response.pdfs),
    )


def _problem(problem: check_pb2.Problem) -> Problem:
    return Problem(
        step=problem.step,
        code=problem.code,
        rule=problem.rule or None,
        field=problem.field or None,
        vi=problem.message_vi,
        en=problem.message_en,
        blocking=problem.blocking,
    )


def _pdf(pdf: check_pb2.CheckedPdf) -> PdfReport:
    return PdfReport(
        name=pdf.name,
        signatures=tuple(_signature(each) for each in pdf.signatures),
        problem=pdf.problem or None,
    )


def _signature(one: common_pb2.PdfSignature) -> PdfSignature:
    return PdfSignature(
        field=one.field,
        signer=one.signer,
        organization=one.organization or None,
        certificate_sha256=one.certificate_sha256,
        signed_at=to_time(one.signed_at) if one.HasField("signed_at") else None,
        intact=one.intact,
        last=one.last,
        trusted=one.trusted,
        problem=one.problem or None,
    )


def _recipient(recipient: check_pb2.CheckedRecipient) -> CheckedRecipient:
    error = recipient.error
    return CheckedRecipient(
        written=recipient.written,
        code=recipient.code,
        name=recipient.name,
        road=tuple(recipient.road),
        error=RecipientError(code=error.code, message=error.message, field=error.field or None)
        if error.code
        else None,
    )


def check_offline(data: bytes, *, trust: Trust | None, at: datetime, limits: Limits) -> Checked:
    """Judge `data` without the hub. `trust` None leaves the signature out; never raises for what is in the file."""
    problems: list[Problem] = []
    signed, signer = DSIG.encode() in data, None
    pdfs: tuple[PdfReport, ...] = ()
    if signed and trust is not None:
        survey = survey_package(data, trust=trust, at=at, limits=limits)
        signer = survey.signer.subject if survey.signer and not survey.refusals else None
        problems.extend(_of_refusal("signature", refusal) for refusal in survey.refusals)
    elif not signed:
        problems.append(_of_refusal("signature", Refusal(Code.SIGNATURE_MISSING), blocking=False))
    kind = None
    try:
        root = parse(data if signed else repair(data, limits), limits)
        package = read_package(root)
        kind = package.kind.value
        problems.extend(_of_refusal("attachments", each) for each in find_mismatches(root, package, limits))
        findings = check_rules(package, root, today=day_of(at), limits=limits)
        problems.extend(_of_finding(finding) for finding in findings)
        pdfs = examine_package_pdfs(root, limits, trust=trust, at=at)
    except Refusal as refusal:
        if all(problem.code != refusal.code for problem in problems):
            problems.append(_of_refusal("signature" if kind is None else "attachments", refusal))
    return Checked(
        sha256=sha256_hex(data),
        signed=signed,
        signer=signer,
        kind=kind,
        problems=tuple(sorted(problems, key=lambda problem: not problem.blocking)),
        offline=True,
        pdfs=pdfs,
    )


def _of_refusal(step: str, refusal: Refusal, *, blocking: bool = True) -> Problem:
    return Problem(
        step=step,
        code=refusal.code,
        rule=refusal.rule,
        field=refusal.field,
        vi=refusal.message("vi"),
        en=refusal.message("en"),
        blocking=blocking,
    )


def _of_finding(finding: Finding) -> Problem:
    return Problem(
        step="rules",
        code=Code.RULE_VIOLATED,
        rule=finding.rule,
        field=finding.field,
        vi=finding.detail_vi,
        en=finding.detail_en,
        blocking=finding.blocking,
    )
