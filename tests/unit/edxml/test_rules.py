"""Does each business rule pass what is good and name what is bad? One good and one bad sample per rule."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import pytest

from lienthong.domain.document import (
    Business,
    BusinessType,
    Document,
    DocumentType,
    ManifestEntry,
    Organization,
    OtherInfo,
    Package,
    Priority,
    Receiver,
    Replacement,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusPackage,
    TraceHeader,
)
from lienthong.edxml.reader import parse, read
from lienthong.edxml.rules import FILE_RULES, RULES, Finding, check_rules
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


def files(*names: str) -> tuple[ManifestEntry, ...]:
    return tuple(ManifestEntry(content_id=f"cid:{n}", attachment_name=name) for n, name in enumerate(names))


def file_name(number: int) -> str:
    return f"edXMLManifest/Reference[{number}]/AttachmentName"


def kind(number: int, detail: int, name: str, **changes: object) -> Document:
    written = DocumentType(type=number, type_detail=detail, type_name=name)
    return document(document_type=written, **changes)


def trace(code: str, day: int) -> TraceHeader:
    return TraceHeader(organ_id=code, timestamp=datetime(2026, 11, day, tzinfo=UTC))


BOTH = (Receiver(organ_id="H48.11", added=True), Receiver(organ_id="H48.11", added=False))
REPLACED = (Replacement(document_id="1", organ_ids=()),)
BLOCK = "TraceHeaderList/Bussiness"
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
    ("secrecy", document(subject="V/v hồ sơ Tối mật"), [(f"{HEADER}/Subject", True)]),
    ("secrecy", document(subject="Danh mục tài liệu mật"), [(f"{HEADER}/Subject", True)]),
    ("secrecy", document(content="(MẬT) Kế hoạch"), [(f"{HEADER}/Content", True)]),
    ("secrecy", document(manifest=files("a.pdf", "toi_mat.pdf")), [(file_name(2), True)]),
    ("secrecy", document(subject="Tối mật", no_state_secret=True), [(f"{HEADER}/Subject", False)]),
    (
        "secrecy",
        document(other=other(sphere_of_promulgation="MẬT"), no_state_secret=True),
        [(f"{HEADER}/OtherInfo/SphereOfPromulgation", True)],
    ),
    ("secrecy", document(subject="Tuyên truyền Luật Bảo vệ bí mật nhà nước"), [(f"{HEADER}/Subject", False)]),
    (
        "placeholder",
        document(subject="N/A", content=" - "),
        [(f"{HEADER}/Subject", False), (f"{HEADER}/Content", False)],
    ),
    ("agency-codes", document(recipients=to("28.22.H17", "H48")), [(f"{HEADER}/To[1]/OrganId", False)]),
    ("agency-codes", document(recipients=to("001.03.41.W00")), [(f"{HEADER}/To[1]/OrganId", False)]),
    ("agency-codes", document(recipients=to("H48.1.2.3.4")), [(f"{HEADER}/To[1]/OrganId", False)]),
    ("document-type", kind(2, 18, "Công thư"), [(f"{HEADER}/DocumentType/TypeName", False)]),
    ("document-type", kind(1, 18, "Công văn"), [(f"{HEADER}/DocumentType/Type", False)]),
    ("document-type", kind(2, 2, "Công văn"), [(f"{HEADER}/DocumentType/TypeDetail", False)]),
    ("notation", document(code_number="74fass22"), [(f"{HEADER}/Code/CodeNumber", False)]),
    ("notation", document(code_notation="UBND, VX"), [(f"{HEADER}/Code/CodeNotation", False)]),
    ("notation", document(code_notation="UBND-Ð"), [(f"{HEADER}/Code/CodeNotation", False)]),
    ("notation", kind(2, 2, "Quyết định", code_notation="UBND-VX"), [(f"{HEADER}/Code/CodeNotation", False)]),
    ("notation", kind(2, 18, "Công văn", code_notation="QĐ-UBND"), [(f"{HEADER}/Code/CodeNotation", False)]),
    ("document-id", document(document_id="H48,2014/02/30,212/UBND-KGVX"), [(f"{HEADER}/DocumentId", False)]),
    ("document-id", document(document_id="a,b"), [(f"{HEADER}/DocumentId", False)]),
    (
        "references",
        document(response_for=(ResponseFor(organ_id="H48"),)),
        [(f"{HEADER}/ResponseFor[1]", False)],
    ),
    (
        "references",
        document(response_for=(ResponseFor(organ_id="H48", code="1/A", promulgation_date="2026/12/01"),)),
        [(f"{HEADER}/ResponseFor[1]/PromulgationDate", False)],
    ),
    (
        "references",
        document(document_id="me", response_for=(ResponseFor(organ_id="H48", document_id="me"),)),
        [(f"{HEADER}/ResponseFor[1]/DocumentId", False)],
    ),
    ("references", status(response_for=ResponseFor(organ_id="H48")), [(f"{HEADER}/ResponseFor", False)]),
    ("business-block", document(business=Business(document_id="1")), [(f"{BLOCK}/DocumentId", False)]),
    (
        "business-block",
        document(business=Business(type=BusinessType.UPDATE)),
        [(f"{BLOCK}/BussinessDocumentInfo", False)],
    ),
    (
        "business-block",
        document(business=Business(type=BusinessType.REPLACE)),
        [(f"{BLOCK}/ReplacementInfoList", False)],
    ),
    (
        "business-block",
        document(business=Business(type=BusinessType.RECALL, receivers=BOTH, replacements=REPLACED)),
        [
            (f"{BLOCK}/ReplacementInfoList", False),
            (f"{BLOCK}/BussinessDocumentInfo", False),
            (f"{BLOCK}/BussinessDocumentInfo/ReceiverList", False),
        ],
    ),
    (
        "business-block",
        document(business=Business(type=BusinessType.UPDATE, receivers=BOTH[:1], receivers_changed=False)),
        [(f"{BLOCK}/BussinessDocumentInfo", False)],
    ),
    (
        "attachment-names",
        document(manifest=files("vanban", ".pdf", "a.")),
        [(file_name(n), False) for n in (1, 2, 3)],
    ),
    ("attachment-names", document(manifest=files("a.pdf", "A.pdf")), [(file_name(2), False)]),
    (
        "competence",
        document(signer=SignerInfo(full_name="A", competence="CT")),
        [(f"{HEADER}/SignerInfo/Competence", False)],
    ),
    ("traces", document(traces=(trace("H41", 1),)), [("TraceHeaderList/TraceHeader[1]/OrganId", False)]),
    (
        "traces",
        document(traces=(trace("000.00.00.H48", 25),)),
        [("TraceHeaderList/TraceHeader[1]/Timestamp", False)],
    ),
    ("status-reason", status(status_code="02", description=None), [(f"{HEADER}/Description", False)]),
    ("status-reason", status(timestamp=datetime(2026, 11, 25, tzinfo=UTC)), [(f"{HEADER}/Timestamp", False)]),
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
    ("secrecy", document(subject="Mật độ dân số; mật khẩu; bệnh gan mật; BẢO MẬT; bí mật kinh doanh")),
    ("placeholder", document(subject="Mời họp", content="x y")),
    ("agency-codes", document(recipients=to("H48.31.05", "000.05.31.H48", "H37.DN.001"))),
    ("document-type", kind(2, 22, "Bản thoả thuận")),
    ("document-type", kind(1, 8, "Quyết định")),
    ("document-type", kind(2, 30, "Phiếu gửi")),
    ("notation", kind(2, 2, "QUYẾT ĐỊNH", code_notation="QĐ-UBND", code_number="15a")),
    ("notation", kind(2, 18, "Công văn", code_notation="UBND-QĐ")),
    ("notation", kind(1, 9, "Thông tư", code_notation="2016/TT-BTTTT")),
    ("document-id", document(document_id="5f0c2f3e-6b53-4a1f-9f57-0e8d5a4f1c11")),
    ("document-id", document(document_id="any,thing", business=Business(type=BusinessType.RECALL))),
    ("references", document(response_for=(ResponseFor(organ_id="H48", document_id="x"),))),
    ("business-block", document(business=Business(type=BusinessType.UPDATE, receivers=BOTH[:1]))),
    ("business-block", document(business=Business(type=BusinessType.REPLACE, replacements=REPLACED))),
    ("attachment-names", document(manifest=files("a.pdf", "b.tar.gz"))),
    ("competence", document(signer=SignerInfo(full_name="A", competence="kt. chủ tịch"))),
    ("competence", document(signer=SignerInfo(full_name="A"))),
    ("traces", document(traces=(trace("000.00.00.H48", 1), trace("H41", 1)))),
    ("status-reason", status(status_code="16", description="đã vào sổ")),
]


@pytest.mark.parametrize(("rule", "package"), GOOD)
def test_the_good_sample_passes(rule: str, package: Package) -> None:
    assert findings(package, rule) == []


@pytest.mark.parametrize("rule", RULES)
def test_good_packages_pass_every_rule(rule: str) -> None:
    for package in (document(recipients=to("H48.11", "000.05.31.H48")), status()):
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
    assert {rule for rule, _, _ in BAD} | {"attachment-present"} == set(RULES) - FILE_RULES


def test_blocking_findings_come_first_and_speak_two_languages() -> None:
    package = document(content="", recipients=to("H48.11", "H48.11"))
    found = check_rules(package, ROOT, today=TODAY)
    assert [finding.blocking for finding in found] == [True, False]
    assert isinstance(found[0], Finding)
    assert found[0].detail_vi == "Cơ quan nhận H48.11 bị lặp lại"
    assert found[0].detail_en == "the recipient H48.11 is named twice"
