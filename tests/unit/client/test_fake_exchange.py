"""Does the hub of the client's tests serve everything the client calls?"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor import ServiceDescriptor

import lienthong_client
from lienthong.api.v1 import (
    business_pb2,
    check_pb2,
    content_pb2,
    directory_pb2,
    exchange_pb2,
    receipts_pb2,
)
from lienthong_client import AgencyClient
from tests.fakes.exchange_business import BusinessServicer, ReceiptServicer
from tests.fakes.exchange_content import CheckServicer, ContentServicer
from tests.fakes.exchange_services import DirectoryServicer, ExchangeServicer
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
SERVICES = [
    (exchange_pb2, ExchangeServicer),
    (directory_pb2, DirectoryServicer),
    (content_pb2, ContentServicer),
    (check_pb2, CheckServicer),
    (business_pb2, BusinessServicer),
    (receipts_pb2, ReceiptServicer),
]


@pytest.mark.parametrize(("proto", "servicer"), SERVICES)
def test_every_method_of_the_protos_is_served(proto: object, servicer: type) -> None:
    (service,) = proto.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined]
    assert isinstance(service, ServiceDescriptor)
    own = vars(servicer)
    assert {method.name for method in service.methods} - set(own) == set()


def test_the_client_calls_no_other_service() -> None:
    channel = Path(lienthong_client.__file__).with_name("channel.py").read_text("utf-8")
    called = set(re.findall(r"(\w+_pb2)_grpc\.\w+Stub", channel))
    assert called == {proto.__name__.rpartition(".")[2] for proto, _ in SERVICES}


async def test_a_dry_run_is_judged(connect: Callable[[str], AgencyClient], now_world: World) -> None:
    client = connect(SENDER)
    checked = await client.check(now_world.signed(SENDER, [RECIPIENT]))
    assert (checked.acceptable, checked.signed, [r.code for r in checked.recipients]) == (
        True,
        True,
        [RECIPIENT],
    )
    forged = now_world.signed(SENDER, [RECIPIENT]).replace(b"UBND-VX", b"UBND-VY")
    checked = await client.check(forged)
    assert (checked.acceptable, [p.code for p in checked.problems]) == (False, ["SIGNATURE_INVALID"])
