"""CheckService keeps the contract of its .proto file, over real mutual TLS."""

from __future__ import annotations

from lienthong.api.v1 import check_pb2, check_pb2_grpc, exchange_pb2
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.check import Checked, CheckedRecipient
from lienthong.hub.inspection import Problem
from lienthong.routing.plan import Recipient
from tests.fakes.rpc import WAIT, Client, Refused, serving

DATA = b"<edXML/>" * 10


def parts(data: bytes, *, size: int | None = None) -> list[check_pb2.CheckRequest]:
    header = exchange_pb2.SubmitHeader(size=len(data) if size is None else size, sha256=sha256_hex(data))
    return [check_pb2.CheckRequest(header=header), check_pb2.CheckRequest(chunk=data)]


def check(client: Client, requests: list[check_pb2.CheckRequest]) -> object:
    stub = check_pb2_grpc.CheckServiceStub(client.channel)  # type: ignore[no-untyped-call]
    return stub.Check(iter(requests), timeout=WAIT, metadata=client.metadata)


def answer() -> Checked:
    refusal = Refusal(Code.RECIPIENT_UNKNOWN, field="MessageHeader/To[1]/OrganId", detail="H99")
    rule = Problem(
        step="rules",
        code=Code.RULE_VIOLATED,
        field="f",
        rule="amounts",
        vi="âm",
        en="negative",
        blocking=True,
    )
    return Checked(
        sha256="0" * 64,
        signed=False,
        signer=None,
        package=None,
        problems=(rule,),
        recipients=(
            CheckedRecipient(
                recipient=Recipient(written="H99", code="H99", refusal=refusal), name="", road=()
            ),
            CheckedRecipient(
                recipient=Recipient(written="000.00.00.H48", code="H48", refusal=None),
                name="UBND",
                road=("H48.31", "H48"),
            ),
        ),
        earlier=None,
    )


async def test_what_the_hub_found_arrives_whole() -> None:
    async with serving() as running, running.connect(running.peers.sender, language="vi") as client:
        running.hub.checked = answer()
        response = await check(client, parts(DATA))  # type: ignore[misc]
        assert (response.acceptable, response.signed, response.kind) == (False, False, "")
        (problem,) = response.problems
        assert (problem.step, problem.code, problem.rule, problem.field) == (
            "rules",
            "RULE_VIOLATED",
            "amounts",
            "f",
        )
        assert (problem.message_vi, problem.message_en, problem.blocking) == ("âm", "negative", True)
        unknown, served = response.recipients
        assert (unknown.error.code, unknown.error.field) == (
            "RECIPIENT_UNKNOWN",
            "MessageHeader/To[1]/OrganId",
        )
        assert (served.code, list(served.road), served.HasField("error")) == ("H48", ["H48.31", "H48"], False)


async def test_a_bad_upload_is_refused_as_for_submit() -> None:
    async with serving() as running, running.connect(running.peers.sender) as client:
        for requests, field in ((parts(DATA, size=3), "chunk"), (parts(DATA)[1:], "header")):
            refused = await Refused.by(check(client, requests))  # type: ignore[arg-type]
            assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", field)
        assert "check" not in running.hub.calls


async def test_operators_have_nothing_to_check() -> None:
    async with serving() as running, running.connect(running.peers.operator) as client:
        refused = await Refused.by(check(client, parts(DATA)))  # type: ignore[arg-type]
        assert refused.reason == "NOT_PERMITTED"
