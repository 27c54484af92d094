"""Who takes part: agencies, the directory of them, and the way from one to another.

Tiers are data (the text in `Agency.tier`), never an `if`: a province of two tiers is another directory.
A route is the way up the parents to the lowest common agency and down again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from lienthong.errors import Code, Refusal


class AgencyStatus(StrEnum):
    """Whether an agency takes documents."""

    ACTIVE = "active"
    LOCKED = "locked"
    CLOSED = "closed"


class Environment(StrEnum):
    """Test bodies (such as the W00 codes) are kept out of searches and pickers."""

    PRODUCTION = "production"
    TEST = "test"


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
    valid_from: date | None = None
    valid_to: date | None = None
    environment: Environment = Environment.PRODUCTION


@dataclass(frozen=True, slots=True)
class Directory:
    """An immutable snapshot of the directory. Build it with `Directory.of`; `version` counts changes."""

    agencies: Mapping[str, Agency]
    version: int = 0
    _canonical: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, agencies: Iterable[Agency], *, version: int = 0) -> Directory:
        """Index `agencies`; raises `Refusal` ARGUMENT_INVALID for a double code, unknown parent or a cycle."""
        by_code: dict[str, Agency] = {}
        canonical: dict[str, str] = {}
        for agency in agencies:
            for code in (agency.code, *agency.aliases):
                if canonical.setdefault(code, agency.code) != agency.code or (
                    code == agency.code and code in by_code
                ):
                    raise Refusal(Code.ARGUMENT_INVALID, field="code", detail=f"{code} stands twice")
            by_code[agency.code] = agency
        directory = cls(MappingProxyType(by_code), version, MappingProxyType(canonical))
        for agency in by_code.values():
            directory._check_parents(agency)
        return directory

    def _check_parents(self, agency: Agency) -> None:
        seen = {agency.code}
        parent = agency.parent
        while parent is not None:
            above = self.find(parent)
            if above is None:
                raise Refusal(
                    Code.ARGUMENT_INVALID, field="parent", detail=f"{agency.code}: unknown parent {parent}"
                )
            if above.code in seen:
                raise Refusal(
                    Code.ARGUMENT_INVALID, field="parent", detail=f"{agency.code}: parents run in a circle"
                )
            seen.add(above.code)
            parent = above.parent

    def __iter__(self) -> Iterator[Agency]:
        return iter(self.agencies.values())

    def __len__(self) -> int:
        return len(self.agencies)

    def find(self, code: str) -> Agency | None:
        """The agency with this code in any of its forms, or None."""
        canonical = self._canonical.get(code.strip())
        return None if canonical is None else self.agencies[canonical]

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
