"""Which business rules does a package keep? One rule per file, each with its citation and its samples in the tests.

Blocking findings are what validators deployed in the field refuse as well;
everything real senders are seen to exceed is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

from lxml import etree

from lienthong.domain.document import Package
from lienthong.edxml.bounds import Limits
from lienthong.edxml.rules import (
    amounts,
    attachment_present,
    business_target,
    dates,
    distinct_recipients,
    lengths,
    priority,
    recipient_not_sender,
    required,
    secrecy,
    status_code,
)
from lienthong.edxml.rules.finding import Case, Finding

__all__ = ["RULES", "Finding", "check_rules"]

_DEFAULT: Final = Limits()

#: every rule by its stable name, in the order findings are reported
RULES: Final[dict[str, Callable[[Case], Iterator[Finding]]]] = {
    module.RULE: module.check
    for module in (
        required,
        distinct_recipients,
        recipient_not_sender,
        dates,
        priority,
        amounts,
        business_target,
        status_code,
        secrecy,
        attachment_present,
        lengths,
    )
}


def check_rules(
    package: Package, root: etree._Element, *, today: date, limits: Limits = _DEFAULT
) -> list[Finding]:
    """All findings of all rules, blocking ones first. `today` is the calendar day in Viet Nam."""
    case = Case(package=package, root=root, today=today, limits=limits)
    found = [finding for check in RULES.values() for finding in check(case)]
    return sorted(found, key=lambda finding: not finding.blocking)
