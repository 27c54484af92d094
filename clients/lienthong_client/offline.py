"""What can be proven from files alone, years later and without the hub? (Pure: bytes, anchors and a time.)

Each file is examined by itself, step by step. Where a SubmissionAcceptance is among them, the records are then
verified together as one transit record, for the very bytes of the document when it is there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lienthong.domain.evidence import (
    ContentConsignment,
    ContentConsignmentFailure,
    ContentHandoverFailure,
    Evidence,
    EvidenceKind,
    HopRecord,
    SubmissionAcceptance,
    Verdict,
)
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.names import EDXML
from lienthong.edxml.reader import parse, read
from lienthong.errors import Code, Refusal
from lienthong.signing.trust import Trust
from lienthong.signing.verdict import Report, Step
from lienthong.signing.verify import examine_package, examine_record
from lienthong.transit import records
from lienthong.transit.chain import HUB_IDENTITY, NODE_IDENTITY
from lienthong_client.proof import AGENCY_IDENTITY, Proof, RecordTrust, verify_evidence
from lienthong_client.receive import relays_bindings, relays_directory

DOCUMENT = "document"
_ROLE = 10  # after the nine steps every record shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One file and what was found in it."""

    name: str
    kind: str  #: "document" or an EvidenceKind
    sha256: str
    report: Report
    evidence: Evidence | None = None  #: what the record says, when it can be read
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything found. `proof` is there when the records hold together."""

    files: tuple[Examined, ...]
    proof: Proof | None
    broken: Refusal | None  #: why the records do not hold together

    @property
    def refusal(self) -> Refusal | None:
        """The first thing that is wrong; None also while something is merely undecided."""
        found = (examined.report.refusal for examined in self.files)
        return next((refusal for refusal in found if refusal is not None), self.broken)

    @property
    def verdict(self) -> Verdict:
        """PASSED only when every step of every file passed and the records hold together."""
        verdicts = {examined.report.verdict for examined in self.files}
        if self.broken is not None:
            verdicts.add(Verdict.INDETERMINATE if self.broken.retryable else Verdict.FAILED)
        for worst in (Verdict.FAILED, Verdict.INDETERMINATE):
            if worst in verdicts:
                return worst
        return Verdict.PASSED


def examine(files: Sequence[tuple[str, bytes]], *, trust: RecordTrust, at: datetime) -> Examination:
    """Examine files (name, bytes) as of `at`; never raises for what is in them."""
    examined = [_examine_file(name, data, trust=trust, at=at) for name, data in files]
    documents = [one for one in examined if one.kind == DOCUMENT]
    xmls = [one.data for one in examined if one.kind != DOCUMENT]
    if len(xmls) + len(documents) < 2 or not xmls:
        return Examination(files=tuple(examined), proof=None, broken=None)
    try:
        digest = documents[0].sha256 if documents else None
        proof = verify_evidence(xmls, document_sha256=digest, trust=trust, at=at)
    except Refusal as refusal:
        return Examination(files=tuple(examined), proof=None, broken=refusal)
    decided = tuple(
        _decide_sender(one, proof, trust=trust.agencies, at=at) if one.kind == DOCUMENT else one
        for one in examined
    )
    return Examination(files=decided, proof=proof, broken=None)


def _examine_file(name: str, data: bytes, *, trust: RecordTrust, at: datetime) -> Examined:
    kind = _kind_of(data)
    if not isinstance(kind, EvidenceKind):
        report = examine_package(data, trust=trust.agencies, at=at)
        return Examined(name=name, kind=DOCUMENT, sha256=sha256_hex(data), report=report, data=data)
    anchors = trust.agencies if kind is EvidenceKind.CONTENT_HANDOVER else trust.infrastructure
    report = examine_record(data, trust=anchors, at=at, root=records.root_name(kind))
    evidence: Evidence | None = None
    if report.refusal is None:
        try:
            evidence = records.read(parse(data))
            _check_role(evidence, report)
            report = _with_role(report, None)
        except Refusal as refusal:
            report = _with_role(report, refusal)
    return Examined(
        name=name, kind=kind.value, sha256=sha256_hex(data), report=report, evidence=evidence, data=data
    )


def _kind_of(data: bytes) -> EvidenceKind | None:
    """None for edXML and for everything that cannot be read: `examine_package` says what is wrong with it."""
    try:
        root = parse(data)
        return None if str(root.tag).startswith(f"{{{EDXML}}}") else records.kind_of(root)
    except Refusal:
        return None


def _check_role(evidence: Evidence, report: Report) -> None:
    """May this certificate sign this kind of record? A handover by a certificate without a name is left open."""
    identity = (report.signer.identity if report.signer else None) or ""
    if isinstance(evidence, SubmissionAcceptance | ContentConsignmentFailure | ContentHandoverFailure):
        right = identity.startswith(HUB_IDENTITY)
    elif isinstance(evidence, HopRecord):
        right = identity == NODE_IDENTITY + evidence.node
    elif isinstance(evidence, ContentConsignment):
        right = identity == NODE_IDENTITY + evidence.recipient
    else:
        right = identity in ("", AGENCY_IDENTITY + evidence.recipient)
    if not right:
        detail = f"{identity or 'a certificate without a name'} may not sign this record"
        raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="Signature/KeyInfo", detail=detail)


def _with_role(report: Report, refusal: Refusal | None) -> Report:
    step = Step(
        number=_ROLE,
        name="role",
        outcome=Verdict.PASSED if refusal is None else Verdict.FAILED,
        code=None if refusal is None else refusal.code,
        detail=None if refusal is None else refusal.detail,
    )
    verdict = report.verdict if refusal is None else Verdict.FAILED
    return replace(report, steps=(*report.steps, step), verdict=verdict, refusal=refusal)


def _decide_sender(document: Examined, proof: Proof, *, trust: Trust, at: datetime) -> Examined:
    """What the certificate alone leaves open (no name in it, or the sender's other code), the relays decide."""
    step = next((step for step in document.report.steps if step.number == 10), None)
    if step is None or step.outcome in (None, Verdict.PASSED):
        return document
    signer = document.report.signer
    if signer is not None and signer.identity not in (None, AGENCY_IDENTITY + proof.acceptance.sender):
        return document
    try:
        written = read(document.data).sender_code
    except Refusal:
        return document
    report = examine_package(
        document.data,
        trust=trust,
        at=at,
        directory=relays_directory(proof, written),
        bindings=relays_bindings(proof),
    )
    return replace(document, report=report)
