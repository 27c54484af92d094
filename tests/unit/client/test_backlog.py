"""Does a backlog get through one stream, every document proven, whatever the stream does?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lienthong.errors import Code, Refusal
from lienthong_client import AgencyClient
from lienthong_client.errors import Unproven, Unreachable
from lienthong_client.results import Accepted
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
Connect = Callable[[str], AgencyClient]


@pytest.fixture
def backlog(now_world: World) -> list[bytes | Path]:
    return [now_world.signed(SENDER, [RECIPIENT], code_number=str(number)) for number in range(5)]


async def answers(client: AgencyClient, backlog: list[bytes | Path]) -> dict[int, Accepted | Refusal]:
    return {place: answer async for place, answer in client.submit_many(backlog)}


async def test_each_document_gets_its_verified_acceptance(
    hub: FakeExchange, connect: Connect, backlog: list[bytes | Path], tmp_path: Path
) -> None:
    data, backlog[2] = backlog[2], tmp_path / "file"
    assert isinstance(data, bytes)
    (tmp_path / "file").write_bytes(data)
    found = await answers(connect(SENDER), backlog)
    assert sorted(found) == list(range(5))
    for place, answer in found.items():
        assert isinstance(answer, Accepted)
        assert hub.documents[answer.document_id].data == (data if place == 2 else backlog[place])


async def test_a_refused_document_is_an_answer_and_the_others_go_on(
    hub: FakeExchange, connect: Connect, backlog: list[bytes | Path], now_world: World
) -> None:
    backlog[1] = now_world.signed(RECIPIENT, [SENDER])
    found = await answers(connect(SENDER), backlog)
    refused = found[1]
    assert isinstance(refused, Refusal)
    assert refused.code is Code.CALLER_NOT_SENDER
    assert sum(isinstance(answer, Accepted) for answer in found.values()) == 4


async def test_what_a_cut_stream_lost_is_sent_again(
    hub: FakeExchange, connect: Connect, backlog: list[bytes | Path]
) -> None:
    hub.failures["SubmitMany"] = [Broken("cut")]
    hub.failures["SubmitMany.document"] = [Broken("cut")]
    found = await answers(connect(SENDER), backlog)
    assert sorted(found) == list(range(5))
    assert len(hub.documents) == 5


async def test_a_passing_refusal_is_tried_again(
    hub: FakeExchange, connect: Connect, backlog: list[bytes | Path]
) -> None:
    hub.failures["SubmitMany.document"] = [Refusal(Code.RATE_LIMITED)]
    found = await answers(connect(SENDER), backlog)
    assert sorted(found) == list(range(5))
    assert all(isinstance(answer, Accepted) for answer in found.values())


async def test_a_hub_that_lies_about_its_acceptance_is_not_believed(
    hub: FakeExchange, connect: Connect, backlog: list[bytes | Path]
) -> None:
    hub.acceptance = lambda xml: xml.replace(b"H48", b"H49")
    found = await answers(connect(SENDER), backlog)
    assert sorted(found) == list(range(5))
    assert all(isinstance(answer, Unproven) for answer in found.values())


async def test_a_hub_that_is_away_is_said_so_in_the_end(
    hub: FakeExchange, connect: Connect, backlog: list[bytes | Path]
) -> None:
    hub.failures["SubmitMany"] = [Broken("away")] * 20
    with pytest.raises(Unreachable):
        await answers(connect(SENDER), backlog)
