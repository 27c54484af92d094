"""Whom is a package for, who sent it, and in which lane does it travel?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from lienthong.domain.document import (
    Document,
    DocumentType,
    Lane,
    Organization,
    OtherInfo,
    PackageKind,
    Priority,
    ResponseFor,
    SignerInfo,
    StatusPackage,
)

DOCUMENT = Document(
    sender=Organization(organ_id="H48.31.05"),
    recipients=(Organization(organ_id="000.00.11.H48"), Organization(organ_id="H48.31")),
    document_id="H48.31.05,2020/03/02,05/BC-UBND",
    code_number="05",
    code_notation="BC-UBND",
    promulgation_place="Bình Thạnh",
    promulgation_date=date(2020, 3, 2),
    document_type=DocumentType(type=1, type_name="Báo cáo"),
    subject="Báo cáo tháng 3",
    content="Báo cáo tháng 3",
    signer=SignerInfo(full_name="Nguyễn Văn A"),
)
STATUS = StatusPackage(
    sender=Organization(organ_id="H48.11"),
    response_for=ResponseFor(organ_id="H48.31.05", code="05/BC-UBND"),
    status_code="03",
    timestamp=datetime(2020, 3, 3, tzinfo=UTC),
)


def test_a_document_names_its_sender_and_recipients_as_written() -> None:
    assert DOCUMENT.kind is PackageKind.DOCUMENT
    assert DOCUMENT.sender_code == "H48.31.05"
    assert DOCUMENT.recipient_codes == ("000.00.11.H48", "H48.31")


@pytest.mark.parametrize(
    ("priority", "lane"),
    [
        (None, Lane.NORMAL),
        (Priority.NORMAL, Lane.NORMAL),
        (Priority.URGENT, Lane.EXPRESS),
        (Priority.VERY_URGENT, Lane.EXPRESS),
        (Priority.EXPRESS, Lane.EXPRESS),
        (Priority.EXPRESS_TIMED, Lane.EXPRESS),
    ],
)
def test_urgent_documents_travel_in_the_express_lane(priority: Priority | None, lane: Lane) -> None:
    assert replace(DOCUMENT, other=OtherInfo(priority=priority)).lane is lane


def test_a_status_goes_to_the_agency_whose_document_it_answers() -> None:
    assert STATUS.kind is PackageKind.STATUS
    assert STATUS.sender_code == "H48.11"
    assert STATUS.recipient_codes == ("H48.31.05",)
    assert STATUS.lane is Lane.NORMAL


@pytest.mark.parametrize("organ_id", [None, ""])
def test_a_status_that_names_no_agency_has_no_recipient(organ_id: str | None) -> None:
    assert replace(STATUS, response_for=ResponseFor(organ_id=organ_id)).recipient_codes == ()
