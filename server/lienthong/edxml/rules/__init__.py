"""Which business rules does a package keep? One rule per file, each with its citation and its samples in the tests.

Blocking findings are what validators deployed in the field refuse as well;
everything real senders are seen to exceed is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from types import ModuleType
from typing import Final

from lxml import etree

from lienthong.domain.document import Package
from lienthong.edxml.bounds import Limits
from lienthong.edxml.rules import (
    agency_codes,
    amounts,
    attachment_content,
    attachment_manifest,
    attachment_names,
    attachment_paths,
    attachment_present,
    attachment_types,
    business_block,
    business_target,
    competence,
    dates,
    distinct_recipients,
    document_id,
    document_type,
    lengths,
    notation,
    placeholder,
    priority,
    recipient_not_sender,
    references,
    required,
    secrecy,
    status_code,
    status_reason,
    traces,
)
from lienthong.edxml.rules.finding import Case, Finding

__all__ = ["FILE_RULES", "MODULES", "RULES", "Finding", "check_rules"]

_DEFAULT: Final = Limits()

#: the rules' files, in the order findings are reported
MODULES: Final[tuple[ModuleType, ...]] = (
    required,
    placeholder,
    distinct_recipients,
    recipient_not_sender,
    agency_codes,
    dates,
    document_type,
    notation,
    document_id,
    references,
    priority,
    amounts,
    competence,
    business_target,
    business_block,
    status_code,
    status_reason,
    secrecy,
    attachment_present,
    attachment_names,
    traces,
    lengths,
    attachment_manifest,
    attachment_paths,
    attachment_content,
    attachment_types,
)

#: those about the files themselves, which are opened once for all of them: `attachments.find_mismatches`
FILE_RULES: Final = frozenset(
    module.RULE for module in (attachment_manifest, attachment_paths, attachment_content, attachment_types)
)

#: every rule by its stable name
RULES: Final[dict[str, Callable[[Case], Iterator[Finding]]]] = {
    module.RULE: module.check for module in MODULES
}


def check_rules(
    package: Package, root: etree._Element, *, today: date, limits: Limits = _DEFAULT
) -> list[Finding]:
    """All findings of all rules but `FILE_RULES`, blocking ones first. `today` is the calendar day in Viet Nam."""
    case = Case(package=package, root=root, today=today, limits=limits)
    checks = [check for rule, check in RULES.items() if rule not in FILE_RULES]
    found = [finding for check in checks for finding in check(case)]
    return sorted(found, key=lambda finding: not finding.blocking)
