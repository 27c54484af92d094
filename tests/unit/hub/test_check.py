"""Does a check find what a submission refuses, all of it at once, and leave nothing behind?"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from lienthong.domain.agency import AgencyStatus
from lienthong.domain.document import (
    Business,
    BusinessType,
    ManifestEntry,
    OtherInfo,
    ResponseFor,
    StatusPackage,
)
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from lienthong.hub.check import Checked
from lienthong.hub.rows import DocumentQuery
from lienthong.signing.authority import Authority
from lienthong.signing.sign import sign_package
from tests.pki.pdf import plain_pdf, sign_pdf
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, OPERATOR, OTHER_COMMUNE, PROVINCE, Bench


def told(checked: Checked, *, blocking: bool = True) -> list[tuple[str, str]]:
    """(step, code or rule) of what was found."""
    return [(p.step, p.rule or p.code.value) for p in checked.problems if p.blocking is blocking]


async def check(bench: Bench, data: bytes, caller: str = COMMUNE) -> Checked:
    return await bench.hub.check(bench.caller(caller), data)


async def test_a_good_package_is_acceptable_and_its_roads_are_told(bench: Bench) -> None:
    checked = await check(bench, bench.world.signed(COMMUNE, [DEPARTMENT, "000.02.33.H48"]))
    assert (checked.acceptable, checked.signed, told(checked)) == (True, True, [])
    assert checked.signer is not None
    assert [(r.recipient.written, r.recipient.code, r.road) for r in checked.recipients] == [
        (DEPARTMENT, DEPARTMENT, (COMMUNE, DISTRICT, PROVINCE, DEPARTMENT)),
        ("000.02.33.H48", OTHER_COMMUNE, (COMMUNE, DISTRICT, PROVINCE, "H48.33", OTHER_COMMUNE)),
    ]


async def test_nothing_is_kept_and_nothing_is_sent(bench: Bench) -> None:
    await check(bench, bench.world.signed(COMMUNE, [DEPARTMENT]))
    await bench.dispatch()
    assert await bench.store.documents(DocumentQuery()) == []
    assert (bench.store.payloads, bench.blobs.content, bench.broker.published) == ({}, {}, [])


async def test_everything_that_is_wrong_is_told_at_once(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="100")
    wrong: dict[str, Any] = {"manifest": (), "code_number": "100", "subject": "khác"}
    data = bench.world.signed(COMMUNE, [COMMUNE, "H99"], key=bench.world.key(DISTRICT), **wrong)
    checked = await check(bench, data, caller=DEPARTMENT)
    assert not checked.acceptable
    assert told(checked) == [
        ("signature", "SIGNER_NOT_SENDER"),
        ("sender", "CALLER_NOT_SENDER"),
        ("attachments", "attachment-manifest"),
        ("rules", "recipient-not-sender"),
        ("duplicate", "DOCUMENT_CONFLICT"),
        ("recipients", "recipient-not-sender"),
    ]
    assert [r.recipient.refusal is not None for r in checked.recipients] == [True, True]


async def test_one_bad_recipient_among_good_ones_blocks_nothing_but_itself(bench: Bench) -> None:
    await bench.change_agency(OTHER_COMMUNE, status=AgencyStatus.LOCKED)
    await bench.knowledge.refresh()
    checked = await check(bench, bench.world.signed(COMMUNE, [DEPARTMENT, OTHER_COMMUNE, "H99"]))
    assert checked.acceptable
    refusals = [r.recipient.refusal for r in checked.recipients]
    assert [r and r.code for r in refusals] == [None, Code.RECIPIENT_LOCKED, Code.RECIPIENT_UNKNOWN]
    assert [bool(r.road) for r in checked.recipients] == [True, False, False]


async def test_an_unsigned_file_is_judged_as_it_would_be_signed_and_told_so(bench: Bench) -> None:
    unsigned = bench.world.package(COMMUNE, [DEPARTMENT], subject="TUYỆT MẬT: kế hoạch")
    for data in (unsigned, b"1212" + unsigned):
        checked = await check(bench, data)
        assert not checked.signed
        assert ("signature", "SIGNATURE_MISSING") in told(checked, blocking=False)
        assert told(checked) == [("rules", "secrecy")]
        assert [r.recipient.code for r in checked.recipients] == [DEPARTMENT]
    good = await check(bench, bench.world.package(COMMUNE, [DEPARTMENT]))
    assert good.acceptable


@pytest.mark.parametrize("data", [b"", b"hello", b"<edXML", b"<edXML/>", b"\0" * 100])
async def test_what_cannot_be_read_is_told_and_judged_no_further(bench: Bench, data: bytes) -> None:
    checked = await check(bench, data)
    assert not checked.acceptable
    assert (checked.package, checked.recipients) == (None, ())
    assert len([p for p in checked.problems if p.blocking]) == 1


async def test_a_changed_byte_is_told_and_the_rest_is_checked(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT]).replace("Chủ tịch".encode(), "Chủ tich".encode())
    checked = await check(bench, data)
    assert (checked.signed, checked.signer) == (True, None)
    assert told(checked) == [("signature", "SIGNATURE_INVALID")]
    assert [r.road[-1] for r in checked.recipients] == [DEPARTMENT]


async def test_every_step_of_a_bad_signature_is_told(bench: Bench) -> None:
    stranger = Authority.create("Somebody else's CA", at=bench.at - timedelta(days=9))
    key = stranger.issue("a stranger", at=bench.at - timedelta(days=8), uris=[]).signing_key
    data = bench.world.signed(COMMUNE, [DEPARTMENT], key=key)
    checked = await check(bench, data.replace("Chủ tịch".encode(), "Chủ tich".encode()))
    assert told(checked) == [
        ("signature", "CERTIFICATE_UNTRUSTED"),
        ("signature", "SIGNATURE_INVALID"),
        ("signature", "SIGNER_NOT_SENDER"),
    ]
    assert checked.signer is None


async def test_every_mismatch_of_the_files_is_told_and_a_submission_stops_at_the_first(bench: Bench) -> None:
    files = {"a.pdf": b"%PDF-1.4", "b.pdf": b"\x7fELF program", "c.pdf": b"%PDF-1.4"}
    manifest = (
        ManifestEntry(content_id="cid:1", attachment_name="../a.pdf"),
        ManifestEntry(content_id="cid:2", attachment_name="b.pdf"),
    )
    data = bench.world.signed(COMMUNE, [DEPARTMENT], files=files, manifest=manifest)
    checked = await check(bench, data)
    assert [(p.rule, p.code) for p in checked.problems if p.step == "attachments"] == [
        ("attachment-paths", Code.ATTACHMENT_MISMATCH),
        ("attachment-manifest", Code.ATTACHMENT_MISMATCH),
        ("attachment-manifest", Code.ATTACHMENT_MISMATCH),
        ("attachment-types", Code.ATTACHMENT_MISMATCH),
    ]
    with pytest.raises(Refusal) as refusal:
        await bench.hub.submit(bench.caller(COMMUNE), data)
    assert (refusal.value.code, refusal.value.rule) == (Code.ATTACHMENT_MISMATCH, "attachment-paths")


async def test_signatures_inside_pdfs_are_told_good_or_bad(bench: Bench) -> None:
    official = bench.world.issue("Nguyễn Văn A", uris=[])
    signed = await asyncio.to_thread(sign_pdf, plain_pdf(), official.signing_key, "Signature1")
    files = {"a.pdf": signed, "b.pdf": plain_pdf(), "c.txt": b"x"}
    data = bench.world.signed(COMMUNE, [DEPARTMENT], files=files)
    for _ in range(2):
        checked = await check(bench, data)
        assert checked.acceptable
        assert [(report.name, len(report.signatures)) for report in checked.pdfs] == [
            ("a.pdf", 1),
            ("b.pdf", 0),
        ]
        (one,) = checked.pdfs[0].signatures
        assert (one.signer, one.intact, one.trusted) == ("Nguyễn Văn A", True, True)
        await bench.hub.submit(bench.caller(COMMUNE), data)  # then it is told of an accepted one too


async def test_an_unknown_sender_of_an_unsigned_file_is_told(bench: Bench) -> None:
    checked = await check(bench, bench.world.package("H99.01", [DEPARTMENT]))
    assert told(checked)[:2] == [("sender", "SIGNER_NOT_SENDER"), ("sender", "CALLER_NOT_SENDER")]


async def test_what_was_accepted_before_is_named_and_not_judged_again(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    sent = await bench.hub.submit(bench.caller(COMMUNE), data)
    checked = await check(bench, data)
    assert checked.acceptable
    assert checked.earlier == sent.document
    assert checked.recipients == ()


async def test_a_certificate_that_ends_soon_is_told(bench: Bench) -> None:
    ends = bench.world.key(COMMUNE).certificate.not_valid_after_utc
    data = bench.world.signed(COMMUNE, [DEPARTMENT])
    checked = await check(bench, data)
    soon = (ends - bench.now()).days < 30
    assert (("signature", "CERTIFICATE_EXPIRED") in told(checked, blocking=False)) is soon


async def test_an_illegal_status_is_told(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT])
    package = StatusPackage(
        sender=bench.world.document(DEPARTMENT, [COMMUNE]).sender,
        response_for=ResponseFor(organ_id=COMMUNE, document_id=sent.document.edxml_document_id),
        status_code="03",
        timestamp=bench.now(),
    )
    data = sign_package(write(package), bench.world.key(DEPARTMENT), at=bench.now())
    checked = await check(bench, data, caller=DEPARTMENT)
    assert told(checked) == [("business", "STATUS_ILLEGAL")]  # it has not arrived yet
    answer = sign_package(
        write(replace(package, status_code="15")), bench.world.key(DEPARTMENT), at=bench.now()
    )
    assert told(await check(bench, answer, caller=DEPARTMENT)) == [("business", "STATUS_ILLEGAL")]


async def test_an_operator_cannot_check(bench: Bench) -> None:
    with pytest.raises(Refusal) as caught:
        await bench.hub.check(OPERATOR, b"")
    assert caught.value.code is Code.NOT_PERMITTED


async def test_a_broken_rule_is_refused_with_its_name(bench: Bench) -> None:
    data = bench.world.signed(COMMUNE, [DEPARTMENT], other=OtherInfo(page_amount=-1))
    with pytest.raises(Refusal) as caught:
        await bench.hub.submit(bench.caller(COMMUNE), data)
    refusal = caught.value
    assert (refusal.code, refusal.rule) == (Code.RULE_VIOLATED, "amounts")
    assert refusal.field == "MessageHeader/OtherInfo/PageAmount"


# --- numbers ----------------------------------------------------------------------------------------------


async def number_problems(bench: Bench, **fields: Any) -> list[tuple[str, bool]]:
    fields = {"code_number": "100", "document_id": "another", **fields}
    checked = await check(bench, bench.world.signed(COMMUNE, [DEPARTMENT], **fields))
    return [(p.rule or "", p.blocking) for p in checked.problems if p.step == "number"]


async def test_a_second_document_under_a_number_of_the_year_is_refused(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="100")
    assert await number_problems(bench, subject="Văn bản khác") == [("number-in-year", True)]
    assert await number_problems(bench, promulgation_date=date(2026, 3, 1)) == [("number-in-year", True)]
    with pytest.raises(Refusal) as caught:
        await bench.submit(COMMUNE, [DEPARTMENT], code_number="100", document_id="x", subject="khác")
    assert (caught.value.code, caught.value.rule) == (Code.RULE_VIOLATED, "number-in-year")
    assert caught.value.field == "MessageHeader/Code/CodeNumber"


async def test_the_same_document_sent_again_is_a_warning(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="100")
    assert await number_problems(bench) == [("number-in-year", False)]
    again = await bench.submit(COMMUNE, [OTHER_COMMUNE], code_number="100", document_id="another")
    assert "number-in-year" in [finding.rule for finding in again.warnings]


async def test_another_year_notation_or_agency_has_numbers_of_its_own(bench: Bench) -> None:
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="100")
    await bench.submit(DISTRICT, [DEPARTMENT], code_number="100", subject="khác")
    assert await number_problems(bench, subject="x", promulgation_date=date(2025, 12, 31)) == []
    assert await number_problems(bench, subject="x", code_notation="QĐ-UBND") == []
    assert await number_problems(bench, subject="x", code_number="0100") == []


async def test_the_number_of_a_document_nobody_got_is_free_again(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT], code_number="100")
    recall = Business(type=BusinessType.RECALL, reason="nhầm", document_id=sent.document.edxml_document_id)
    await bench.submit(COMMUNE, [DEPARTMENT], code_number="100", business=recall)
    assert await number_problems(bench, subject="khác") == []


async def test_recalls_updates_and_replacements_speak_of_a_number_that_is_taken(bench: Bench) -> None:
    sent = await bench.submit(COMMUNE, [DEPARTMENT], code_number="100")
    for kind in (BusinessType.RECALL, BusinessType.UPDATE, BusinessType.REPLACE):
        business = Business(type=kind, reason="x", document_id=sent.document.edxml_document_id)
        assert await number_problems(bench, business=business, subject="khác") == []
