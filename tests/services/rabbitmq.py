"""A real RabbitMQ for tests: one private node per test session (and per xdist worker), apart for each test.

`rabbitmq` is the running node; `broker` a `RabbitBroker` on it whose names carry a prefix of this test's own, with
short retry delays; `rabbit_brokers` makes more of them with the same prefix (other processes of one installation).
Whatever a test declared is deleted after it. TEST_AMQP_URL and TEST_AMQP_MANAGEMENT (URLs with user and password) put a
RabbitMQ of yours in the node's place: `pytest tests/contract/test_broker_rabbitmq.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from lienthong.broker import PrivateNode, RabbitBroker

RETRY_DELAYS = (0.2, 0.3)
FOREIGN = os.environ.get("TEST_AMQP_URL")
_numbers = itertools.count(1)


class ForeignNode(PrivateNode):
    """A RabbitMQ that is there already, of another version for example. Tests leave nothing on it."""

    @property
    def amqp_url(self) -> str:
        return FOREIGN or ""

    @property
    def management_url(self) -> str:
        return os.environ["TEST_AMQP_MANAGEMENT"]


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateNode]:
    """The node, on free loopback ports, up for the whole session."""
    folder = tmp_path_factory.mktemp("rabbitmq")
    if FOREIGN:
        yield ForeignNode(folder)
        return
    node = PrivateNode(folder / "node", disk_free=1_000_000)
    # A loop of its own that outlives the tests' loops: the node's processes belong to it.
    with asyncio.Runner() as runner:
        runner.run(node.start())
        try:
            yield node
        finally:
            runner.run(node.kill())
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rabbit_prefix(rabbitmq: PrivateNode) -> Iterator[str]:
    """Stands before every name this test declares, which are deleted afterwards."""
    prefix = f"t{next(_numbers)}-"
    yield prefix
    delete_names(rabbitmq, prefix)


@pytest.fixture
async def rabbit_brokers(
    rabbitmq: PrivateNode, rabbit_prefix: str
) -> AsyncIterator[Callable[..., RabbitBroker]]:
    """Makes brokers on this test's names; `urls` and every other setting may be given. All are closed at the end."""
    made: list[RabbitBroker] = []

    def make(**settings: Any) -> RabbitBroker:
        given: dict[str, Any] = {
            "urls": [rabbitmq.amqp_url],
            "retry_delays": RETRY_DELAYS,
            "prefix": rabbit_prefix,
            "dead_pause": 0.1,
        } | settings
        made.append(RabbitBroker(**given))
        return made[-1]

    yield make
    for broker in made:
        await broker.close()


@pytest.fixture
async def broker(rabbit_brokers: Callable[..., RabbitBroker]) -> RabbitBroker:
    """A broker on the real node, apart from every other test's."""
    made = rabbit_brokers()
    await made.declare([])
    return made


def delete_names(node: PrivateNode, prefix: str) -> None:
    """Delete every queue and exchange whose name begins with `prefix`."""
    with httpx.Client(base_url=node.management_url, timeout=30, trust_env=False) as client:
        for kind in ("queues", "exchanges"):
            for row in client.get(f"/api/{kind}/%2F", params={"columns": "name"}).raise_for_status().json():
                if row["name"].startswith(prefix):
                    client.delete(f"/api/{kind}/%2F/{quote(row['name'], safe='')}")


async def rabbitmqctl(node: PrivateNode, *arguments: str) -> str:
    """Run rabbitmqctl against the node; some seconds, most of them Erlang's start."""
    program = next(
        str(path)
        for path in (
            Path("/usr/lib/rabbitmq/bin/rabbitmqctl"),
            Path(shutil.which("rabbitmqctl") or "/nowhere"),
        )
        if path.exists()
    )
    process = await asyncio.create_subprocess_exec(
        program,
        "-q",
        *arguments,
        env=dict(node.environment),
        cwd=node.data_dir,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()
