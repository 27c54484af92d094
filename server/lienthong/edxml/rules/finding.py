"""What does a rule say about a package, and what does it look at?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from lxml import etree

from lienthong.domain.document import Package
from lienthong.edxml.bounds import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a rule holds against a package. Blocking: it is not accepted; otherwise a warning to the sender."""

    rule: str  #: the rule's stable name, e.g. "promulgation-date"
    field: str  #: edXML path, e.g. MessageHeader/To[2]/OrganId
    detail_vi: str
    detail_en: str
    blocking: bool


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
