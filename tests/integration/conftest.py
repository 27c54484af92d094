"""The linkage every tier's integration tests run on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lienthong.broker.private_node import PrivateNode
from tests.services.linkage import Linkage


@pytest.fixture
async def linkage(rabbitmq: PrivateNode, tmp_path: Path) -> AsyncIterator[Linkage]:
    async with Linkage.open([rabbitmq.amqp_url], tmp_path) as running:
        yield running
