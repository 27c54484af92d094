"""What a sender asks about a document it sent, and how the asking ends, recipient by recipient.

Both ways of asking for a recall (a package of type 1, status 13) are one RECALL. Where the recipient does not have
the document yet it is withdrawn at once; where it has, its clerk decides with status 15 or 16. An UPDATE always
asks the clerk. A REPLACE asks nobody: for the agencies listed the old document counts no more, and where it is not
handed over yet it is withdrawn too. `TRANSITIONS` is the one table; docs/states.md draws it. Source: DocumentType
1, 2, 3 and statuses 13, 15, 16 of the national axis.
"""

from __future__ import annotations

from enum import StrEnum

from lienthong.domain.delivery import FINAL, DeliveryState


class RequestKind(StrEnum):
    """What is asked."""

    RECALL = "RECALL"
    UPDATE = "UPDATE"
    REPLACE = "REPLACE"


class RequestState(StrEnum):
    """How far the request is."""

    PENDING = "PENDING"  #: the hub has still to act on it; relays stop the document meanwhile
    WITHDRAWN = "WITHDRAWN"  #: stopped before it was handed over
    ASKED = "ASKED"  #: the recipient has the document: its clerk answers
    AGREED = "AGREED"  #: status 15
    DECLINED = "DECLINED"  #: status 16
    SUPERSEDED = "SUPERSEDED"  #: another document stands in its place
    MOOT = "MOOT"  #: the delivery had ended another way


_R = RequestState

TRANSITIONS: dict[RequestState, frozenset[RequestState]] = {
    _R.PENDING: frozenset({_R.WITHDRAWN, _R.ASKED, _R.SUPERSEDED, _R.MOOT}),
    _R.ASKED: frozenset({_R.AGREED, _R.DECLINED}),
    _R.WITHDRAWN: frozenset(),
    _R.AGREED: frozenset(),
    _R.DECLINED: frozenset(),
    _R.SUPERSEDED: frozenset(),
    _R.MOOT: frozenset(),
}

#: the state a request of each kind begins in
FIRST: dict[RequestKind, RequestState] = {
    RequestKind.RECALL: _R.PENDING,
    RequestKind.UPDATE: _R.ASKED,
    RequestKind.REPLACE: _R.PENDING,
}

#: what its recipient has to hear of until it has seen it (or, where it is asked, answered it)
TOLD: frozenset[RequestState] = frozenset({_R.WITHDRAWN, _R.ASKED, _R.SUPERSEDED})

#: delivery states that end a delivery without the recipient ever having had it
ENDED: frozenset[DeliveryState] = FINAL - {DeliveryState.HANDED_OVER}


def sources(target: RequestState) -> frozenset[RequestState]:
    """States from which `target` may be reached: the WHERE of an update."""
    return frozenset(state for state, nexts in TRANSITIONS.items() if target in nexts)


def settled_as(kind: RequestKind, state: DeliveryState) -> RequestState | None:
    """What becomes of a pending request where the delivery is in `state`; None: it is to be withdrawn first."""
    replaces = kind is RequestKind.REPLACE
    if state is DeliveryState.HANDED_OVER:
        return _R.SUPERSEDED if replaces else _R.ASKED
    if state is DeliveryState.WITHDRAWN:
        return _R.SUPERSEDED if replaces else _R.WITHDRAWN
    return _R.MOOT if state in ENDED else None
