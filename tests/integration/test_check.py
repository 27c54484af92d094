"""A check promises what the linkage then does: on the real store and broker, with relays running."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lienthong.domain.agency import AgencyStatus
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Business, BusinessType
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DocumentQuery, EventRow
from tests.pki.pdf import plain_pdf, sign_pdf
from tests.services.linkage import Linkage

COMMUNE, DEPARTMENT, OTHER = "H48.31.05", "H48.11", "H48.33.02"


async def test_the_road_a_check_tells_is_the_road_taken(linkage: Linkage) -> None:
    data = linkage.world.signed(COMMUNE, [DEPARTMENT, OTHER])
    checked = await linkage.hub.check(linkage.caller(COMMUNE), data)
    assert checked.acceptable
    assert await linkage.store.documents(DocumentQuery()) == []
    await linkage.relay()
    sent = await linkage.submit_bytes(COMMUNE, data)
    for recipient in checked.recipients:
        code = recipient.recipient.code
        await linkage.until(sent.document.id, code, DeliveryState.CONSIGNED)
        assert tuple(await linkage.hops(COMMUNE, sent.document.id, code)) == recipient.road


async def test_a_closed_recipient_is_told_with_its_successor(linkage: Linkage) -> None:
    agency = linkage.world.directory.agencies[OTHER]
    closed = replace(agency, status=AgencyStatus.CLOSED, successors=(DEPARTMENT,))
    event = EventRow(at=linkage.now(), actor="test", kind="directory.changed")
    await linkage.store.put_agencies([closed], event=event)
    await linkage.knowledge.refresh()
    data = linkage.world.signed(COMMUNE, [DEPARTMENT, OTHER])
    checked = await linkage.hub.check(linkage.caller(COMMUNE), data)
    refusals = {r.recipient.code: r.recipient.refusal for r in checked.recipients}
    assert refusals[DEPARTMENT] is None
    refusal = refusals[OTHER]
    assert refusal is not None
    assert (refusal.code, refusal.detail) == (Code.RECIPIENT_CLOSED, f"{OTHER} → {DEPARTMENT}")


async def test_a_number_is_refused_until_the_first_document_is_taken_back(linkage: Linkage) -> None:
    first = await linkage.submit(COMMUNE, [DEPARTMENT], code_number="77")
    second = {"code_number": "77", "document_id": "second", "subject": "Văn bản khác"}
    with pytest.raises(Refusal) as caught:
        await linkage.submit(COMMUNE, [DEPARTMENT], **second)
    assert (caught.value.code, caught.value.rule) == (Code.RULE_VIOLATED, "number-in-year")
    named = first.document.edxml_document_id
    recall = Business(type=BusinessType.RECALL, reason="gửi nhầm", document_id=named)
    await linkage.submit(COMMUNE, [DEPARTMENT], code_number="77", business=recall)
    await linkage.until(first.document.id, DEPARTMENT, DeliveryState.WITHDRAWN)
    accepted = await linkage.submit(COMMUNE, [DEPARTMENT], **second)
    assert accepted.document.code_number == "77"


async def test_declared_words_of_secrecy_travel_and_undeclared_ones_do_not(linkage: Linkage) -> None:
    await linkage.relay()
    words = {"subject": "Hướng dẫn quản lý tài liệu mật", "code_number": "78"}
    with pytest.raises(Refusal) as caught:
        await linkage.submit(COMMUNE, [DEPARTMENT], **words)
    assert caught.value.rule == "secrecy"
    sent = await linkage.submit(COMMUNE, [DEPARTMENT], **words, no_state_secret=True)
    assert [finding.rule for finding in sent.warnings if finding.rule == "secrecy"] == ["secrecy"]
    await linkage.receive(DEPARTMENT, sent.document.id)


async def test_of_documents_under_one_number_at_the_very_same_moment_one_is_accepted(
    linkage: Linkage,
) -> None:
    race = [
        linkage.submit(COMMUNE, [DEPARTMENT], code_number="99", document_id=f"d{n}", subject=f"Việc {n}")
        for n in range(8)
    ]
    answers = await asyncio.gather(*race, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [(refusal.code, refusal.rule) for refusal in refused] == [
        (Code.RULE_VIOLATED, "number-in-year")
    ] * 7
    assert len(await linkage.store.numbered(COMMUNE, "99", "UBND-VX", 2026)) == 1


async def test_every_step_every_mismatch_and_every_pdf_is_told_over_the_real_store(linkage: Linkage) -> None:
    official = linkage.world.issue("Nguyễn Văn A").signing_key
    pdf = await asyncio.to_thread(sign_pdf, plain_pdf(), official, "Signature1")
    files = {"a.pdf": pdf, "b.pdf": b"\x7fELF"}
    data = linkage.world.signed(COMMUNE, [DEPARTMENT], files=files, key=linkage.world.key(OTHER))
    checked = await linkage.hub.check(linkage.caller(COMMUNE), data.replace(b"UBND-VX", b"UBND-VY"))
    assert [(p.step, p.code, p.rule) for p in checked.problems if p.blocking] == [
        ("signature", Code.SIGNATURE_INVALID, None),
        ("signature", Code.SIGNER_NOT_SENDER, None),
        ("attachments", Code.ATTACHMENT_MISMATCH, "attachment-types"),
    ]
    assert [(report.name, [one.trusted for one in report.signatures]) for report in checked.pdfs] == [
        ("a.pdf", [True])
    ]
