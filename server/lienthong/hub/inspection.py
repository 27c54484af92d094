"""What stands against a package? One list of steps for two readers.

A submission stops at the first thing that stands against it (`accept.py`); a check notes all of them (`check.py`).
Both run `Inspection.run`, so a check cannot promise what a submission then refuses. It comes after the signature
(step 1 of a submission); the numbers are those of `accept.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from lxml import etree

from lienthong.domain.agency import AgencyStatus, Directory
from lienthong.domain.day import day_of
from lienthong.domain.document import BusinessType, Document, Package
from lienthong.edxml.attachments import find_mismatches
from lienthong.edxml.bounds import Limits
from lienthong.edxml.rules import Finding, check_rules
from lienthong.errors import Code, Refusal
from lienthong.hub.business import Business, Effects
from lienthong.hub.content import ContentDesk, named_contents
from lienthong.hub.numbers import check_number
from lienthong.hub.ports import Clock, Store
from lienthong.hub.rows import DocumentRow
from lienthong.routing.plan import Recipient, look_up
from lienthong.signing.pdf import PdfReport

StepName = Literal[
    "signature", "sender", "attachments", "rules", "duplicate", "number", "content", "recipients", "business"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A package to be judged. `sender` and `caller` are canonical codes."""

    caller: str
    sender: str
    package: Package
    root: etree._Element = field(repr=False)
    sha256: str
    directory: Directory = field(repr=False)

    @property
    def identity(self) -> str:
        """See `identity_of`."""
        return identity_of(self.package, self.sender, self.sha256)


def identity_of(package: Package, sender: str, sha256: str) -> str:
    """What makes two packages the same one.

    A new document is its sender's DocumentId: other bytes under it are a conflict. Recalls, updates, replacements and
    statuses may speak of one document many times, so each is known by its own bytes.
    """
    if isinstance(package, Document) and package.business.type is BusinessType.NEW:
        return f"new|{sender}|{package.document_id}"
    return f"{package.kind.value}|{sender}|{sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that stands against a package, or that its sender should know, in both languages."""

    step: StepName
    code: Code
    field: str | None
    rule: str | None
    vi: str
    en: str
    blocking: bool

    @classmethod
    def of_refusal(cls, step: StepName, refusal: Refusal, *, blocking: bool = True) -> Problem:
        """As the refusal itself says it."""
        return cls(
            step=step,
            code=refusal.code,
            field=refusal.field,
            rule=refusal.rule,
            vi=refusal.message("vi"),
            en=refusal.message("en"),
            blocking=blocking,
        )

    @classmethod
    def of_finding(cls, step: StepName, finding: Finding) -> Problem:
        """As the rule says it."""
        return cls(
            step=step,
            code=Code.RULE_VIOLATED,
            field=finding.field,
            rule=finding.rule,
            vi=finding.detail_vi,
            en=finding.detail_en,
            blocking=finding.blocking,
        )


class Notes:
    """What was found so far. With `stop`, the first thing that stands against the package is raised instead."""

    def __init__(self, *, stop: bool) -> None:
        self.stop = stop
        self.warnings: list[Finding] = []
        self.problems: list[Problem] = []
        self.pdfs: tuple[PdfReport, ...] = ()

    @contextmanager
    def step(self, name: StepName) -> Iterator[None]:
        """Run one step; a refusal ends the step, and everything when `stop`."""
        try:
            yield
        except Refusal as refusal:
            if self.stop:
                raise
            self.problems.append(Problem.of_refusal(name, refusal))

    def refuse(self, name: StepName, refusal: Refusal) -> None:
        """Note what stands against the package, and let the step go on. Raises it, when `stop`."""
        if self.stop:
            raise refusal
        self.problems.append(Problem.of_refusal(name, refusal))

    def take(self, name: StepName, findings: Iterable[Finding]) -> None:
        """Note what rules found. Raises `Refusal` RULE_VIOLATED for the first that blocks, when `stop`."""
        for finding in findings:
            if finding.blocking and self.stop:
                raise refusal_of(finding)
            self.problems.append(Problem.of_finding(name, finding))
            if not finding.blocking:
                self.warnings.append(finding)


def refusal_of(finding: Finding) -> Refusal:
    """RULE_VIOLATED with the rule's name, the field and what is wrong in both languages."""
    detail = f"{finding.rule}: {finding.detail_vi} / {finding.detail_en}"
    return Refusal(Code.RULE_VIOLATED, field=finding.field, detail=detail, rule=finding.rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was learned on the way: who gets it, and what it does to earlier documents."""

    earlier: DocumentRow | None = None  #: these very bytes were accepted before; nothing else was looked at
    recipients: tuple[Recipient, ...] = ()
    effects: Effects = field(default_factory=Effects)

    @property
    def accepted(self) -> tuple[str, ...]:
        """Canonical codes of those who can be served, sorted."""
        return tuple(sorted(r.code for r in self.recipients if r.refusal is None))


class Inspection:
    """Runs the steps. Reads only."""

    def __init__(
        self, *, store: Store, content: ContentDesk, clock: Clock, limits: Limits, redirect: bool
    ) -> None:
        self._store = store
        self._content = content
        self._business = Business(store)
        self._clock = clock
        self._limits = limits
        self._redirect = redirect  # to the single successor of a closed recipient

    async def run(self, case: Case, notes: Notes) -> Judged:
        """Every step in its order. Raises `Refusal` when `notes` stop."""
        with notes.step("sender"):  # (2)
            _check_caller(case)
        with notes.step("attachments"):  # (3)
            await asyncio.to_thread(self._files, case, notes)
        with notes.step("rules"):  # (4)
            notes.take("rules", await asyncio.to_thread(self._rules, case))
        with notes.step("duplicate"):  # (5)
            earlier = await self._store.find_identity(case.identity)
            if earlier is not None:
                check_same(earlier, case.sha256)
                if not notes.stop:
                    await self._look_at_content(case, notes)
                return Judged(earlier=earlier)
        with notes.step("number"):  # (5a)
            notes.take("number", await check_number(self._store, case.sender, case.package))
        with notes.step("sender"):  # (2)
            _check_open(case.directory, case.caller)
        with notes.step("content"):  # (3)
            await self._look_at_content(case, notes)
        return await self._recipients(case, notes)

    def _files(self, case: Case, notes: Notes) -> None:
        for refusal in find_mismatches(case.root, case.package, self._limits):
            notes.refuse("attachments", refusal)

    async def _look_at_content(self, case: Case, notes: Notes) -> None:
        """What travels beside the package, and the signatures inside PDFs."""
        beside, missing = await self._content.sort(case.sender, case.package)
        for refusal in missing:
            notes.refuse("content", refusal)
        files = self._content.files
        if files.decides or not notes.stop:  # a submission looks at them only where they can stop it
            notes.pdfs = await files.pdfs(case.package, case.root, beside)
            notes.take("content", files.judge(notes.pdfs))

    def run_offhand(self, case: Case, notes: Notes) -> Judged | None:
        """The same steps for a new document, as far as they ask the store nothing; None when the store must be asked.

        That is so for what speaks of earlier documents or names files beside it, and whenever anything stands
        against the package: `run` finds it again, in its order. That the document is new (5) and its number free
        (5a) is taken for granted here, and checked in the commit.
        """
        package = case.package
        if not isinstance(package, Document) or package.business.type is not BusinessType.NEW:
            return None
        if named_contents(package) or self._content.files.decides:
            return None
        if any(named.organ_id for named in package.response_for):  # it may pass an earlier document on
            return None
        try:
            _check_caller(case)
            self._files(case, notes)
            notes.take("rules", self._rules(case))
            _check_open(case.directory, case.caller)
        except Refusal:
            return None
        found = look_up(package, case.sender, case.directory, redirect=self._redirect)
        judged = Judged(recipients=tuple(found))
        return judged if judged.accepted else None

    async def _recipients(self, case: Case, notes: Notes) -> Judged:
        recipients = look_up(case.package, case.sender, case.directory, redirect=self._redirect)  # (6)
        served = [r.code for r in recipients if r.refusal is None]
        effects = Effects()
        with notes.step("business"):  # (6a)
            effects = await self._business.effects(case.sender, case.package, served, case.directory)
            notes.take("business", effects.warnings)
        judged = Judged(
            recipients=tuple(
                replace(r, refusal=r.refusal or effects.refused.get(r.code)) for r in recipients
            ),
            effects=effects,
        )
        with notes.step("recipients"):  # (6)
            if not judged.accepted:
                none = Refusal(Code.RECIPIENT_UNKNOWN, field="MessageHeader/To")
                raise next((r.refusal for r in judged.recipients if r.refusal is not None), none)
        return judged

    def _rules(self, case: Case) -> list[Finding]:
        return check_rules(case.package, case.root, today=day_of(self._clock()), limits=self._limits)


def check_same(earlier: DocumentRow, sha256: str) -> None:
    """Raises `Refusal` DOCUMENT_CONFLICT when other bytes were accepted under this identity."""
    if earlier.sha256 != sha256:
        raise Refusal(
            Code.DOCUMENT_CONFLICT, field="MessageHeader/DocumentId", detail=earlier.edxml_document_id
        )


def _check_caller(case: Case) -> None:
    if case.sender != case.caller:
        raise Refusal(Code.CALLER_NOT_SENDER, field="MessageHeader/From/OrganId", detail=case.sender)


def _check_open(directory: Directory, sender: str) -> None:
    """An agency that is closed, or not yet in being, sends nothing."""
    agency = directory.find(sender)
    if agency is not None and agency.status in (AgencyStatus.CLOSED, AgencyStatus.PLANNED):
        detail = f"{sender}: {agency.status}"
        raise Refusal(Code.NOT_PERMITTED, field="MessageHeader/From/OrganId", detail=detail)
