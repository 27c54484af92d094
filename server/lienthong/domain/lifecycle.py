"""How agencies change: closed, locked, merged, split, moved, or a whole reform, today or on a day to come.

Pure: each function takes the directory as written and gives the agencies to be written anew. `on` is the first
day the change holds; a day that has come (or None) means at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Directory
from lienthong.errors import Code, Refusal

_DAY = timedelta(days=1)


class ReformKind(StrEnum):
    """What can be done to agencies."""

    CLOSE = "close"
    LOCK = "lock"
    UNLOCK = "unlock"
    MERGE = "merge"
    SPLIT = "split"
    MOVE = "move"
    WITHDRAW = "withdraw"  #: what was planned for a day to come


@dataclass(frozen=True, slots=True, kw_only=True)
class ReformOrder:
    """One act of an operator, as it is asked for."""

    kind: ReformKind
    codes: tuple[str, ...]  #: one, for merge and move also several
    into: tuple[str, ...] = ()  #: successors; for merge the one agency, for move the parent
    on: date | None = None
    until: date | None = None  #: of lock
    root: bool = False  #: of move: under nobody, instead of `into`


@dataclass(frozen=True, slots=True)
class Reform:
    """Changes of one directory as one day sees it."""

    directory: Directory  #: as written
    today: date

    def carry_out(self, order: ReformOrder) -> list[Agency]:
        """The agencies to be written anew. Raises `Refusal` ARGUMENT_INVALID, NOT_FOUND or STATE_ILLEGAL."""
        kind, codes, into, on = order.kind, order.codes, order.into, order.on
        several = (ReformKind.MERGE, ReformKind.MOVE, ReformKind.WITHDRAW)
        if not codes or (len(codes) > 1 and kind not in several):
            raise Refusal(Code.ARGUMENT_INVALID, field="codes", detail=f"{kind} takes one agency")
        if order.root and kind is not ReformKind.MOVE:
            raise Refusal(Code.ARGUMENT_INVALID, field="root", detail="only a move makes a root")
        if kind in (ReformKind.MERGE, ReformKind.MOVE) and len(into) != (0 if order.root else 1):
            raise Refusal(Code.ARGUMENT_INVALID, field="into", detail=f"{kind} needs one agency")
        match kind:
            case ReformKind.CLOSE:
                return self.close(codes[0], successors=into, on=on)
            case ReformKind.LOCK:
                return self.lock(codes[0], on=on, until=order.until)
            case ReformKind.UNLOCK:
                return self.unlock(codes[0], on=on)
            case ReformKind.MERGE:
                return self.merge(codes, into=into[0], on=on)
            case ReformKind.SPLIT:
                return self.split(codes[0], into=into, on=on)
            case ReformKind.MOVE:
                return self.move(codes, parent=None if order.root else into[0], on=on)
            case ReformKind.WITHDRAW:
                if on is None:
                    raise Refusal(Code.ARGUMENT_INVALID, field="on", detail="which day's plan?")
                return self.withdraw(codes, on=on)

    def close(self, code: str, *, successors: Sequence[str] = (), on: date | None = None) -> list[Agency]:
        """Close an agency; documents to it name its successors from then on."""
        agency = self._open(code)
        named = tuple(dict.fromkeys(self._other(agency, successor) for successor in successors))
        return [self._closed(agency, named, on)]

    def lock(self, code: str, *, on: date | None = None, until: date | None = None) -> list[Agency]:
        """Take no new documents; those on their way still arrive. `until` is the first day it takes them again."""
        if until is not None and until <= (on or self.today):
            raise Refusal(Code.ARGUMENT_INVALID, field="until", detail="must be after the first day")
        locked = self._changed(self._open(code), on, status=AgencyStatus.LOCKED)
        return [locked if until is None else self._changed(locked, until, status=AgencyStatus.ACTIVE)]

    def unlock(self, code: str, *, on: date | None = None) -> list[Agency]:
        """Take documents again."""
        return [self._changed(self._open(code), on, status=AgencyStatus.ACTIVE)]

    def merge(self, codes: Sequence[str], *, into: str, on: date | None = None) -> list[Agency]:
        """Close agencies into one that is there already; what stood under them stands under it."""
        successor = self._open(into)
        changed: dict[str, Agency] = {}
        for code in codes:
            agency = self._open(code)
            if agency.code == successor.code:
                raise Refusal(
                    Code.ARGUMENT_INVALID, field="into", detail=f"{code} cannot be merged into itself"
                )
            changed[agency.code] = self._closed(agency, (successor.code,), on)
        for child in self._children(changed, on):
            if child.code == successor.code:
                detail = f"{child.code} stands under {child.parent}: move it first"
                raise Refusal(Code.ARGUMENT_INVALID, field="into", detail=detail)
            if child.code not in changed:
                changed[child.code] = self._changed(self._open(child.code), on, parent=successor.code)
        return list(changed.values())

    def split(self, code: str, *, into: Sequence[str], on: date | None = None) -> list[Agency]:
        """Close an agency into several that are there already. What stands under it must be moved before."""
        agency = self._open(code)
        named = tuple(dict.fromkeys(self._other(agency, successor) for successor in into))
        if len(named) < 2:
            raise Refusal(Code.ARGUMENT_INVALID, field="into", detail="a split needs two successors or more")
        left = [child.code for child in self._children({agency.code: agency}, on)]
        if left:
            raise Refusal(Code.ARGUMENT_INVALID, field="code", detail=f"move {', '.join(left)} first")
        return [self._closed(agency, named, on)]

    def move(self, codes: Sequence[str], *, parent: str | None, on: date | None = None) -> list[Agency]:
        """Give agencies another parent; None: they stand under nobody."""
        above = None if parent is None else self._open(parent).code
        return [self._changed(self._open(code), on, parent=above, root=above is None) for code in codes]

    def withdraw(self, codes: Sequence[str], *, on: date) -> list[Agency]:
        """Take back what was planned for the day `on`: changes, an end, or a beginning.

        An agency that is not to begin after all is closed without ever having been open: its code stays taken.
        """
        if on <= self.today:
            raise Refusal(
                Code.STATE_ILLEGAL, field="on", detail=f"{on} has come: it can only be changed anew"
            )
        return [self._without(code, on) for code in codes]

    def follow(self, wanted: Iterable[Agency], *, on: date) -> list[Agency]:
        """Become what a directory file describes on a day to come; agencies the file does not name stay as they are.

        New agencies begin that day, other names, tiers, parents and locks hold from it, closed ones end before it.
        """
        if on <= self.today:
            raise Refusal(Code.ARGUMENT_INVALID, field="on", detail="must be a day to come")
        changed = []
        for target in wanted:
            present = self.directory.find(target.code)
            changed.append(self._new(target, on) if present is None else self._followed(present, target, on))
        return [agency for agency in changed if self.directory.agencies.get(agency.code) != agency]

    def _new(self, target: Agency, on: date) -> Agency:
        begins = target.valid_from if target.valid_from and target.valid_from > on else on
        return target if target.status is AgencyStatus.CLOSED else replace(target, valid_from=begins)

    def _followed(self, present: Agency, target: Agency, on: date) -> Agency:
        aliases = tuple(dict.fromkeys((*present.aliases, *target.aliases)))
        present = replace(present.folded(self.today), aliases=aliases)
        then = present.at(on)
        if target.status is AgencyStatus.CLOSED:
            if then.status is AgencyStatus.CLOSED:
                return present
            return replace(present, valid_to=on - _DAY, successors=target.successors)
        values = {
            field: getattr(target, field)
            for field in ("name", "tier", "parent", "status")
            if getattr(target, field) != getattr(then, field)
        }
        if "parent" in values and target.parent is None:
            values["root"] = True
        return self._changed(present, on, **values) if values else present

    # --- inside -----------------------------------------------------------------------------------------

    def _open(self, code: str) -> Agency:
        agency = self.directory.find(code)
        if agency is None:
            raise Refusal(Code.NOT_FOUND, field="code", detail=code)
        if agency.at(self.today).status is AgencyStatus.CLOSED:
            raise Refusal(Code.STATE_ILLEGAL, field="code", detail=f"{agency.code} is closed for good")
        return agency.folded(self.today)

    def _other(self, agency: Agency, successor: str) -> str:
        found = self.directory.find(successor)
        if found is None or found.code == agency.code:
            raise Refusal(Code.ARGUMENT_INVALID, field="successors", detail=successor)
        return found.code

    def _closed(self, agency: Agency, successors: tuple[str, ...], on: date | None) -> Agency:
        if on is None or on <= self.today:
            last = min(agency.valid_to or self.today, self.today)
            return replace(agency, status=AgencyStatus.CLOSED, successors=successors, valid_to=last)
        if agency.valid_from is not None and on <= agency.valid_from:
            detail = f"{agency.code} begins on {agency.valid_from}"
            raise Refusal(Code.ARGUMENT_INVALID, field="on", detail=detail)
        return replace(agency, successors=successors, valid_to=on - _DAY)

    def _without(self, code: str, on: date) -> Agency:
        agency = self.directory.find(code)
        if agency is None:
            raise Refusal(Code.NOT_FOUND, field="code", detail=code)
        if not any(plan.on == on for plan in plans([agency], after=self.today)):
            raise Refusal(Code.NOT_FOUND, field="on", detail=f"nothing is planned for {agency.code} on {on}")
        if agency.valid_from == on:
            return replace(
                agency, status=AgencyStatus.CLOSED, valid_from=None, valid_to=None, successors=(), changes=()
            )
        kept = replace(agency, changes=tuple(change for change in agency.changes if change.on != on))
        return replace(kept, valid_to=None, successors=()) if _ends(agency, on) else kept

    def _children(self, parents: dict[str, Agency], on: date | None) -> list[Agency]:
        """Who stands under one of these on that day and is not closed by then."""
        day = max(on or self.today, self.today)
        then = self.directory.at(day)
        return [
            agency
            for agency in then
            if agency.parent is not None
            and (above := then.find(agency.parent)) is not None
            and above.code in parents
            and agency.status is not AgencyStatus.CLOSED
        ]

    def _changed(
        self,
        agency: Agency,
        on: date | None,
        *,
        name: str | None = None,
        tier: str | None = None,
        parent: str | None = None,
        root: bool = False,
        status: AgencyStatus | None = None,
    ) -> Agency:
        """The agency with other values from `on`; a change of the same day is completed."""
        if on is None or on <= self.today:
            return replace(
                agency,
                name=name or agency.name,
                tier=tier or agency.tier,
                parent=None if root else parent or agency.parent,
                status=status or agency.status,
            )
        same = next((change for change in agency.changes if change.on == on), DatedChange(on=on))
        made = DatedChange(
            on=on,
            name=name or same.name,
            tier=tier or same.tier,
            parent=None if root else parent or same.parent,
            root=root or (same.root and parent is None),
            status=status or same.status,
        )
        others = [change for change in agency.changes if change.on != on]
        return replace(agency, changes=tuple(sorted([*others, made], key=lambda change: change.on)))


class PlanKind(StrEnum):
    """What a day to come brings for an agency."""

    BEGIN = "begin"
    CHANGE = "change"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to happen to one agency on one day to come."""

    on: date  #: the first day it holds
    agency: Agency  #: as written
    kind: PlanKind
    change: DatedChange | None = None  #: of CHANGE


def plans(agencies: Iterable[Agency], *, after: date) -> list[Plan]:
    """What is planned for days after `after`, by (day, code)."""
    found = []
    for agency in agencies:
        if agency.status is AgencyStatus.CLOSED:
            continue
        if agency.valid_from is not None and agency.valid_from > after:
            found.append(Plan(on=agency.valid_from, agency=agency, kind=PlanKind.BEGIN))
        to_come = [change for change in agency.changes if change.on > after]
        found += [Plan(on=each.on, agency=agency, kind=PlanKind.CHANGE, change=each) for each in to_come]
        if agency.valid_to is not None and agency.valid_to >= after:
            found.append(Plan(on=agency.valid_to + _DAY, agency=agency, kind=PlanKind.END))
    return sorted(found, key=lambda plan: (plan.on, plan.agency.code, plan.kind))


def _ends(agency: Agency, on: date) -> bool:
    return agency.valid_to is not None and agency.valid_to + _DAY == on
