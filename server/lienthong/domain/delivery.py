"""In which transport state a delivery is, and which moves are allowed.

A delivery is one document for one recipient: the unit of state, of receipts and of tracking. Everything
that decides about moves is `TRANSITIONS`; the diagram in docs/states.md is drawn from it. An illegal move
raises and changes nothing; a repeated move (same state) changes nothing and is no error.
"""

from __future__ import annotations

from enum import StrEnum

from lienthong.errors import Code, Refusal


class DeliveryState(StrEnum):
    """Transport only: what offices do with the document afterwards is its business status."""

    ACCEPTED = "ACCEPTED"  #: durable at the hub, not yet seen by a relay
    IN_TRANSIT = "IN_TRANSIT"  #: at least one hop recorded
    CONSIGNED = "CONSIGNED"  #: in the recipient's inbox
    HANDED_OVER = "HANDED_OVER"  #: fetched, verified and acknowledged by the recipient
    REFUSED = "REFUSED"  #: this recipient could not be served; the delivery's code says why
    WITHDRAWN = "WITHDRAWN"  #: recalled before hand-over
    EXPIRED = "EXPIRED"  #: not handed over by the deadline its urgency gave it
    QUARANTINED = "QUARANTINED"  #: failed verification on the way; an operator looks at it
    DEAD = "DEAD"  #: no relay could process the transit message; an operator looks at it


_S = DeliveryState

#: how a delivery ends other than handed over; each is told to the sender as signed evidence
_ENDS = frozenset({_S.REFUSED, _S.WITHDRAWN, _S.EXPIRED})

#: state -> states it may move to. QUARANTINED and DEAD are left when an operator releases or requeues the
#: stored original, or when a genuine copy arrives after all; REFUSED there is an operator's rejection.
TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    _S.ACCEPTED: _ENDS | {_S.IN_TRANSIT, _S.CONSIGNED, _S.QUARANTINED, _S.DEAD},
    _S.IN_TRANSIT: _ENDS | {_S.CONSIGNED, _S.QUARANTINED, _S.DEAD},
    _S.CONSIGNED: _ENDS | {_S.HANDED_OVER},
    _S.QUARANTINED: _ENDS | {_S.IN_TRANSIT, _S.CONSIGNED, _S.DEAD},
    _S.DEAD: _ENDS | {_S.IN_TRANSIT, _S.CONSIGNED, _S.QUARANTINED},
    _S.HANDED_OVER: frozenset(),
    _S.REFUSED: frozenset(),
    _S.WITHDRAWN: frozenset(),
    _S.EXPIRED: frozenset(),
}

#: states nothing leads out of
FINAL: frozenset[DeliveryState] = frozenset(s for s, nexts in TRANSITIONS.items() if not nexts)

#: states in which a copy still has to reach the recipient's inbox
UNDELIVERED: frozenset[DeliveryState] = frozenset({_S.ACCEPTED, _S.IN_TRANSIT})


def move(current: DeliveryState, target: DeliveryState) -> DeliveryState:
    """The state after the move. Raises `Refusal` STATE_ILLEGAL; moving to the same state is allowed."""
    if target is not current and target not in TRANSITIONS[current]:
        raise Refusal(Code.STATE_ILLEGAL, field="state", detail=f"{current} -> {target}")
    return target


def sources(target: DeliveryState) -> frozenset[DeliveryState]:
    """States from which `target` may be reached, itself not included: the WHERE of an update."""
    return frozenset(state for state, nexts in TRANSITIONS.items() if target in nexts)
