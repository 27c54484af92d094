"""Files beside their package, on a whole linkage: who may send, name and read them, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Attachment, ExternalContent, ManifestEntry
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from lienthong.hub.accept import Submission
from lienthong.hub.content import ContentLimits, ContentState
from lienthong.hub.files import PdfPolicy
from lienthong.signing.sign import sign_package
from tests.pki.pdf import plain_pdf, sign_pdf
from tests.services.linkage import OPERATOR, Linkage

COMMUNE, DEPARTMENT, OTHER = "H48.31.05", "H48.11", "H48.33.02"
BIG = b"%PDF-1.7\n" + os.urandom(3_000_000)
CONTENT = ExternalContent(sha256=sha256_hex(BIG), size=len(BIG), media_type="application/pdf")
SMALL = Attachment(content_id="cid:1", attachment_name="cv.pdf", content=b"%PDF-1.4")


async def pieces(data: bytes, size: int = 700_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def upload(
    linkage: Linkage, agency: str, data: bytes = BIG, *, offset: int = 0, end: int | None = None
) -> ContentState:
    content = linkage.hub.content
    part = pieces(data[offset:end])
    return await content.upload(linkage.caller(agency), sha256_hex(data), len(data), offset, part)


async def submit(
    linkage: Linkage,
    sender: str,
    *recipients: str,
    content: ExternalContent = CONTENT,
    name: str = "Quy hoạch.pdf",
    **fields: Any,
) -> Submission:
    manifest = (
        ManifestEntry(content_id="cid:1", attachment_name="cv.pdf"),
        ManifestEntry(content_id="cid:2", attachment_name=name, external=content),
    )
    package = linkage.world.document(sender, recipients, manifest=manifest, **fields)
    data = sign_package(write(package, [SMALL]), linkage.world.key(sender), at=linkage.now())
    return await linkage.submit_bytes(sender, data)


async def read(linkage: Linkage, agency: str, reference: str, *, offset: int = 0) -> bytes:
    _, stream = await linkage.hub.content.download(
        linkage.caller(agency), reference, CONTENT.sha256, offset=offset
    )
    return b"".join([piece async for piece in stream])


async def refused(attempt: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await attempt
    return refusal.value


async def test_a_file_beside_its_package_reaches_the_recipient(linkage: Linkage) -> None:
    await linkage.relay()
    assert await linkage.hub.content.state(linkage.caller(COMMUNE), CONTENT.sha256, len(BIG)) == ContentState(
        offset=0, complete=False
    )
    assert await upload(linkage, COMMUNE) == ContentState(offset=len(BIG), complete=True)
    sent = await submit(linkage, COMMUNE, DEPARTMENT)
    await linkage.receive(DEPARTMENT, sent.document.id)
    assert await read(linkage, DEPARTMENT, sent.document.id) == BIG
    assert await read(linkage, DEPARTMENT, sent.document.id, offset=2_999_999) == BIG[2_999_999:]


async def test_a_cut_upload_goes_on_where_it_ended(linkage: Linkage) -> None:
    half = await upload(linkage, COMMUNE, end=1_400_000)
    assert half == ContentState(offset=1_400_000, complete=False)
    assert (await refused(upload(linkage, COMMUNE, offset=0))).field == "offset"
    assert await linkage.hub.content.state(linkage.caller(COMMUNE), CONTENT.sha256, len(BIG)) == half
    assert (await upload(linkage, COMMUNE, offset=1_400_000)).complete


async def test_a_package_is_refused_while_its_content_is_missing(linkage: Linkage) -> None:
    await upload(linkage, COMMUNE, end=1_400_000)
    refusal = await refused(submit(linkage, COMMUNE, DEPARTMENT))
    assert refusal.code is Code.ATTACHMENT_MISMATCH
    assert refusal.field == "edXMLManifest/Reference[2]/ExternalContent"
    await upload(linkage, COMMUNE, offset=1_400_000)
    assert not (await submit(linkage, COMMUNE, DEPARTMENT)).repeated


async def test_knowing_a_digest_gives_nobody_the_file(linkage: Linkage) -> None:
    """Another agency that knows the SHA-256 can neither send itself the file nor skip the upload."""
    await linkage.relay()
    await upload(linkage, COMMUNE)
    sent = await submit(linkage, COMMUNE, DEPARTMENT)
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    state = await linkage.hub.content.state(linkage.caller(OTHER), CONTENT.sha256, len(BIG))
    assert state == ContentState(offset=0, complete=False)
    assert (await refused(submit(linkage, OTHER, DEPARTMENT))).code is Code.ATTACHMENT_MISMATCH
    for agency in (OTHER, COMMUNE):  # not even the sender: it has no delivery
        assert (await refused(read(linkage, agency, sent.document.id))).code is Code.NOT_FOUND
    assert (await upload(linkage, OTHER)).complete, "who has the bytes may name them"
    await submit(linkage, OTHER, DEPARTMENT)


async def test_a_recipient_may_pass_the_file_on_without_sending_it_again(linkage: Linkage) -> None:
    await linkage.relay()
    await upload(linkage, COMMUNE)
    sent = await submit(linkage, COMMUNE, DEPARTMENT)
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    assert (await linkage.hub.content.state(linkage.caller(DEPARTMENT), CONTENT.sha256, len(BIG))).complete
    passed = await submit(linkage, DEPARTMENT, OTHER)
    await linkage.until(passed.document.id, OTHER, DeliveryState.CONSIGNED)
    assert await read(linkage, OTHER, passed.document.id) == BIG


async def test_nothing_is_read_before_it_arrived_or_by_another_documents_id(linkage: Linkage) -> None:
    await upload(linkage, COMMUNE)
    sent = await submit(linkage, COMMUNE, DEPARTMENT)
    assert (await refused(read(linkage, DEPARTMENT, sent.document.id))).code is Code.STATE_ILLEGAL
    await linkage.relay()
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    plain = await linkage.submit(COMMUNE, [DEPARTMENT], code_number="7")
    await linkage.until(plain.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    assert (await refused(read(linkage, DEPARTMENT, plain.document.id))).code is Code.NOT_FOUND


async def test_a_length_or_a_type_that_lies_is_refused(linkage: Linkage) -> None:
    await upload(linkage, COMMUNE)
    lying = replace(CONTENT, size=len(BIG) - 1)
    refusal = await refused(submit(linkage, COMMUNE, DEPARTMENT, content=lying))
    assert (refusal.code, refusal.field) == (
        Code.ATTACHMENT_MISMATCH,
        "edXMLManifest/Reference[2]/ExternalContent/@length",
    )
    program = b"\x7fELF" + os.urandom(1000)
    await upload(linkage, COMMUNE, program)
    content = ExternalContent(sha256=sha256_hex(program), size=len(program), media_type="application/pdf")
    refusal = await refused(submit(linkage, COMMUNE, DEPARTMENT, content=content))
    assert refusal.code is Code.ATTACHMENT_MISMATCH
    assert "is a program" in (refusal.detail or "")


async def test_damaged_bytes_begin_again_and_too_many_are_cut_off(linkage: Linkage) -> None:
    hub, caller = linkage.hub.content, linkage.caller(COMMUNE)
    wrong = pieces(BIG[:-1] + bytes([BIG[-1] ^ 1]))
    assert (await refused(hub.upload(caller, CONTENT.sha256, len(BIG), 0, wrong))).field == "sha256"
    assert (await hub.state(caller, CONTENT.sha256, len(BIG))).offset == 0
    refusal = await refused(hub.upload(caller, CONTENT.sha256, len(BIG), 0, pieces(BIG + b"x")))
    assert refusal.field == "chunk"
    for size, code in ((0, Code.ARGUMENT_INVALID), (1 << 60, Code.XML_TOO_LARGE)):
        assert (await refused(hub.state(caller, CONTENT.sha256, size))).code is code


async def test_an_agency_has_a_share_of_what_waits_to_be_named(linkage: Linkage) -> None:
    linkage.hub.content._limits = ContentLimits(max_pending=len(BIG) + 100)
    assert (await upload(linkage, COMMUNE, end=1000)).offset == 1000
    other = os.urandom(200)
    assert (await upload(linkage, COMMUNE, other[:50])).complete
    assert (await upload(linkage, OTHER)).complete, "another agency has its own share"
    big = os.urandom(len(BIG) + 1)
    assert (await refused(upload(linkage, COMMUNE, big))).code is Code.RATE_LIMITED
    assert (await upload(linkage, COMMUNE, offset=1000)).complete, "what was begun may be finished"


async def test_an_operators_export_holds_the_content_under_a_name_that_stays_in_its_folder(
    linkage: Linkage,
) -> None:
    await upload(linkage, COMMUNE)
    sent = await submit(linkage, COMMUNE, DEPARTMENT, name="x" * 300 + "a/b: Quy hoạch.pdf")
    files: dict[str, bytes] = {}
    async for name, chunk in linkage.hub.content.export(OPERATOR, sent.document.id):
        files[name] = files.get(name, b"") + chunk
    (name,) = files
    assert name.startswith("attachments/001-xxx")
    assert name.endswith("a_b_ Quy hoạch.pdf")
    assert (name.count("/"), files[name] == BIG) == (1, True)
    assert [n async for n, _ in linkage.hub.content.export(OPERATOR, "unknown")] == []
    refusal = await refused(anext(linkage.hub.content.export(linkage.caller(COMMUNE), sent.document.id)))
    assert refusal.code is Code.NOT_PERMITTED


async def test_what_was_abandoned_or_never_named_is_collected(linkage: Linkage) -> None:
    await upload(linkage, COMMUNE)
    await submit(linkage, COMMUNE, DEPARTMENT)
    forgotten, cut = os.urandom(1000), os.urandom(2000)
    await upload(linkage, COMMUNE, forgotten)
    await upload(linkage, COMMUNE, cut, end=1000)
    desk = linkage.hub.content
    assert await desk.collect() == (0, 0)
    clock = desk._clock
    desk._clock = lambda: clock() + timedelta(days=3650)
    assert await desk.collect() == (1, 1)
    assert await linkage.contents.size(CONTENT.sha256) == len(BIG), "a document names it"
    assert await linkage.contents.size(sha256_hex(forgotten)) is None
    assert await linkage.contents.uploaded(COMMUNE, sha256_hex(cut)) == 0


async def shown(linkage: Linkage, sent: Submission) -> list[tuple[str, bool, list[tuple[bool, bool]]]]:
    return [
        (
            file.name,
            file.external,
            [(one.intact, one.trusted) for one in (file.pdf.signatures if file.pdf else ())],
        )
        for file in await linkage.hub.content.reports(sent.document)
    ]


async def test_signatures_inside_pdfs_are_reported_and_block_only_by_policy(linkage: Linkage) -> None:
    pdf = await asyncio.to_thread(sign_pdf, plain_pdf(), linkage.world.key(COMMUNE), "Co quan")
    broken = pdf.replace(b"ReportLab", b"REPORTLAB", 1)
    for data in (pdf, broken):
        await upload(linkage, COMMUNE, data)
    good, bad = (
        ExternalContent(sha256=sha256_hex(data), size=len(data), media_type="application/pdf")
        for data in (pdf, broken)
    )
    sent = await submit(linkage, COMMUNE, DEPARTMENT, content=bad)
    assert await shown(linkage, sent) == [("cv.pdf", False, []), ("Quy hoạch.pdf", True, [(False, False)])]
    files = linkage.hub.content.files
    files._policy = PdfPolicy.INTACT
    refusal = await refused(submit(linkage, COMMUNE, DEPARTMENT, content=bad, code_number="5"))
    assert (refusal.code, refusal.rule) == (Code.RULE_VIOLATED, "pdf-signatures")
    assert (await shown(linkage, await submit(linkage, COMMUNE, DEPARTMENT, content=good, code_number="6")))[
        1
    ][2] == [(True, True)]
    files._policy = PdfPolicy.TRUSTED
    refusal = await refused(submit(linkage, COMMUNE, DEPARTMENT, content=good, code_number="7"))
    assert refusal.rule == "pdf-signatures", "cv.pdf carries no signature"
