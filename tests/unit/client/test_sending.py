"""Does a client sign, submit and send so that the hub's word is proven, and repeat only what may be repeated?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from lienthong.domain.day import day_of
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Document, Priority
from lienthong.domain.wire import LARGE
from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import parse
from lienthong.edxml.rules import check_rules
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_record
from lienthong.signing.verify import verify_package
from lienthong.transit import records
from lienthong_client import AgencyClient, Draft, File, asking
from tests.fakes import exchange_services
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
Connect = Callable[[str], AgencyClient]


async def test_submit_gives_back_the_hubs_verified_acceptance(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    seen: list[tuple[int, int]] = []
    accepted = await connect(SENDER).submit(
        signed, on_progress=lambda done, total: seen.append((done, total))
    )
    stored = hub.documents[accepted.document_id]
    assert stored.data == signed
    assert accepted.sha256 == stored.accepted.document_sha256
    assert accepted.acceptance == stored.accepted
    assert accepted.acceptance_xml == stored.acceptance
    assert [result.code for result in accepted.recipients] == [RECIPIENT, OTHER]
    assert not accepted.repeated
    assert seen == [(len(signed), len(signed))]


async def test_the_same_bytes_again_get_the_first_answer(connect: Connect, signed: bytes) -> None:
    client = connect(SENDER)
    first = await client.submit(signed)
    again = await client.submit(signed)
    assert again.document_id == first.document_id
    assert again.repeated


async def test_one_bad_recipient_stands_in_the_answer_and_the_others_are_served(
    connect: Connect, now_world: World
) -> None:
    accepted = await connect(SENDER).submit(now_world.signed(SENDER, [RECIPIENT, "H99.99"]))
    served, refused = accepted.recipients
    assert served.state is DeliveryState.ACCEPTED
    assert refused.state is DeliveryState.REFUSED
    assert refused.error is not None
    assert refused.error.code == "RECIPIENT_UNKNOWN"


async def test_submit_is_repeated_when_the_connection_breaks(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    hub.failures["Submit"] = [Broken("once"), Broken("twice")]
    accepted = await connect(SENDER).submit(signed)
    assert accepted.document_id in hub.documents
    assert hub.calls["Submit"] == 3


async def test_a_refusal_is_raised_as_the_hub_raised_it_and_not_repeated(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    hub.failures["Submit"] = [
        Refusal(Code.DOCUMENT_CONFLICT, field="MessageHeader/DocumentId", detail="số 12")
    ]
    with pytest.raises(Refusal) as caught:
        await connect(SENDER).submit(signed)
    refusal = caught.value
    assert (refusal.code, refusal.field, refusal.detail) == (
        Code.DOCUMENT_CONFLICT,
        "MessageHeader/DocumentId",
        "số 12",
    )
    assert hub.calls["Submit"] == 1


async def test_lying_hub_acceptance_for_other_bytes_is_detected(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    other = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="7"))
    hub.acceptance = lambda xml: other.acceptance
    with pytest.raises(Refusal) as caught:
        await connect(SENDER).submit(signed)
    assert caught.value.code is Code.CHAIN_BROKEN


async def test_lying_hub_acceptance_signed_by_no_hub_is_detected(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    def forged(xml: bytes) -> bytes:
        accepted = records.read(parse(xml))
        return sign_record(records.write(accepted), now_world.node_key("H48"), at=datetime.now(UTC))

    hub.acceptance = forged
    with pytest.raises(Refusal) as caught:
        await connect(SENDER).submit(signed)
    assert caught.value.code is Code.CERTIFICATE_UNTRUSTED


async def test_sign_makes_strict_edxml_out_of_sloppy_edxml(connect: Connect, now_world: World) -> None:
    sloppy = b"\xef\xbb\xbf1212" + now_world.package(SENDER, [RECIPIENT])
    signed = connect(SENDER).sign(sloppy)
    document = verify_package(
        signed,
        trust=now_world.trust,
        bindings=now_world.bindings,
        directory=now_world.directory,
        at=datetime.now(UTC),
    )
    assert document.sender == SENDER


async def test_send_builds_a_document_that_breaks_no_rule(
    hub: FakeExchange, connect: Connect, now_world: World
) -> None:
    draft = Draft(
        to=[RECIPIENT, "000.03.33.H48"],
        subject="Mời họp giao ban",
        files=[File(name="mời họp.pdf", content=b"%PDF-1.4 hop")],
        code="12/UBND-VP",
        priority=Priority.EXPRESS,
        type="GM",
    )
    accepted = await connect(SENDER).send(draft)
    stored = hub.documents[accepted.document_id]
    package = stored.package
    assert isinstance(package, Document)
    assert package.recipient_codes == (RECIPIENT, OTHER)
    assert package.recipients[1].organ_name == "UBND xã Tịnh Bình"
    assert package.promulgation_place == "Quảng Ngãi"
    assert (package.code_number, package.code_notation) == ("12", "UBND-VP")
    assert package.document_type.type_name == "Giấy mời"
    assert package.other.priority is Priority.EXPRESS
    root = parse(stored.data)
    (file,) = read_attachments(root, Limits())
    assert (file.attachment_name, file.content) == ("mời họp.pdf", b"%PDF-1.4 hop")
    findings = check_rules(package, root, today=day_of(datetime.now(UTC)), limits=Limits())
    assert [finding for finding in findings if finding.blocking] == []


async def test_send_without_a_number_says_so_in_the_document(hub: FakeExchange, connect: Connect) -> None:
    files = [File(name="a.pdf", content=b"%PDF-1.4")]
    client = connect(SENDER)
    first = await client.send(Draft(to=[RECIPIENT], subject="a", files=files))
    second = await client.send(Draft(to=[RECIPIENT], subject="a", files=files))
    assert first.document_id != second.document_id
    notation = hub.documents[first.document_id].package.code_notation
    assert notation.startswith("CHUACAPSO-")


async def test_send_lets_the_hub_refuse_a_code_nobody_has(hub: FakeExchange, connect: Connect) -> None:
    files = [File(name="a.pdf", content=b"%PDF-1.4")]
    accepted = await connect(SENDER).send(Draft(to=[RECIPIENT, "H99"], subject="a", files=files))
    assert [result.state for result in accepted.recipients] == [DeliveryState.ACCEPTED, DeliveryState.REFUSED]
    with pytest.raises(Refusal) as caught:
        await connect(SENDER).send(Draft(to=["H99"], subject="a", files=files))
    assert caught.value.code is Code.RECIPIENT_UNKNOWN


async def test_what_the_hub_refuses_by_its_header_is_not_sent(hub: FakeExchange, connect: Connect) -> None:
    seen: list[tuple[int, int]] = []
    hub.failures["Submit"] = [Refusal(Code.XML_TOO_LARGE, field="size")]
    with pytest.raises(Refusal) as refused:
        await connect(SENDER).submit(
            bytes(LARGE + 1), on_progress=lambda done, total: seen.append((done, total))
        )
    assert (refused.value.code, refused.value.field, seen) == (Code.XML_TOO_LARGE, "size", [])


async def test_a_large_package_goes_up_when_the_hub_has_taken_its_header(
    hub: FakeExchange, connect: Connect, now_world: World
) -> None:
    signed = now_world.signed(SENDER, [RECIPIENT], files={"a.bin": bytes(LARGE)})
    accepted = await connect(SENDER).submit(signed)
    assert hub.documents[accepted.document_id].data == signed


async def test_a_hub_whose_word_is_held_back_is_sent_to_after_a_while(
    hub: FakeExchange, connect: Connect, now_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_services, "go_ahead", lambda context: None)
    monkeypatch.setattr(asking, "PATIENCE", 0.05)
    signed = now_world.signed(SENDER, [RECIPIENT], files={"a.bin": bytes(LARGE)})
    accepted = await connect(SENDER).submit(signed)
    assert hub.documents[accepted.document_id].data == signed
