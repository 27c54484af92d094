"""Who takes part: agencies, the directory of them, and the way from one to another.

Tiers are data (the text in `Agency.tier`), never an `if`: a province of two tiers is another directory.
A route is the way up the parents to the lowest common agency and down again.

What the store keeps holds for all time: when an agency begins and ends, and what changes about it on which day.
`Directory.at(day)` is the directory as it stands on one day (of Vietnam); routing and checks only ever see that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from lienthong.errors import Code, Refusal


class AgencyStatus(StrEnum):
    """Whether an agency takes documents."""

    ACTIVE = "active"
    LOCKED = "locked"
    CLOSED = "closed"
    PLANNED = "planned"  #: before `valid_from`: only ever the answer for a day, never stored


class Environment(StrEnum):
    """Test bodies (such as the W00 codes) are kept out of searches and pickers."""

    PRODUCTION = "production"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedChange:
    """What is otherwise about an agency from a day on. None: stays as it was. An agency ends by `valid_to`."""

    on: date  #: the first day it holds
    name: str | None = None
    tier: str | None = None
    parent: str | None = None
    root: bool = False  #: it stands under nobody from then on; excludes `parent`
    status: AgencyStatus | None = None  #: active or locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An organisation in the directory. Codes are of QĐ 20/2020 (`H48.31`) or QCVN 102:2016 (`000.00.31.H48`)."""

    code: str  #: canonical; never reused
    name: str
    tier: str
    parent: str | None = None
    aliases: tuple[str, ...] = ()  #: other code forms of the same agency
    status: AgencyStatus = AgencyStatus.ACTIVE
    successors: tuple[str, ...] = ()
    valid_from: date | None = None  #: first day
    valid_to: date | None = None  #: last day; closed from the next one on
    environment: Environment = Environment.PRODUCTION
    changes: tuple[
        DatedChange, ...
    ] = ()  #: of days to come, in order; days that came are kept until replaced

    def at(self, day: date) -> Agency:
        """The agency as it stands on `day`; `changes` are those still to come."""
        agency = self.folded(day)
        status = agency.status
        if self.status is AgencyStatus.CLOSED or (self.valid_to is not None and day > self.valid_to):
            status = AgencyStatus.CLOSED
        elif self.valid_from is not None and day < self.valid_from:
            status = AgencyStatus.PLANNED
        return agency if status is agency.status else replace(agency, status=status)

    def folded(self, day: date) -> Agency:
        """The same agency written anew: what changed until `day` stands in its fields, the rest in `changes`."""
        due = tuple(change for change in self.changes if change.on <= day)
        if not due:
            return self
        moved = next((change for change in reversed(due) if change.root or change.parent is not None), None)
        return replace(
            self,
            name=_last((change.name for change in due), self.name),
            tier=_last((change.tier for change in due), self.tier),
            parent=self.parent if moved is None else moved.parent,
            status=_last((change.status for change in due), self.status),
            changes=self.changes[len(due) :],
        )


_T = TypeVar("_T")


def _last(values: Iterable[_T | None], otherwise: _T) -> _T:
    for value in values:
        otherwise = otherwise if value is None else value
    return otherwise


@dataclass(frozen=True, slots=True)
class Directory:
    """An immutable snapshot of the directory. Build it with `Directory.of`; `version` counts changes."""

    agencies: Mapping[str, Agency]
    version: int = 0
    _canonical: Mapping[str, str] = field(default_factory=dict, repr=False)
    _dated: frozenset[str] = field(default_factory=frozenset, repr=False)  # those that differ from day to day

    @classmethod
    def of(cls, agencies: Iterable[Agency], *, version: int = 0) -> Directory:
        """Index `agencies`; raises `Refusal` ARGUMENT_INVALID for a double code, unknown parent or a cycle.

        The parents must be sound now and on every day on which something changes.
        """
        by_code: dict[str, Agency] = {}
        canonical: dict[str, str] = {}
        for agency in agencies:
            for code in (agency.code, *agency.aliases):
                if canonical.setdefault(code, agency.code) != agency.code or (
                    code == agency.code and code in by_code
                ):
                    raise Refusal(Code.ARGUMENT_INVALID, field="code", detail=f"{code} stands twice")
            by_code[agency.code] = agency
            _check_dates(agency)
        dated = frozenset(agency.code for agency in by_code.values() if _is_dated(agency))
        directory = cls(MappingProxyType(by_code), version, MappingProxyType(canonical), dated)
        _check_parents(directory, directory)
        moving = [agency for code in dated for agency in [by_code[code]] if agency.changes]
        for day in sorted({change.on for agency in moving for change in agency.changes}):
            then = directory.at(day)  # a circle of that day has someone in it who moved by then
            _check_parents(then, [then.agencies[agency.code] for agency in moving])
        return directory

    def renewed(self, changed: Iterable[Agency], *, version: int) -> Directory:
        """This directory with some agencies added or replaced, all of which were checked by `of` before.

        It costs copying, not checking: what a process does with the few agencies others wrote.
        """
        by_code, canonical, dated = dict(self.agencies), dict(self._canonical), set(self._dated)
        given = list(changed)
        for agency in given:
            former = by_code.get(agency.code)
            for alias in () if former is None else former.aliases:
                canonical.pop(alias, None)
        for agency in given:
            by_code[agency.code] = agency
            canonical.update(dict.fromkeys((agency.code, *agency.aliases), agency.code))
            dated.discard(agency.code)
            if _is_dated(agency):
                dated.add(agency.code)
        if len(by_code) > len(self.agencies):
            by_code = dict(sorted(by_code.items()))
        return Directory(MappingProxyType(by_code), version, MappingProxyType(canonical), frozenset(dated))

    def at(self, day: date) -> Directory:
        """The directory as it stands on `day`: the same codes, none left out."""
        then = {code: self.agencies[code].at(day) for code in self._dated}
        changed = {code: agency for code, agency in then.items() if agency is not self.agencies[code]}
        if not changed:
            return self
        dated = frozenset(code for code in self._dated if _is_dated(then[code]))
        agencies = MappingProxyType({**self.agencies, **changed})
        return Directory(agencies, self.version, self._canonical, dated)

    def __iter__(self) -> Iterator[Agency]:
        return iter(self.agencies.values())

    def __len__(self) -> int:
        return len(self.agencies)

    def find(self, code: str) -> Agency | None:
        """The agency with this code in any of its forms, or None."""
        canonical = self._canonical.get(code.strip())
        return None if canonical is None else self.agencies[canonical]

    def successor(self, code: str) -> Agency | None:
        """Who alone takes the place of a closed agency, by way of closed successors if need be; else None."""
        seen: set[str] = set()
        agency = self.find(code)
        while agency is not None and agency.status is AgencyStatus.CLOSED:
            if agency.code in seen or len(agency.successors) != 1:
                return None
            seen.add(agency.code)
            agency = self.find(agency.successors[0])
        return agency if seen else None

    def below(self, code: str) -> list[Agency]:
        """Every agency under this one, at any depth, in the directory's order."""
        top = self.find(code)
        if top is None:
            return []
        under: dict[str, bool] = {top.code: True}
        return [a for a in self if a.code != top.code and self._is_under(a, under)]

    def _is_under(self, agency: Agency, under: dict[str, bool]) -> bool:
        line: list[str] = []
        current: Agency | None = agency
        while current is not None and current.code not in under:
            line.append(current.code)
            current = self.find(current.parent) if current.parent else None
        answer = current is not None and under[current.code]
        under.update(dict.fromkeys(line, answer))
        return answer

    def lineage(self, code: str) -> tuple[str, ...]:
        """Canonical codes from the agency itself up to its root."""
        chain: list[str] = []
        current = self.find(code)
        while current is not None:
            chain.append(current.code)
            current = self.find(current.parent) if current.parent else None
        return tuple(chain)

    def route(self, origin: str, destination: str) -> tuple[str, ...]:
        """The nodes from `origin` to `destination`, both included; ROUTE_MISSING where the two share no root."""
        up = self.lineage(origin)
        down = self.lineage(destination)
        shared = next((code for code in up if code in down), None)
        if shared is None:
            raise Refusal(Code.ROUTE_MISSING, detail=f"{origin} -> {destination}")
        return (*up[: up.index(shared) + 1], *reversed(down[: down.index(shared)]))


def _is_dated(agency: Agency) -> bool:
    return bool(agency.changes) or agency.valid_from is not None or agency.valid_to is not None


def _check_dates(agency: Agency) -> None:
    days = [change.on for change in agency.changes]
    if agency.status is AgencyStatus.PLANNED or any(
        change.status in (AgencyStatus.CLOSED, AgencyStatus.PLANNED) for change in agency.changes
    ):
        detail = f"{agency.code}: an agency begins by valid_from and ends by valid_to"
        raise Refusal(Code.ARGUMENT_INVALID, field="status", detail=detail)
    if days != sorted(set(days)):
        raise Refusal(
            Code.ARGUMENT_INVALID, field="changes", detail=f"{agency.code}: one change a day, in order"
        )
    if any(change.root and change.parent is not None for change in agency.changes):
        detail = f"{agency.code}: a root stands under nobody"
        raise Refusal(Code.ARGUMENT_INVALID, field="changes", detail=detail)
    if agency.valid_from and agency.valid_to and agency.valid_from > agency.valid_to:
        raise Refusal(Code.ARGUMENT_INVALID, field="valid_to", detail=f"{agency.code}: ends before it begins")


def _check_parents(directory: Directory, agencies: Iterable[Agency]) -> None:
    """Raise unless the way up from each of `agencies` ends at a root."""
    sound: set[str] = set()
    for agency in agencies:
        seen = {agency.code}
        parent = agency.parent
        while parent is not None and parent not in sound:
            above = directory.find(parent)
            if above is None:
                detail = f"{agency.code}: unknown parent {parent}"
                raise Refusal(Code.ARGUMENT_INVALID, field="parent", detail=detail)
            if above.code in seen:
                detail = f"{agency.code}: parents run in a circle"
                raise Refusal(Code.ARGUMENT_INVALID, field="parent", detail=detail)
            seen.add(above.code)
            parent = above.parent
        sound |= seen
