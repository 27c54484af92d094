"""Which agencies does a group expression name? `@communes:H48.31` -> the codes a document is then signed with.

    @tier:commune            every agency of the tier in the asking agency's own tree
    @tier:commune:H48.31     … under H48.31
    @communes:H48.31         the same, shorter: the plural of a tier, or the tier itself
    @children:H48            directly under H48
    @below:H48               under H48 at any depth
    @flood-wardens           a list kept under this name: the agency's own, else the operators'

A group is resolved before signing: recipients are always explicit in the signed document. Closed, locked and planned
agencies, test agencies and the asking agency itself are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from lienthong.domain.agency import Agency, AgencyStatus, Directory, Environment
from lienthong.errors import Code, Refusal

NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_MARK = "@"
MOST_MEMBERS = 20_000  #: of one list
MOST_GROUPS = 200  #: of them groups: each may cost a walk through the whole directory
DEEPEST = 20  #: lists within lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Resolves expressions for one agency (None: an operator) on one day's directory."""

    directory: Directory
    asking: str | None
    lists: Mapping[str, tuple[str, ...]]  #: name -> members; the agency's own before the operators'

    def resolve(self, expression: str) -> list[Agency]:
        """The agencies, each once, by code. ARGUMENT_INVALID for what cannot be read, NOT_FOUND for unknown names."""
        found = {agency.code: agency for agency in self._resolve(expression, (), set())}
        members = [agency for _, agency in sorted(found.items()) if self._takes_part(agency)]
        if not members:
            raise Refusal(Code.NOT_FOUND, field="expression", detail=f"{expression} names no agency today")
        return members

    def _takes_part(self, agency: Agency) -> bool:
        return (
            agency.status is AgencyStatus.ACTIVE
            and agency.environment is not Environment.TEST
            and agency.code != self.asking
        )

    def _resolve(self, expression: str, inside: tuple[str, ...], done: set[str]) -> Iterator[Agency]:
        """`inside`: the lists it stands in. A group in `done` was told already: lists that share others stay cheap."""
        text = expression.strip()
        if not text.startswith(_MARK):
            yield self._agency(text)
            return
        kind, *arguments = text[1:].split(":")
        if text in done:
            return
        if not arguments:
            yield from self._list(kind, inside, done)
        elif kind == "tier" and len(arguments) <= 2:
            top = arguments[1] if len(arguments) == 2 else self._own_root()
            yield from self._of_tier(arguments[0], top)
        elif len(arguments) == 1:
            yield from self._under(kind, arguments[0])
        else:
            raise _unreadable(text)
        done.add(text)

    def _under(self, kind: str, top: str) -> Iterable[Agency]:
        if kind == "below":
            return self.directory.below(self._agency(top).code)
        if kind == "children":
            above = self._agency(top).code
            return self._those(lambda agency: self._parent(agency) == above)
        tiers = {agency.tier for agency in self.directory}
        tier = kind if kind in tiers else kind.removesuffix("s")
        if tier not in tiers and kind.endswith("ies"):
            tier = kind.removesuffix("ies") + "y"
        return self._of_tier(tier, top)

    def _of_tier(self, tier: str, top: str | None) -> Iterable[Agency]:
        if all(agency.tier != tier for agency in self.directory):
            raise Refusal(Code.NOT_FOUND, field="expression", detail=f"no agency has the tier {tier}")
        if top is None:
            return self._those(lambda agency: agency.tier == tier)
        above = self._agency(top)
        return [agency for agency in (above, *self.directory.below(above.code)) if agency.tier == tier]

    def _list(self, name: str, inside: tuple[str, ...], done: set[str]) -> Iterator[Agency]:
        if name not in self.lists:
            raise Refusal(Code.NOT_FOUND, field="expression", detail=f"no list is called {name}")
        if name in inside:
            raise Refusal(Code.ARGUMENT_INVALID, field="expression", detail=f"{name} contains itself")
        if len(inside) >= DEEPEST:
            detail = f"{inside[0]}: lists within lists, more than {DEEPEST} deep"
            raise Refusal(Code.ARGUMENT_INVALID, field="expression", detail=detail)
        for member in self.lists[name]:
            if member.startswith(_MARK) or self.directory.find(member) is not None:
                yield from self._resolve(member, (*inside, name), done)

    def _those(self, wanted: Callable[[Agency], bool]) -> list[Agency]:
        return [agency for agency in self.directory if wanted(agency)]

    def _parent(self, agency: Agency) -> str | None:
        above = self.directory.find(agency.parent) if agency.parent else None
        return None if above is None else above.code

    def _own_root(self) -> str | None:
        return None if self.asking is None else self.directory.lineage(self.asking)[-1]

    def _agency(self, code: str) -> Agency:
        agency = self.directory.find(code)
        if agency is None:
            raise Refusal(Code.NOT_FOUND, field="expression", detail=f"no agency has the code {code}")
        return agency


def is_group(text: str) -> bool:
    """Whether a recipient as typed is a group expression."""
    return text.strip().startswith(_MARK)


def check_name(name: str) -> str:
    """The name a list may be kept under, without its @. ARGUMENT_INVALID."""
    if NAME.fullmatch(name) is None:
        detail = "a name is of lower-case letters, digits, - and _"
        raise Refusal(Code.ARGUMENT_INVALID, field="name", detail=detail)
    return name


def check_expression(text: str) -> str:
    """A group expression that can be read, whether it names anybody or not. ARGUMENT_INVALID."""
    if text.count(":") > 2 or len(text.strip()) < 2 or not is_group(text):
        raise _unreadable(text)
    return text


def check_list(name: str, members: Iterable[str], directory: Directory) -> tuple[str, ...]:
    """A list fit to be kept: codes in canonical form, expressions as written. ARGUMENT_INVALID, NOT_FOUND."""
    check_name(name)
    kept: dict[str, None] = {}
    for member in members:
        text = member.strip()
        if is_group(text):
            check_expression(text)
        else:
            agency = directory.find(text)
            if agency is None:
                raise Refusal(Code.NOT_FOUND, field="members", detail=f"no agency has the code {text}")
            text = agency.code
        kept[text] = None
    if not 0 < len(kept) <= MOST_MEMBERS:
        raise Refusal(Code.ARGUMENT_INVALID, field="members", detail=f"1 to {MOST_MEMBERS} of them")
    if sum(map(is_group, kept)) > MOST_GROUPS:
        raise Refusal(Code.ARGUMENT_INVALID, field="members", detail=f"at most {MOST_GROUPS} groups")
    return tuple(kept)


def _unreadable(text: str) -> Refusal:
    return Refusal(Code.ARGUMENT_INVALID, field="expression", detail=f"{text!r} is no group expression")
