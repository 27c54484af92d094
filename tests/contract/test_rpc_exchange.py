"""ExchangeService and DirectoryService keep the contract of their .proto files, over real mutual TLS."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import pytest

from lienthong.api.v1 import directory_pb2, exchange_pb2
from lienthong.domain.ids import sha256_hex
from lienthong.domain.wire import GO_AHEAD
from lienthong.errors import CATALOGUE, Code, HubFault, Refusal
from lienthong.rpc.limits import FETCH_CHUNK, MIB, RpcLimits
from tests.fakes.hub import RECIPIENT
from tests.fakes.hub_rows import SENDER
from tests.fakes.rpc import WAIT, Client, Refused, Running, chunk_of, header, serving, upload

PACKAGE = bytes(range(256)) * 4_000  # 1,024,000 bytes


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


@pytest.fixture
async def sender(running: Running) -> AsyncIterator[Client]:
    async with running.connect(running.peers.sender, language="vi-VN,vi;q=0.9,en;q=0.5") as client:
        yield client


@pytest.fixture
async def recipient(running: Running) -> AsyncIterator[Client]:
    async with running.connect(running.peers.recipient) as client:
        yield client


async def refused_upload(client: Client, requests: Iterable[Any]) -> Refused:
    return await Refused.by(client.exchange.Submit(iter(requests), timeout=WAIT, metadata=client.metadata))


# --- submit ---------------------------------------------------------------------------------------------


async def test_submit_takes_a_package_in_chunks(running: Running, sender: Client) -> None:
    running.hub.recipients = ["000.00.02.H48", "H99.99"]
    answer = await sender.submit(PACKAGE)
    assert answer.sha256 == hashlib.sha256(PACKAGE).hexdigest()
    assert running.hub.contents[answer.document_id] == PACKAGE
    assert running.hub.documents[answer.document_id].sender == SENDER
    assert answer.submission_acceptance == b"<SubmissionAcceptance/>"
    assert not answer.repeated_submission
    served, unknown = answer.recipients
    assert (served.code, served.state, served.HasField("error")) == (RECIPIENT, "CONSIGNED", False)
    assert served.delivery_id in running.hub.deliveries
    assert (unknown.code, unknown.state, unknown.error.code) == ("H99.99", "REFUSED", "RECIPIENT_UNKNOWN")
    assert unknown.error.message.startswith(CATALOGUE[Code.RECIPIENT_UNKNOWN].vi)


async def test_submit_again_gets_the_same_answer(sender: Client) -> None:
    first, second = await sender.submit(PACKAGE), await sender.submit(PACKAGE, chunk=MIB)
    assert second.repeated_submission
    assert (first.document_id, list(first.recipients)) == (second.document_id, list(second.recipients))


async def test_submit_over_the_limit_is_refused_before_its_bytes_are_read(running: Running) -> None:
    async with running.connect(running.peers.sender) as client:
        call = client.exchange.Submit(timeout=WAIT)
        await call.write(header(b"", size=running.hub.max_package + 1, sha256="0" * 64))
        refused = await Refused.by(call)  # although the upload is still open
    assert (refused.reason, refused.field) == ("XML_TOO_LARGE", "size")
    assert running.hub.calls == ["identify"]


async def test_a_large_uploads_header_is_answered_before_its_bytes_come(running: Running) -> None:
    big = bytes(3 * MIB)
    async with running.connect(running.peers.sender) as client:
        call = client.exchange.Submit(timeout=WAIT)
        await call.write(header(big))
        assert GO_AHEAD in [tuple(item) for item in await call.initial_metadata()]
        for start in range(0, len(big), MIB):
            await call.write(chunk_of(big[start : start + MIB]))
        await call.done_writing()
        assert (await call).sha256 == sha256_hex(big)


async def test_a_header_that_is_refused_gets_no_go_ahead(running: Running) -> None:
    async with running.connect(running.peers.sender) as client:
        call = client.exchange.Submit(timeout=WAIT)
        await call.write(header(b"", size=2 * MIB, sha256="zz"))
        assert GO_AHEAD not in [tuple(item) for item in await call.initial_metadata()]
        assert (await Refused.by(call)).field == "sha256"


DATA = b"<edXML/>" * 10
BAD_UPLOADS = {
    "nothing": ([], "header"),
    "chunk first": ([chunk_of(DATA)], "header"),
    "second header": ([header(DATA), header(DATA)], "chunk"),
    "empty part": ([header(DATA), exchange_pb2.SubmitRequest()], "chunk"),
    "empty chunk": ([header(DATA), chunk_of(b"")], "chunk"),
    "no size": ([header(DATA, size=0)], "size"),
    "no digest": ([header(DATA, sha256="")], "sha256"),
    "digest in upper case": ([header(DATA, sha256="A" * 64)], "sha256"),
    "damaged": ([header(DATA), chunk_of(DATA[:-1] + b"?")], "sha256"),
    "too few": ([header(DATA), chunk_of(DATA[:-1])], "size"),
    "too many": ([header(DATA), chunk_of(DATA), chunk_of(b"x")], "chunk"),
    "oversize chunk": ([header(DATA, size=2 * MIB), chunk_of(bytes(MIB + 1))], "chunk"),
}


@pytest.mark.parametrize(("requests", "field"), BAD_UPLOADS.values(), ids=BAD_UPLOADS)
async def test_submit_refuses_a_bad_upload(
    running: Running, sender: Client, requests: list[Any], field: str
) -> None:
    refused = await refused_upload(sender, requests)
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", field)
    assert "submit" not in running.hub.calls


async def test_a_message_over_the_limit_never_reaches_the_service(running: Running, sender: Client) -> None:
    big = bytes(3 * MIB)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sender.exchange.Submit(iter([header(big), chunk_of(big)]), timeout=WAIT)
    assert caught.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
    assert "submit" not in running.hub.calls


# --- refusals -------------------------------------------------------------------------------------------


async def test_a_refusal_arrives_with_all_its_details(running: Running, sender: Client) -> None:
    refusal = Refusal(Code.RULE_VIOLATED, field="MessageHeader/To[2]/OrganId", detail="quy tắc R012")
    running.hub.fails["submit"] = refusal
    refused = await refused_upload(sender, upload(DATA))
    entry = CATALOGUE[Code.RULE_VIOLATED]
    assert refused.grpc is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.status.message == refusal.message("en")
    assert dict(refused.info.metadata) == {
        "field": "MessageHeader/To[2]/OrganId",
        "detail": "quy tắc R012",
        "retryable": "false",
        "message_vi": refusal.message("vi"),
        "message_en": refusal.message("en"),
        "remedy_vi": entry.remedy_vi,
        "remedy_en": entry.remedy_en,
    }
    assert (refused.localized.locale, refused.localized.message) == ("vi", refusal.message("vi"))
    (violation,) = refused.bad_request.field_violations
    assert (violation.field, violation.description) == ("MessageHeader/To[2]/OrganId", "quy tắc R012")
    assert violation.reason == "RULE_VIOLATED"
    assert refused.retry is None


@pytest.mark.parametrize("code", list(Code))
async def test_every_code_of_the_catalogue_arrives(running: Running, sender: Client, code: Code) -> None:
    running.hub.fails["track"] = Refusal(code)
    refused = await Refused.by(sender.exchange.Track(exchange_pb2.TrackRequest(document="d"), timeout=WAIT))
    assert refused.reason == code
    assert refused.grpc.name == CATALOGUE[code].grpc_status
    assert (refused.retry is not None) == CATALOGUE[code].retryable
    assert refused.bad_request is None
    await running.server.stop(WAIT)  # a call is counted when it has ended, a moment after its answer
    assert running.counted("lienthong_rpc_refusals_total", method=TRACK, reason=code) == 1


async def test_the_longest_facts_still_arrive(running: Running, sender: Client) -> None:
    running.hub.fails["track"] = Refusal(
        Code.UNAVAILABLE, field="Đ/" * 4_000, detail="không hợp lệ: ưỡ" * 4_000
    )
    refused = await Refused.by(sender.exchange.Track(exchange_pb2.TrackRequest(document="d"), timeout=WAIT))
    assert refused.field.endswith("…")
    assert refused.info.metadata["detail"].startswith("không hợp lệ")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (HubFault("connection to db.internal:5432 lost"), "UNAVAILABLE", grpc.StatusCode.UNAVAILABLE),
        (RuntimeError("SELECT * FROM secrets"), "INTERNAL", grpc.StatusCode.INTERNAL),
        (TimeoutError("pool db.internal"), "INTERNAL", grpc.StatusCode.INTERNAL),
    ],
)
async def test_internals_never_leave_and_the_log_has_the_reference(
    running: Running,
    sender: Client,
    error: Exception,
    code: str,
    status: grpc.StatusCode,
    capsys: pytest.CaptureFixture[str],
) -> None:
    running.hub.fails["track"] = error
    refused = await Refused.by(sender.exchange.Track(exchange_pb2.TrackRequest(document="d"), timeout=WAIT))
    assert (refused.reason, refused.grpc) == (code, status)
    told = str(refused.status)
    assert "db.internal" not in told
    assert "SELECT" not in told
    reference = refused.info.metadata["reference"]
    assert reference == refused.request_id
    assert reference in refused.status.message
    assert refused.retry is not None
    written = capsys.readouterr()
    assert reference in written.out + written.err
    assert str(error) in written.out + written.err


TRACK = "lienthong.api.v1.ExchangeService/Track"


async def test_bytes_that_are_no_message_are_refused_like_any_other_request(
    running: Running, sender: Client
) -> None:
    raw: Any = sender.channel.unary_unary(f"/{TRACK}")
    refused = await Refused.by(raw(b"\xff\xff\xff", timeout=WAIT))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", "request")
    stream: Any = sender.channel.stream_unary("/lienthong.api.v1.ExchangeService/Submit")
    refused = await Refused.by(stream(iter([b"\xff\xff\xff"]), timeout=WAIT))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", "request")


async def test_calls_are_counted_by_method_and_outcome(running: Running, sender: Client) -> None:
    document = (await sender.submit(DATA)).document_id
    await sender.exchange.Track(exchange_pb2.TrackRequest(document=document), timeout=WAIT)
    await Refused.by(sender.exchange.Track(exchange_pb2.TrackRequest(document="x"), timeout=WAIT))
    await running.server.stop(WAIT)
    assert running.counted("lienthong_rpc_calls_total", method=TRACK, code="OK") == 1
    assert running.counted("lienthong_rpc_calls_total", method=TRACK, code="NOT_FOUND") == 1
    assert running.counted("lienthong_rpc_seconds_count", method=TRACK) == 2
    assert running.counted("lienthong_rpc_running", method=TRACK) == 0
    assert running.counted("lienthong_rpc_received_bytes_total") == len(DATA)


# --- inbox, fetch, acknowledge --------------------------------------------------------------------------


async def test_inbox_comes_in_pages(running: Running, recipient: Client) -> None:
    ids = [running.hub.put(bytes([n])).document.id for n in range(5)]
    seen: list[str] = []
    sizes: list[int] = []
    token = ""
    while not sizes or token:
        request = exchange_pb2.ListInboxRequest(page_size=2, page_token=token)
        page = await recipient.exchange.ListInbox(request, timeout=WAIT)
        seen += [item.document.document_id for item in page.items]
        sizes.append(len(page.items))
        token = page.next_page_token
    assert (seen, sizes) == (ids, [2, 2, 1])
    item = (await recipient.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT)).items[0]
    assert item.document.sender_name == "Ủy ban nhân dân xã Bình Hải"
    assert item.document.lane == "express"
    assert item.consigned_at.seconds - item.document.accepted_at.seconds == 60


async def test_watch_gives_what_waits_and_what_comes(running: Running, recipient: Client) -> None:
    before = running.hub.put(b"before").document.id
    watch = recipient.exchange.WatchInbox(exchange_pb2.WatchInboxRequest(), timeout=WAIT)
    assert (await watch.read()).item.document.document_id == before
    after = running.hub.put(b"after").document.id
    await running.hub.tell_watchers()
    assert (await watch.read()).item.document.document_id == after
    watch.cancel()
    async with asyncio.timeout(WAIT):
        await running.hub.until_watching(0)  # the hub's subscription ends with the client


async def test_watch_only_new_leaves_out_what_waits(running: Running, recipient: Client) -> None:
    running.hub.put(b"before")
    watch = recipient.exchange.WatchInbox(exchange_pb2.WatchInboxRequest(only_new=True), timeout=WAIT)
    async with asyncio.timeout(WAIT):
        await running.hub.until_watching(1)
    after = running.hub.put(b"after").document.id
    await running.hub.tell_watchers()
    assert (await watch.read()).item.document.document_id == after


@pytest.mark.parametrize("offset", [0, 1, 700_000, len(PACKAGE) - 1, len(PACKAGE)])
async def test_fetch_gives_the_exact_bytes_from_any_offset(
    running: Running, recipient: Client, offset: int
) -> None:
    submission = running.hub.put(PACKAGE)
    delivery = submission.deliveries[0].id
    call = recipient.exchange.Fetch(
        exchange_pb2.FetchRequest(delivery_id=delivery, offset=offset), timeout=WAIT
    )
    first, *rest = [message async for message in call]
    assert first.header.delivery_id == delivery
    assert first.header.document.sha256 == submission.document.sha256
    assert first.header.document.size == len(PACKAGE)
    assert b"".join(message.chunk for message in rest) == PACKAGE[offset:]
    assert all(0 < len(message.chunk) <= FETCH_CHUNK for message in rest)


async def test_fetch_beyond_the_end_is_refused(running: Running, recipient: Client) -> None:
    delivery = running.hub.put(PACKAGE).deliveries[0].id
    for offset in (len(PACKAGE) + 1, 2**64 - 1):
        request = exchange_pb2.FetchRequest(delivery_id=delivery, offset=offset)
        refused = await Refused.by(recipient.exchange.Fetch(request, timeout=WAIT).read())
        assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", "offset")


async def test_acknowledge_ends_a_delivery(running: Running, recipient: Client) -> None:
    delivery = running.hub.put(PACKAGE).deliveries[0].id
    request = exchange_pb2.AcknowledgeRequest(delivery_id=delivery, content_handover=b"<ContentHandover/>")
    answer = await recipient.exchange.Acknowledge(request, timeout=WAIT)
    assert (answer.delivery_id, answer.state) == (delivery, "HANDED_OVER")
    assert answer.HasField("handed_over_at")
    assert running.hub.acknowledged[delivery] == b"<ContentHandover/>"


@pytest.mark.parametrize("evidence", [b"", bytes(300_000)])
async def test_acknowledge_needs_evidence_of_sensible_size(
    running: Running, recipient: Client, evidence: bytes
) -> None:
    request = exchange_pb2.AcknowledgeRequest(delivery_id="x", content_handover=evidence)
    refused = await Refused.by(recipient.exchange.Acknowledge(request, timeout=WAIT))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", "content_handover")
    assert "acknowledge" not in running.hub.calls


# --- track, evidence, directory -------------------------------------------------------------------------


async def test_track_names_every_hop_in_order(running: Running, sender: Client) -> None:
    running.hub.recipients = [RECIPIENT, "H99"]
    document = running.hub.put(PACKAGE).document
    answers = [
        await sender.exchange.Track(exchange_pb2.TrackRequest(document=reference), timeout=WAIT)
        for reference in (document.id, document.sha256, document.edxml_document_id)
    ]
    assert {answer.document.document_id for answer in answers} == {document.id}
    answer = answers[0]
    arrived, refused = answer.deliveries
    assert [(hop.node, hop.tier, hop.sequence, hop.verdict) for hop in arrived.hops] == [
        (SENDER, "commune", 1, "PASSED"),
        ("H48.31", "district", 2, "PASSED"),
        ("H48", "province", 3, "PASSED"),
        (RECIPIENT, "department", 4, "PASSED"),
    ]
    assert arrived.hops[1].node_name == "Ủy ban nhân dân huyện Bình Sơn"
    assert arrived.recipient_name == "Sở Nội vụ"
    assert (refused.recipient, refused.state, refused.error.code) == ("H99", "REFUSED", "RECIPIENT_UNKNOWN")
    assert refused.recipient_name == ""
    assert not refused.HasField("consigned_at")


async def test_evidence_is_handed_out_as_signed(running: Running, sender: Client) -> None:
    document = running.hub.put(PACKAGE).document
    answer = await sender.exchange.GetEvidence(
        exchange_pb2.GetEvidenceRequest(document=document.id), timeout=WAIT
    )
    assert answer.document_id == document.id
    assert [(item.kind, item.recipient, item.node) for item in answer.evidence] == [
        ("SubmissionAcceptance", "", ""),
        ("RelayAcceptance", "", SENDER),
        ("ContentConsignment", RECIPIENT, ""),
    ]
    assert answer.evidence[0].xml == b"<SubmissionAcceptance/>"


async def test_agencies_are_found_by_any_code_and_by_name(running: Running, recipient: Client) -> None:
    found = await recipient.directory.GetAgency(
        directory_pb2.GetAgencyRequest(code="000.00.02.H48"), timeout=WAIT
    )
    assert (found.agency.code, found.agency.parent, list(found.agency.aliases)) == (
        RECIPIENT,
        "H48",
        ["000.00.02.H48"],
    )
    request = directory_pb2.SearchAgenciesRequest(text="ủy ban", limit=2)
    listed = await recipient.directory.SearchAgencies(request, timeout=WAIT)
    assert [agency.tier for agency in listed.agencies] == ["province", "district"]
    refused = await Refused.by(
        recipient.directory.GetAgency(directory_pb2.GetAgencyRequest(code="X"), timeout=WAIT)
    )
    assert refused.reason == "NOT_FOUND"


NONSENSE = {
    "no document": ("exchange", "Track", exchange_pb2.TrackRequest(), "document"),
    "only spaces": ("exchange", "Track", exchange_pb2.TrackRequest(document="  "), "document"),
    "NUL": ("exchange", "Track", exchange_pb2.TrackRequest(document="a\0b"), "document"),
    "endless": ("exchange", "GetEvidence", exchange_pb2.GetEvidenceRequest(document="x" * 501), "document"),
    "page token": ("exchange", "ListInbox", exchange_pb2.ListInboxRequest(page_token="a\nb"), "page_token"),
    "no code": ("directory", "GetAgency", directory_pb2.GetAgencyRequest(), "code"),
    "no text": ("directory", "SearchAgencies", directory_pb2.SearchAgenciesRequest(), "text"),
}


@pytest.mark.parametrize(("service", "method", "request_", "field"), NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_refused_by_field(
    sender: Client, service: str, method: str, request_: Any, field: str
) -> None:
    refused = await Refused.by(getattr(getattr(sender, service), method)(request_, timeout=WAIT))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", field)


# --- time and load --------------------------------------------------------------------------------------


async def test_a_handler_stops_at_the_deadline_of_its_client(running: Running, sender: Client) -> None:
    running.hub.gate = asyncio.Event()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sender.exchange.Submit(upload(DATA), timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    async with asyncio.timeout(WAIT):
        await running.hub.cancelled.wait()
    assert not running.hub.documents


async def test_a_handler_stops_when_its_client_leaves(running: Running, sender: Client) -> None:
    running.hub.gate = asyncio.Event()
    call = sender.exchange.Submit(upload(DATA))
    async with asyncio.timeout(WAIT):
        await running.hub.entered.wait()
        call.cancel()
        await running.hub.cancelled.wait()
    assert not running.hub.documents


async def test_a_silent_upload_is_cut() -> None:
    async with serving(RpcLimits(idle=0.2)) as running, running.connect(running.peers.sender) as client:
        call = client.exchange.Submit(timeout=WAIT)
        await call.write(header(DATA))
        await call.write(chunk_of(DATA[:3]))
        refused = await Refused.by(call)
        assert (refused.reason, refused.grpc) == ("UNAVAILABLE", grpc.StatusCode.UNAVAILABLE)
        assert "nothing came" in refused.info.metadata["detail"]
        await client.submit(DATA)  # the connection is as good as before


async def test_an_upload_below_the_minimum_speed_is_cut() -> None:
    limits = RpcLimits(idle=0.3, upload_rate=1_000_000_000)
    async with serving(limits) as running, running.connect(running.peers.sender) as client:
        call = client.exchange.Submit(timeout=WAIT)
        await call.write(header(DATA))

        async def drip() -> None:
            for _ in range(len(DATA) - 1):
                await call.write(chunk_of(b"x"))
                await asyncio.sleep(0.1)  # the attack itself: always a byte just before the idle limit

        dripping = asyncio.ensure_future(drip())
        refused = await Refused.by(call)
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        assert refused.info.metadata["detail"] == "the upload is too slow"


async def test_uploads_share_a_bounded_memory_and_leavers_give_it_back() -> None:
    limits = RpcLimits(upload_memory=1_000, upload_wait=1.0)
    async with serving(limits, max_package=1_000) as running, running.connect(running.peers.sender) as client:
        large = bytes(900)
        first = client.exchange.Submit(timeout=WAIT)
        await first.write(header(large))
        await first.write(chunk_of(large[:10]))
        async with running.connect(running.peers.recipient) as other:
            refused = await Refused.by(other.submit(large))
            assert (refused.reason, refused.grpc) == ("RATE_LIMITED", grpc.StatusCode.RESOURCE_EXHAUSTED)
            assert refused.retry.retry_delay.ToMilliseconds() == 1_000
            assert (await other.submit(bytes(50))).document_id  # what fits is taken
            first.cancel()
            assert (await other.submit(large)).document_id


async def test_a_caller_over_its_rate_is_told_when_to_come_back() -> None:
    limits = RpcLimits(calls_burst=3, calls_per_second=0.5)
    async with serving(limits) as running, running.connect(running.peers.sender) as client:
        for _ in range(3):
            await client.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT)
        refused = await Refused.by(client.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT))
        assert (refused.reason, refused.grpc) == ("RATE_LIMITED", grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert 0 < refused.retry.retry_delay.ToMilliseconds() <= 2_000
        async with running.connect(running.peers.recipient) as other:  # nobody else is held up
            await other.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT)


async def test_a_reader_that_takes_nothing_is_cut() -> None:
    async with serving(RpcLimits(idle=0.3), max_package=40_000_000) as running:
        running.hub.piece = FETCH_CHUNK
        delivery = running.hub.put(bytes(40_000_000)).deliveries[0].id
        async with running.connect(running.peers.recipient) as client:
            call = client.exchange.Fetch(exchange_pb2.FetchRequest(delivery_id=delivery), timeout=WAIT)
            await call.read()  # and then nothing more
            async with asyncio.timeout(WAIT / 2):  # long before the client's own deadline
                await running.hub.fetch_closed.wait()  # the blob is no longer held open
            call.cancel()
            delivery = running.hub.put(b"small").deliveries[0].id
            again = client.exchange.Fetch(exchange_pb2.FetchRequest(delivery_id=delivery), timeout=WAIT)
            assert [message.chunk async for message in again if message.chunk] == [b"small"]
