"""Does each business rule pass what is good and name what is bad? One good and one bad sample per rule."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from lienthong.domain.document import (
    Business,
    BusinessType,
    Document,
    Organization,
    OtherInfo,
    Package,
    Priority,
    StaffInfo,
    StatusPackage,
)
from lienthong.edxml.reader import parse, read
from lienthong.edxml.rules import RULES, Finding, check_rules
from lienthong.edxml.writer import write
from tests.unit.edxml.samples import TODAY, own

ROOT = parse(own("new.edxml"))


def document(**changes: object) -> Document:
    package = read(own("new.edxml"))
    assert isinstance(package, Document)
    return dataclasses.replace(package, **changes)  # type: ignore[arg-type]


def status(**changes: object) -> StatusPackage:
    package = read(own("status_acceptance_03.edxml"))
    assert isinstance(package, StatusPackage)
    return dataclasses.replace(package, **changes)  # type: ignore[arg-type]


def findings(package: Package, rule: str) -> list[tuple[str, bool]]:
    found = check_rules(package, ROOT, today=TODAY)
    return [(finding.field, finding.blocking) for finding in found if finding.rule == rule]


def other(**values: object) -> OtherInfo:
    return OtherInfo(**values)  # type: ignore[arg-type]


def to(*codes: str) -> tuple[Organization, ...]:
    return tuple(Organization(organ_id=code) for code in codes)


LONG = "x" * 1_001
HEADER = "MessageHeader"

BAD: list[tuple[str, Package, list[tuple[str, bool]]]] = [
    ("required", document(content=""), [(f"{HEADER}/Content", False)]),
    ("required", document(traces=()), [("TraceHeaderList/TraceHeader", False)]),
    ("distinct-recipients", document(recipients=to("A", "B", "A")), [(f"{HEADER}/To[3]/OrganId", True)]),
    (
        "recipient-not-sender",
        document(recipients=to("A", "000.00.00.H48")),
        [(f"{HEADER}/To[2]/OrganId", True)],
    ),
    (
        "recipient-not-sender",
        status(sender=Organization(organ_id="000.00.00.H48")),
        [(f"{HEADER}/ResponseFor/OrganId", True)],
    ),
    (
        "promulgation-date",
        document(promulgation_date=date(2026, 11, 23), due_date=None),
        [(f"{HEADER}/PromulgationInfo/PromulgationDate", True)],
    ),
    ("promulgation-date", document(due_date=date(2020, 3, 1)), [(f"{HEADER}/DueDate", False)]),
    (
        "priority",
        document(other=other(priority=Priority.EXPRESS_TIMED), due_date=None),
        [(f"{HEADER}/DueDate", False)],
    ),
    (
        "amounts",
        document(other=other(promulgation_amount=-1, page_amount=-2)),
        [(f"{HEADER}/OtherInfo/PromulgationAmount", True), (f"{HEADER}/OtherInfo/PageAmount", True)],
    ),
    (
        "business-target",
        document(business=Business(type=BusinessType.RECALL), response_for=()),
        [
            ("TraceHeaderList/Bussiness/DocumentId", False),
            ("TraceHeaderList/Bussiness/BussinessDocReason", False),
        ],
    ),
    ("status-code", status(status_code="99"), [(f"{HEADER}/StatusCode", True)]),
    ("status-code", status(status_code="14"), [(f"{HEADER}/StatusCode", False)]),
    (
        "secrecy",
        document(other=other(sphere_of_promulgation="TUYỆT MẬT")),
        [(f"{HEADER}/OtherInfo/SphereOfPromulgation", True)],
    ),
    (
        "secrecy",
        document(other=other(sphere_of_promulgation="(Độ mật)")),
        [(f"{HEADER}/OtherInfo/SphereOfPromulgation", True)],
    ),
    ("secrecy", document(subject="V/v hồ sơ Tối mật"), [(f"{HEADER}/Subject", False)]),
    ("lengths", document(code_number="123456789012"), [(f"{HEADER}/Code/CodeNumber", False)]),
    ("lengths", document(code_number=LONG), [(f"{HEADER}/Code/CodeNumber", True)]),
    ("lengths", document(subject="x" * 501), [(f"{HEADER}/Subject", False)]),
    ("lengths", document(to_places=("x", "x" * 151)), [(f"{HEADER}/ToPlaces/Place[2]", False)]),
    (
        "lengths",
        document(other=other(appendixes=("x" * 251,))),
        [(f"{HEADER}/OtherInfo/Appendixes/Appendix[1]", False)],
    ),
    ("lengths", status(description=LONG, staff=None), [(f"{HEADER}/Description", False)]),
    ("lengths", status(staff=StaffInfo(mobile="1" * 101)), [(f"{HEADER}/StaffInfo/Mobile", False)]),
    ("lengths", document(recipients=to("A", "H" * 36)), [(f"{HEADER}/To[2]/OrganId", False)]),
]


@pytest.mark.parametrize(("rule", "package", "expected"), BAD)
def test_the_bad_sample_is_found(rule: str, package: Package, expected: list[tuple[str, bool]]) -> None:
    assert findings(package, rule) == expected


GOOD: list[tuple[str, Package]] = [
    ("promulgation-date", document(promulgation_date=TODAY, due_date=TODAY)),
    ("priority", document(other=other(priority=Priority.EXPRESS_TIMED), due_date=TODAY)),
    ("amounts", document(other=other(promulgation_amount=0, page_amount=0))),
    ("business-target", document(business=Business(type=BusinessType.UPDATE, reason="x", document_id="1"))),
    ("secrecy", document(other=other(sphere_of_promulgation="Bảo mật thông tin"), subject="V/v bảo mật")),
    ("lengths", document(subject="x" * 500, code_number="x" * 11)),
    ("status-code", status(status_code="13")),
]


@pytest.mark.parametrize(("rule", "package"), GOOD)
def test_the_good_sample_passes(rule: str, package: Package) -> None:
    assert findings(package, rule) == []


@pytest.mark.parametrize("rule", RULES)
def test_good_packages_pass_every_rule(rule: str) -> None:
    for package in (document(), status()):
        assert findings(package, rule) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (BusinessType.NEW, True),
        (BusinessType.RECALL, False),
        (BusinessType.UPDATE, True),
        (BusinessType.REPLACE, True),
    ],
)
def test_a_file_is_expected_but_for_recalls(kind: BusinessType, expected: bool) -> None:
    package = document(business=Business(type=kind))
    found = check_rules(package, parse(write(package)), today=TODAY)
    assert [(f.rule, f.blocking) for f in found if f.rule == "attachment-present"] == (
        [("attachment-present", False)] if expected else []
    )


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule for rule, _, _ in BAD} | {"attachment-present"} == set(RULES)


def test_blocking_findings_come_first_and_speak_two_languages() -> None:
    package = document(content="", recipients=to("A", "A"))
    found = check_rules(package, ROOT, today=TODAY)
    assert [finding.blocking for finding in found] == [True, False]
    assert isinstance(found[0], Finding)
    assert found[0].detail_vi == "Cơ quan nhận A bị lặp lại"
    assert found[0].detail_en == "the recipient A is named twice"
