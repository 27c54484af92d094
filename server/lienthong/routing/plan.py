"""Where does a verified document go from here?

Pure: a verified document, the node it is at, the recipients of this branch and the directory give the plan.
It accepts a `VerifiedDocument` and nothing else, so an unverified document cannot be routed.

The directory may change while a document is on its way. So a plan is made from wherever the document is:
a node that the document has passed is never next (its record already stands in the chain; where today's road leads
back through it, the copy goes to the node behind it), a node that has lost its place in the tree hands over to the
recipient's root, and recipients that are closed by today are left out: the hub ends or forwards those deliveries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lienthong.domain.agency import Agency, AgencyStatus, Directory
from lienthong.domain.document import Package, PackageKind
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


def look_up(
    package: Package, sender: str, directory: Directory, *, redirect: bool = False
) -> list[Recipient]:
    """Each recipient the package of `sender` names, in its order; the same agency under two codes is kept once.

    With `redirect`, a closed agency with one successor is followed by that successor, as if the document named it.
    Nothing is sent by it: only `plan` says where a document goes.
    """
    resolved: list[Recipient] = []
    seen: set[str] = set()
    status = package.kind is PackageKind.STATUS
    for position, written in enumerate(package.recipient_codes, start=1):
        field = "MessageHeader/ResponseFor/OrganId" if status else f"MessageHeader/To[{position}]/OrganId"
        agency = directory.find(written)
        successor = directory.successor(written) if redirect else None
        for found in (agency,) if successor is None or successor.code == sender else (agency, successor):
            code = written if found is None else found.code
            if code in seen:
                continue
            seen.add(code)
            refusal = _refusal(sender, found, written, field=field)
            if refusal is None:
                refusal = _unreachable(directory, sender, code)
            resolved.append(Recipient(written=written, code=code, refusal=refusal))
    return resolved


def plan(
    document: VerifiedDocument,
    *,
    node: str,
    recipients: Sequence[str],
    directory: Directory,
    passed: Collection[str] = (),
) -> Plan:
    """The hop's plan. Raises `Refusal` RECIPIENTS_ALTERED for a recipient the document does not name.

    `recipients` are the canonical codes of this branch, as the previous record's signature fixes them; `passed` the
    nodes whose records stand in the chain.
    """
    written = frozenset(document.package.recipient_codes)
    foreign = sorted(code for code in recipients if not (code in written and _is_canonical(directory, code)))
    if (
        foreign
    ):  # perhaps under another code, or who succeeds one that is written: looked up only where needed
        foreign = sorted(set(foreign) - _named(document, directory))
    if foreign or not recipients:
        raise Refusal(Code.RECIPIENTS_ALTERED, field="recipients", detail=", ".join(foreign) or "none")
    served = [code for code in recipients if not is_closed(directory, code)]
    branches: dict[str, list[str]] = {}
    for recipient in served:
        if recipient != node:
            branches.setdefault(next_node(directory, node, recipient, passed), []).append(recipient)
    return Plan(node=node, deliver_here=node in served, next=_branches(branches.items()))


def next_node(directory: Directory, node: str, recipient: str, passed: Collection[str] = ()) -> str:
    """Where a document at `node` goes next on its way to `recipient`. ROUTE_MISSING when it was there before."""
    try:
        road = directory.route(node, recipient)
    except Refusal:
        road = (node, *reversed(directory.lineage(recipient)))
    for code in road[1:]:
        if code not in passed:
            return code
    raise Refusal(Code.ROUTE_MISSING, detail=f"{node} -> {recipient}: passed before")


def is_closed(directory: Directory, code: str) -> bool:
    """Whether the agency takes no documents any more, not even those on their way."""
    agency = directory.find(code)
    return agency is not None and agency.status is AgencyStatus.CLOSED


def _is_canonical(directory: Directory, code: str) -> bool:
    agency = directory.find(code)
    return agency is not None and agency.code == code


def _named(document: VerifiedDocument, directory: Directory) -> set[str]:
    """The codes the document may go to: those it names, and who alone succeeds them, whatever the day."""
    named: set[str] = set()
    for written in document.package.recipient_codes:
        agency = directory.find(written)
        while agency is not None and agency.code not in named:
            named.add(agency.code)
            agency = directory.find(agency.successors[0]) if len(agency.successors) == 1 else None
    return named


def _branches(items: Iterable[tuple[str, list[str]]]) -> tuple[Branch, ...]:
    return tuple(Branch(node=node, recipients=tuple(sorted(codes))) for node, codes in sorted(items))


def _refusal(sender: str, agency: Agency | None, written: str, *, field: str) -> Refusal | None:
    if agency is None:
        return Refusal(Code.RECIPIENT_UNKNOWN, field=field, detail=written)
    if agency.status is AgencyStatus.CLOSED:
        successors = ", ".join(agency.successors) or "-"
        return Refusal(Code.RECIPIENT_CLOSED, field=field, detail=f"{written} → {successors}")
    if agency.status is AgencyStatus.PLANNED:
        return Refusal(Code.RECIPIENT_UNKNOWN, field=field, detail=f"{written}: from {agency.valid_from}")
    if agency.status is AgencyStatus.LOCKED:
        return Refusal(Code.RECIPIENT_LOCKED, field=field, detail=written)
    if agency.code == sender:
        return Refusal(
            Code.RULE_VIOLATED, field=field, detail="sender among recipients", rule="recipient-not-sender"
        )
    return None


def _unreachable(directory: Directory, sender: str, code: str) -> Refusal | None:
    try:
        directory.route(sender, code)
    except Refusal as refusal:
        return refusal
    return None
