"""Many documents over one stream: each is answered for itself, within the limits of single submissions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from lienthong.api.v1 import exchange_pb2 as pb
from lienthong.errors import Code, Refusal
from lienthong.hub.accept import Submission
from lienthong.hub.identity import Caller
from lienthong.rpc.backlog import IN_HAND, IN_HAND_BYTES
from lienthong.rpc.limits import RpcLimits
from tests.fakes.rpc import WAIT, Client, Refused, Running, serving


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


@pytest.fixture
async def sender(running: Running) -> AsyncIterator[Client]:
    async with running.connect(running.peers.sender) as client:
        yield client


def messages(tag: int, data: bytes, *, chunk: int = 200_000, **lies: Any) -> list[pb.SubmitManyRequest]:
    """One document; the first bytes travel with the header."""
    told: dict[str, Any] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} | lies
    made = [pb.SubmitManyRequest(tag=tag, header=pb.SubmitHeader(**told), chunk=data[:chunk])]
    made += [
        pb.SubmitManyRequest(tag=tag, chunk=data[at : at + chunk]) for at in range(chunk, len(data), chunk)
    ]
    return made


async def sent(client: Client, requests: Iterable[pb.SubmitManyRequest]) -> dict[int, pb.SubmitManyResponse]:
    call = client.exchange.SubmitMany(iter(list(requests)), timeout=WAIT, metadata=client.metadata)
    return {answer.tag: answer async for answer in call}


def reason(answer: pb.SubmitManyResponse) -> str:
    info = error_details_pb2.ErrorInfo()
    status = status_pb2.Status.FromString(answer.refused)
    assert any(detail.Unpack(info) for detail in status.details)
    return str(info.reason)


async def test_every_document_is_answered_by_its_tag(running: Running, sender: Client) -> None:
    packages = {tag: bytes([tag]) * 1_000 for tag in range(1, 100)}
    answers = await sent(sender, (m for tag, data in packages.items() for m in messages(tag, data)))
    assert answers.keys() == packages.keys()
    for tag, data in packages.items():
        assert running.hub.contents[answers[tag].accepted.document_id] == data


async def test_a_big_document_comes_in_chunks_between_small_ones(running: Running, sender: Client) -> None:
    big = bytes(range(256)) * 4_000
    answers = await sent(sender, [*messages(1, b"a"), *messages(2, big), *messages(3, b"b")])
    assert running.hub.contents[answers[2].accepted.document_id] == big
    assert len(running.hub.documents) == 3


async def test_a_document_is_answered_while_the_stream_is_open(sender: Client) -> None:
    call = sender.exchange.SubmitMany(timeout=WAIT, metadata=sender.metadata)
    for tag in (1, 2):
        await call.write(messages(tag, bytes([tag]))[0])
        answer = await call.read()
        assert (answer.tag, answer.accepted.repeated_submission) == (tag, False)
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


BAD = {
    "no header": [pb.SubmitManyRequest(tag=2, chunk=b"x")],
    "too large": messages(2, b"x" * 500, chunk=100, size=5_000_000),
    "too much": messages(2, b"x" * 500, chunk=100, size=120),
    "too little": messages(2, b"x" * 500, size=501),
    "damaged": messages(2, b"x" * 500, sha256="0" * 64),
    "no size": messages(2, b"x", size=0),
    "an empty chunk": [*messages(2, b"x" * 10, size=11), pb.SubmitManyRequest(tag=2)],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_refused_document_ends_nothing(
    running: Running, sender: Client, bad: list[pb.SubmitManyRequest]
) -> None:
    answers = await sent(sender, [*messages(1, b"before"), *bad, *messages(3, b"after")])
    assert reason(answers[2]) in (Code.ARGUMENT_INVALID, Code.XML_TOO_LARGE)
    assert sorted(running.hub.contents.values()) == [b"after", b"before"]
    assert {tag: a.WhichOneof("outcome") for tag, a in answers.items()} == {
        1: "accepted",
        2: "refused",
        3: "accepted",
    }


async def test_what_the_hub_refuses_is_an_answer_with_all_its_facts(
    running: Running, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def submit(*_: object) -> None:
        raise Refusal(Code.RULE_VIOLATED, field="MessageHeader/To", rule="recipient-known")

    monkeypatch.setattr(running.hub, "submit", submit)
    answers = await sent(sender, [*messages(1, b"a"), *messages(2, b"b")])
    assert [reason(answers[tag]) for tag in (1, 2)] == [Code.RULE_VIOLATED] * 2
    method = "lienthong.api.v1.ExchangeService/SubmitMany"
    assert running.counted("lienthong_rpc_refusals_total", method=method, reason="RULE_VIOLATED") == 2


async def test_our_own_fault_is_told_by_its_reference_alone(
    running: Running, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def submit(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(running.hub, "submit", submit)
    answers = await sent(sender, messages(1, b"a"))
    assert reason(answers[1]) == Code.INTERNAL
    assert b"secret" not in answers[1].refused


async def test_each_document_spends_the_clients_rate() -> None:
    limits = RpcLimits(calls_per_second=0.001, calls_burst=5)
    async with serving(limits) as running, running.connect(running.peers.sender) as client:
        answers = await sent(client, (m for tag in range(1, 9) for m in messages(tag, bytes([tag]))))
        assert len(running.hub.documents) == 4  # the call itself is the fifth
        assert {reason(a) for a in answers.values() if a.refused} == {Code.RATE_LIMITED}


async def test_a_certificate_revoked_meanwhile_sends_nothing_more(running: Running, sender: Client) -> None:
    call = sender.exchange.SubmitMany(timeout=WAIT, metadata=sender.metadata)
    await call.write(messages(1, b"a")[0])
    assert (await call.read()).WhichOneof("outcome") == "accepted"
    running.hub.revoked.add(hashlib.sha256(running.peers.sender.der).hexdigest())
    await call.write(messages(2, b"b")[0])
    assert reason(await call.read()) == Code.NOT_PERMITTED
    call.cancel()


async def test_no_more_than_so_many_are_in_hand(
    running: Running, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, most, full = 0, 0, asyncio.Event()
    submit = running.hub.submit

    async def counted(caller: Caller, data: bytes) -> Submission:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        if now == IN_HAND:
            full.set()
        await full.wait()
        await asyncio.sleep(0)
        now -= 1
        return await submit(caller, data)

    monkeypatch.setattr(running.hub, "submit", counted)
    answers = await sent(sender, (m for tag in range(3 * IN_HAND) for m in messages(tag, bytes([tag]))))
    assert (len(answers), most) == (3 * IN_HAND, IN_HAND)


async def test_no_more_than_so_many_bytes_are_in_hand(
    running: Running, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small documents pass; the hub decides nothing until the stream has brought all it may."""
    now, most, go_on = 0, 0, asyncio.Event()
    submit = running.hub.submit
    size = 1_000_000
    fit = IN_HAND_BYTES // size

    async def counted(caller: Caller, data: bytes) -> Submission:
        nonlocal now, most
        now, most = now + len(data), max(most, now + len(data))
        if now >= fit * size:
            go_on.set()
        await go_on.wait()
        now -= len(data)
        return await submit(caller, data)

    monkeypatch.setattr(running.hub, "submit", counted)
    requests = [m for tag in range(2 * fit) for m in messages(tag, bytes([tag]) * size)]
    answers = await sent(sender, [*requests, *messages(99, b"small")])
    assert {answer.WhichOneof("outcome") for answer in answers.values()} == {"accepted"}
    assert len(answers) == 2 * fit + 1
    assert fit * size <= most <= IN_HAND_BYTES


async def test_a_document_larger_than_the_room_of_a_stream_comes_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lienthong.rpc.backlog.IN_HAND_BYTES", 300_000)
    async with serving() as running, running.connect(running.peers.sender) as client:
        answers = await sent(client, [m for tag in range(3) for m in messages(tag, bytes([tag]) * 1_000_000)])
        assert sorted(len(data) for data in running.hub.contents.values()) == [1_000_000] * 3
        assert answers.keys() == {0, 1, 2}


async def test_a_silent_stream_is_closed_after_its_documents_are_answered() -> None:
    async with serving(RpcLimits(idle=0.3)) as running, running.connect(running.peers.sender) as client:
        call = client.exchange.SubmitMany(timeout=WAIT, metadata=client.metadata)
        await call.write(messages(1, b"a")[0])
        assert (await call.read()).WhichOneof("outcome") == "accepted"
        refused = await Refused.by(call.read())
        assert refused.reason == Code.UNAVAILABLE
        assert len(running.hub.documents) == 1


async def test_an_operator_has_no_backlog(running: Running) -> None:
    async with running.connect(running.peers.operator) as client:
        refused = await Refused.by(client.exchange.SubmitMany(iter(messages(1, b"a")), timeout=WAIT).read())
        assert refused.reason == Code.NOT_PERMITTED
