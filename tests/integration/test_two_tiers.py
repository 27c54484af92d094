"""After 07/2025 there are two tiers, province and commune. That is another directory, not other code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from lienthong.broker.private_node import PrivateNode
from lienthong.domain.agency import Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import Verdict
from tests.pki.world import world
from tests.services.linkage import Linkage

COMMUNE, OTHER = "H48.31.05", "H48.33.02"


@pytest.fixture
async def two_tiers(rabbitmq: PrivateNode, tmp_path: Path) -> AsyncIterator[Linkage]:
    directory = Directory.of(
        replace(agency, parent=None if agency.tier == "province" else "H48")
        for agency in world().directory
        if agency.tier in ("province", "commune")
    )
    async with Linkage.open([rabbitmq.amqp_url], tmp_path, directory=directory) as running:
        await running.relay()
        yield running


async def test_a_commune_reaches_the_province_in_two_hops(two_tiers: Linkage) -> None:
    sent = await two_tiers.submit(COMMUNE, ["H48"])
    await two_tiers.receive("H48", sent.document.id)
    tracked = await two_tiers.tracked(COMMUNE, sent.document.id, "H48")
    assert [(hop.node, hop.verdict) for hop in tracked.hops] == [
        (COMMUNE, Verdict.PASSED),
        ("H48", Verdict.PASSED),
    ]


async def test_communes_reach_each_other_through_the_province(two_tiers: Linkage) -> None:
    sent = await two_tiers.submit(COMMUNE, [OTHER])
    await two_tiers.until(sent.document.id, OTHER, DeliveryState.CONSIGNED)
    assert await two_tiers.hops(COMMUNE, sent.document.id, OTHER) == [COMMUNE, "H48", OTHER]


async def test_a_directive_reaches_every_commune(two_tiers: Linkage) -> None:
    communes = [agency.code for agency in two_tiers.hub.directory if agency.tier == "commune"]
    sent = await two_tiers.submit("H48", communes)
    for commune in communes:
        await two_tiers.until(sent.document.id, commune, DeliveryState.CONSIGNED)
    assert len(await two_tiers.store.hops(sent.document.id)) == 1 + len(communes)
