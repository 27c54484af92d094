"""Where does a verified document go from here?

Pure: a verified document, the node it is at, the recipients of this branch and the directory give the plan.
It accepts a `VerifiedDocument` and nothing else, so an unverified document cannot be routed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lienthong.domain.agency import Agency, AgencyStatus, Directory
from lienthong.domain.document import PackageKind
from lienthong.domain.evidence import Branch
from lienthong.errors import Code, Refusal
from lienthong.signing.verify import VerifiedDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient as the sender wrote it and what the directory says of it."""

    written: str
    code: str  #: canonical, or as written when it is unknown
    refusal: Refusal | None  #: why it cannot be served


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one hop does: deliver here, and pass one copy to each next node."""

    node: str
    deliver_here: bool
    next: tuple[Branch, ...]  #: sorted by node


def resolve_recipients(document: VerifiedDocument, directory: Directory) -> list[Recipient]:
    """Look up each recipient the package names, in its order; the same agency under two codes is kept once."""
    resolved: list[Recipient] = []
    status = document.package.kind is PackageKind.STATUS
    for position, written in enumerate(document.package.recipient_codes, start=1):
        field = "MessageHeader/ResponseFor/OrganId" if status else f"MessageHeader/To[{position}]/OrganId"
        agency = directory.find(written)
        code = written if agency is None else agency.code
        if any(earlier.code == code for earlier in resolved):
            continue
        refusal = _refusal(document, agency, written, field=field)
        if refusal is None:
            refusal = _unreachable(directory, document.sender, code)
        resolved.append(Recipient(written=written, code=code, refusal=refusal))
    return resolved


def plan(document: VerifiedDocument, *, node: str, recipients: Sequence[str], directory: Directory) -> Plan:
    """The hop's plan. Raises `Refusal` RECIPIENTS_ALTERED for a recipient the document does not name.

    `recipients` are the canonical codes of this branch, as the previous record's signature fixes them.
    """
    named = {recipient.code for recipient in resolve_recipients(document, directory)}
    foreign = sorted(set(recipients) - named)
    if foreign or not recipients:
        raise Refusal(Code.RECIPIENTS_ALTERED, field="recipients", detail=", ".join(foreign) or "none")
    branches: dict[str, list[str]] = {}
    for recipient in recipients:
        if recipient != node:
            branches.setdefault(directory.route(node, recipient)[1], []).append(recipient)
    return Plan(node=node, deliver_here=node in recipients, next=_branches(branches.items()))


def _branches(items: Iterable[tuple[str, list[str]]]) -> tuple[Branch, ...]:
    return tuple(Branch(node=node, recipients=tuple(sorted(codes))) for node, codes in sorted(items))


def _refusal(
    document: VerifiedDocument, agency: Agency | None, written: str, *, field: str
) -> Refusal | None:
    if agency is None:
        return Refusal(Code.RECIPIENT_UNKNOWN, field=field, detail=written)
    if agency.status is AgencyStatus.CLOSED:
        successors = ", ".join(agency.successors) or "-"
        return Refusal(Code.RECIPIENT_CLOSED, field=field, detail=f"{written} → {successors}")
    if agency.status is AgencyStatus.LOCKED:
        return Refusal(Code.RECIPIENT_LOCKED, field=field, detail=written)
    if agency.code == document.sender:
        return Refusal(Code.RULE_VIOLATED, field=field, detail="sender among recipients")
    return None


def _unreachable(directory: Directory, sender: str, code: str) -> Refusal | None:
    try:
        directory.route(sender, code)
    except Refusal as refusal:
        return refusal
    return None
