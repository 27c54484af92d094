"""Which document does a recall or update mean that names none by its DocumentId?"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from lienthong.domain.document import Business, BusinessType, ResponseFor
from lienthong.domain.request import RequestKind
from lienthong.errors import Code, Refusal
from lienthong.hub.accept import Submission
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, Bench

DAY = date(2026, 3, 2)  # of the world's documents, 212/UBND-VX
RECALL = Business(type=BusinessType.RECALL, reason="Gửi nhầm")
UPDATE = Business(type=BusinessType.UPDATE, reason="Sửa số liệu")


def naming(**fields: Any) -> tuple[ResponseFor, ...]:
    values = {
        "organ_id": COMMUNE,
        "code": "212/UBND-VX",
        "promulgation_date": "2026/03/02",
        "document_id": None,
    }
    return (ResponseFor(**values | fields),)


async def asked(bench: Bench, sent: Submission) -> list[RequestKind]:
    return [row.kind for row in await bench.store.requests(sent.document.id)]


async def about(bench: Bench, business: Business, **fields: Any) -> Submission:
    """A package under a number of its own unless told."""
    fields = {"document_id": "its own", "code_number": "999"} | fields
    return await bench.submit(COMMUNE, [DEPARTMENT], business=business, **fields)


@pytest.mark.parametrize(
    ("business", "kind"),
    [(RECALL, RequestKind.RECALL), (UPDATE, RequestKind.UPDATE)],
    ids=["recall", "update"],
)
@pytest.mark.parametrize(
    "fields",
    [
        {"response_for": naming()},
        {"response_for": naming(organ_id=None, code=" 212/UBND-VX ", promulgation_date="2026-03-02")},
        {"response_for": (*naming(organ_id=DEPARTMENT, code="1/X"), *naming())},
        {"code_number": "212"},
    ],
    ids=["ResponseFor", "ResponseFor without an agency", "the second ResponseFor", "its header"],
)
async def test_it_is_found_by_number_notation_date_and_sender(
    bench: Bench, business: Business, kind: RequestKind, fields: dict[str, Any]
) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    package = await about(bench, business, **fields)
    assert "target-unknown" not in {warning.rule for warning in package.warnings}
    assert await asked(bench, sent) == [kind]


@pytest.mark.parametrize(
    "fields",
    [
        {"response_for": naming(promulgation_date="2026/03/03")},
        {"response_for": naming(promulgation_date="2026/02/30")},
        {"response_for": naming(code="213/UBND-VX")},
        {"response_for": naming(code="212")},
        {"response_for": naming(organ_id=DEPARTMENT)},
        {"code_number": "212", "promulgation_date": date(2026, 3, 1)},
        {
            "code_number": "212",
            "business": Business(type=BusinessType.RECALL, reason="x", document_id="elsewhere"),
        },
    ],
    ids=["day", "no day", "number", "notation", "agency", "header's day", "Bussiness names another"],
)
async def test_what_does_not_fit_in_all_is_carried_with_a_warning(
    bench: Bench, fields: dict[str, Any]
) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    package = await about(bench, fields.pop("business", RECALL), **fields)
    assert "target-unknown" in {warning.rule for warning in package.warnings}
    assert await asked(bench, sent) == []


async def test_a_document_id_counts_before_a_number(bench: Bench) -> None:
    first = await bench.submit(COMMUNE, [DEPARTMENT])
    other = await bench.submit(COMMUNE, [DEPARTMENT], document_id="other", code_number="7")
    await about(bench, RECALL, document_id="other", code_number="212")
    assert (await asked(bench, first), await asked(bench, other)) == ([], [RequestKind.RECALL])


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"response_for": naming()}, "MessageHeader/ResponseFor[1]/Code"),
        ({"code_number": "212"}, "MessageHeader/Code"),
    ],
)
async def test_what_fits_several_is_refused_and_says_how_to_name_one(
    bench: Bench, fields: dict[str, Any], field: str
) -> None:
    first = await bench.submit(COMMUNE, [DEPARTMENT])
    again = await bench.submit(COMMUNE, [DEPARTMENT], document_id="sent once more")
    with pytest.raises(Refusal) as refused:
        await about(bench, RECALL, **fields)
    refusal = refused.value
    assert (refusal.code, refusal.field, refusal.rule) == (Code.RULE_VIOLATED, field, "target-ambiguous")
    assert "2 documents" in (refusal.detail or "")
    assert "sent once more" in (refusal.detail or "")
    assert "Bussiness/DocumentId" in (refusal.detail or "")
    assert (await asked(bench, first), await asked(bench, again)) == ([], [])
    await about(bench, RECALL, document_id="sent once more", code_number="212")
    assert (await asked(bench, first), await asked(bench, again)) == ([], [RequestKind.RECALL])


def test_the_worlds_document_is_as_these_tests_say(bench: Bench) -> None:
    document = bench.world.document(COMMUNE, [DEPARTMENT])
    assert (document.code_number, document.code_notation, document.promulgation_date) == (
        "212",
        "UBND-VX",
        DAY,
    )
