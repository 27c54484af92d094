"""Which pages are drawn from tables in the code? docs/errors.md, rules.md and states.md; `make docs` writes them.

tests/architecture compares them with what this would write, so a table and its page cannot part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lienthong.domain.delivery import FINAL, TRANSITIONS, DeliveryState
from lienthong.domain.request import FIRST, RequestState
from lienthong.domain.request import TRANSITIONS as REQUESTS
from lienthong.domain.status import FOLLOWERS, PROGRESS, StatusCode
from lienthong.edxml.rules import MODULES
from lienthong.errors import CATALOGUE
from lienthong.hub.rule_list import HUB_RULES

DOCS = Path(__file__).parents[1] / "docs"

ERRORS_HEAD = """\
# Error codes

<!-- Drawn from server/lienthong/errors.py by `make docs`. Do not edit. -->

Codes are stable: programs may branch on them. Over gRPC an error is a `google.rpc.Status` whose `ErrorInfo.reason` is
the code; the command line prints it as `{"error": {"code": …, "message": …, "field": …}}` and exits with 3.
*Retryable* means that the very same request may succeed later with nothing changed by its sender.

| code | gRPC status | HTTP | retryable |
|---|---|---|---|
"""

STATES_HEAD = """\
# States of a delivery

<!-- Drawn from server/lienthong/domain/delivery.py by `make docs`. Do not edit. -->

A delivery is one document for one recipient. These are its states of transport; what the offices then do with the
document is its business status (01 … 06, 13, 15, 16) and moves beside it. A move that is not drawn here raises
`STATE_ILLEGAL` and changes nothing; a repeated one changes nothing and is no error.

"""

#: what each state means, in the words of docs: the enum's own comments are for readers of the code
MEANING: dict[DeliveryState, str] = {
    DeliveryState.ACCEPTED: "durable at the hub, not yet seen by a relay",
    DeliveryState.IN_TRANSIT: "at least one hop is recorded",
    DeliveryState.CONSIGNED: "in the recipient's inbox, the whole chain verified",
    DeliveryState.HANDED_OVER: "fetched, verified and acknowledged by the recipient",
    DeliveryState.REFUSED: "this recipient could not be served; the delivery's code says why",
    DeliveryState.WITHDRAWN: "recalled before hand-over",
    DeliveryState.EXPIRED: "not handed over by the deadline that its urgency gave it",
    DeliveryState.QUARANTINED: "failed verification on the way; an operator looks at it",
    DeliveryState.DEAD: "no relay could process the transit message; an operator looks at it",
}


def errors_page() -> str:
    """docs/errors.md: the overview, then each code with its texts and remedies in both languages."""
    rows = [
        f"| [{code}](#{code.lower()}) | {entry.grpc_status} | {entry.http_status} |"
        f" {'yes' if entry.retryable else 'no'} |\n"
        for code, entry in CATALOGUE.items()
    ]
    sections = [
        f"\n## {code}\n\n- vi: {entry.vi}. → {entry.remedy_vi}.\n- en: {entry.en}. → {entry.remedy_en}.\n"
        for code, entry in CATALOGUE.items()
    ]
    return ERRORS_HEAD + "".join(rows) + "".join(sections)


def states_page() -> str:
    """docs/states.md: the diagram, then what each state means and where it leads."""
    lines = [STATES_HEAD, "```mermaid\nstateDiagram-v2\n", f"    [*] --> {DeliveryState.ACCEPTED}\n"]
    for state in DeliveryState:
        lines += [f"    {state} --> {target}\n" for target in in_order(TRANSITIONS[state])]
    lines += [f"    {state} --> [*]\n" for state in in_order(FINAL)]
    lines.append("```\n\n| state | meaning | leads to |\n|---|---|---|\n")
    for state in DeliveryState:
        targets = ", ".join(in_order(TRANSITIONS[state])) or "(final)"
        lines.append(f"| {state} | {MEANING[state]} | {targets} |\n")
    return "".join(lines)


STATUS_HEAD = """\

# Business statuses

<!-- Drawn from server/lienthong/domain/status.py and request.py by `make docs`. -->

What a recipient says of a document it has, beside the states above and never mixed with them. Steps may be left out
and repeated; two statuses are ordered by Timestamp, then by rank: one that comes late is kept in the history and
changes nothing; a step back said later than the present status raises `STATUS_ILLEGAL` and changes nothing. 14, which
a public sample sends in place of 15, is read as 15 with a warning.

"""

REQUEST_HEAD = """
# Requests: recall, update, replacement

13 (or a package of type 1) asks for a document back; the recipient's clerk answers 15 (agrees) or 16 (declines), but
only where the document was handed over: elsewhere it is withdrawn at once, with the hub's signed
ContentConsignmentFailure (naming the node it was stopped at) or ContentHandoverFailure. An update (type 2) asks the
clerk too. A replacement (type 3) supersedes the old document for the agencies listed: it is withdrawn where it was not
handed over, and fetched no more where it was (`DOCUMENT_SUPERSEDED`, with the id of the document in its place).

Which document is meant: Bussiness/DocumentId says it, else the header's own DocumentId or ResponseFor; where none of
these is known, the sender's one document under the number, notation and date of the header or of ResponseFor. Several
that fit are refused (`target-ambiguous`), none is a warning (`target-unknown`).

What is WITHDRAWN, SUPERSEDED or ASKED stands in the recipient's `inbox` as a notice: what became of it, why, and by
which package, never the bytes (`DOCUMENT_RECALLED`). It goes when the recipient acknowledges it, or answers what it
was asked. So does a recipient hear of it whom an update removes, and who gets no package that says so.

Copies passed on: a new document whose ResponseFor names one its sender received, sent to agencies that did not get
that one. When the first is recalled or replaced, the answer to the package that asks warns its sender
(`onward-copies`: who passed it on, as which document, to whom), and the notice of whoever passed it on lists its own
documents. The hub does not withdraw them: a document is taken back by the agency that sent it (status 13 "by the
document's sender"; article 18.4b).

Why a replaced document is not given out, not even on demand: a document with wrong content is *replaced* by another
of equal form (Nghị định 30/2020, article 18.3), so to the agencies listed it has no validity, and giving it out next
to its successor is how the wrong one gets acted on. Its recipient keeps what it was handed, as its register demands;
the sender keeps the original (article 19).

"""

#: what each status means, in the words of docs
STATUS_MEANING: dict[StatusCode, str] = {
    StatusCode.ARRIVED: "arrived in the receiver's software",
    StatusCode.REJECTED: "refused by the clerk, with the reason",
    StatusCode.REGISTERED: "accepted and entered in the register",
    StatusCode.ASSIGNED: "assigned by a leader",
    StatusCode.PROCESSING: "being processed",
    StatusCode.COMPLETED: "processing complete",
    StatusCode.TAKE_BACK: "its sender asks for it back",
    StatusCode.AGREED: "the clerk agrees to a recall or update",
    StatusCode.DECLINED: "the clerk declines it",
}


def business_page() -> str:
    """The second and third diagram of docs/states.md: statuses and requests."""
    lines = [STATUS_HEAD, "```mermaid\nstateDiagram-v2\n"]
    lines += [f"    S{code} : {code} {STATUS_MEANING[code]}\n" for code in sorted(PROGRESS)]
    for code in (None, *StatusCode):
        place = "[*]" if code is None else f"S{code}"
        lines += [f"    {place} --> S{follower}\n" for follower in sorted(FOLLOWERS.get(code, ()))]
    lines.append("```\n\n| status | meaning | may be followed by |\n|---|---|---|\n")
    for code in StatusCode:
        followers = ", ".join(sorted(FOLLOWERS.get(code, ()))) or "-"
        lines.append(f"| {code} | {STATUS_MEANING[code]} | {followers} |\n")
    lines += [REQUEST_HEAD, "```mermaid\nstateDiagram-v2\n"]
    lines += [f"    [*] --> {state} : {kind}\n" for kind, state in FIRST.items()]
    for state in RequestState:
        targets = [target for target in RequestState if target in REQUESTS[state]]
        lines += [f"    {state} --> {target}\n" for target in targets]
    return "".join([*lines, "```\n"])


RULES_HEAD = """\
# Rules

<!-- Drawn from server/lienthong/edxml/rules/ and server/lienthong/hub/rule_list.py by `make docs`. Do not edit. -->

What a package must keep besides structure and signature. A rule that blocks refuses the package with `RULE_VIOLATED`
(ErrorInfo metadata: `rule`, `field`); what does not block is a warning in the answer of the submission. Before sending,
`lienthong-agency check FILE` tells all of it at once. Real senders exceed much of what the regulations say, so only
what deployed validators refuse as well blocks.

Words of secrecy: `lienthong-agency send --not-secret` puts the sender's declaration
`<NoStateSecret xmlns="urn:lienthong:declaration:1"/>` at the end of MessageHeader, where the signature covers it; then
the words are a warning. A secrecy stamp in SphereOfPromulgation is never let through.

| rule | asks | blocks | where | source |
|---|---|---|---|---|
"""

SAMPLES_HEAD = """
## In Vietnamese, with samples

| quy tắc | nội dung | đúng | sai |
|---|---|---|---|
"""


def rules_page() -> str:
    """docs/rules.md: each rule, where it looks and why, then in Vietnamese with a good and a bad sample."""
    rules = {m.RULE: ((m.__doc__ or "").partition("?")[0] + "?", m.ABOUT) for m in MODULES} | HUB_RULES
    table = [
        f"| `{name}` | {asks} | {about.blocks} | {about.field} | {about.clause} |\n"
        for name, (asks, about) in rules.items()
    ]
    samples = [
        f"| `{name}` | {about.vi} | {about.good} | {about.bad} |\n" for name, (_, about) in rules.items()
    ]
    return "".join([RULES_HEAD, *table, SAMPLES_HEAD, *samples])


def in_order(states: frozenset[DeliveryState]) -> list[DeliveryState]:
    """The states in the order they are declared: a set's own order changes from run to run."""
    return [state for state in DeliveryState if state in states]


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "rules.md": rules_page,
    "states.md": lambda: states_page() + business_page(),
}

if __name__ == "__main__":
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
