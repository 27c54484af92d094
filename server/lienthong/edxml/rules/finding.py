"""What does a rule say about a package, and what does it look at?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxml import etree

from lienthong.domain.document import Package
from lienthong.edxml.attachments import find_mismatches
from lienthong.edxml.bounds import Limits
from lienthong.errors import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a rule holds against a package. Blocking: it is not accepted; otherwise a warning to the sender."""

    rule: str  #: the rule's stable name, e.g. "promulgation-date"
    field: str  #: edXML path, e.g. MessageHeader/To[2]/OrganId
    detail_vi: str
    detail_en: str
    blocking: bool
    code: Code = Code.RULE_VIOLATED  #: what a submission is answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What every rule may look at."""

    package: Package
    root: etree._Element
    today: date  #: the calendar day in Viet Nam
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What docs/rules.md says of a rule; the rule itself, in English, is the first line of its file."""

    vi: str  #: the rule in Vietnamese
    field: str  #: where it looks
    blocks: str  #: "yes", "no" (warnings only), or what of it blocks
    clause: str
    good: str
    bad: str


def mismatches(case: Case, rule: str) -> Iterator[Finding]:
    """What one of the rules about files finds. Each call opens the files: to have all rules' at once, ask
    `find_mismatches`."""
    for refusal in find_mismatches(case.root, case.package, case.limits):
        if refusal.rule == rule:
            yield Finding(
                rule=rule,
                field=refusal.field or "",
                detail_vi=refusal.message("vi"),
                detail_en=refusal.message("en"),
                blocking=True,
                code=refusal.code,
            )
