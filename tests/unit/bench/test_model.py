"""Does the model of a province and the nation do its arithmetic, and say where its figures come from?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.model import DEMANDS, YEAR, Costs, Demand, measured, need, table

COSTS = Costs(accept_ms=6, hop_ms=6, hand_over_ms=0, broker_ms=6, store_bytes=1_000, blob_bytes=0)
#: a package a second at the peak, to one recipient, over four nodes, without replies
ONE = Demand(
    name="one", agencies=100, documents=YEAR / 50, recipients=1, statuses=0, size=0, peak=50, shared=2, hops=4
)


def test_a_package_a_second() -> None:
    answer = need(ONE, COSTS)
    assert (answer.peak_packages, answer.peak_hops) == pytest.approx((1, 4))
    assert answer.hub_cores == pytest.approx(0.01)
    assert answer.relay_cores == pytest.approx(0.04)
    assert answer.fsyncs == pytest.approx(3 + 4 * 2)
    assert answer.disk == pytest.approx(YEAR / 50 * 1_000)
    assert (answer.hubs, answer.relays, answer.queues) == (2, 2, 200)


def test_more_recipients_share_the_beginning_of_the_way_and_reply() -> None:
    answer = need(replace(ONE, recipients=3, statuses=1), COSTS)
    assert answer.peak_packages == pytest.approx(1 + 3)
    assert answer.peak_hops == pytest.approx(2 + 2 * 3 + 3 * 4)


def test_slower_code_needs_more() -> None:
    for demand in DEMANDS:
        now, slower = need(demand, COSTS), need(demand, replace(COSTS, hop_ms=12, accept_ms=12))
        assert slower.relay_cores == pytest.approx(2 * now.relay_cores)
        assert slower.hub_cores > now.hub_cores
        assert slower.hubs >= now.hubs


def test_the_nation_breaks_at_its_queues_first() -> None:
    assert "quorum queues" in need(DEMANDS[-1], Costs()).first_to_break
    assert table(Costs()).row_count > 5


def results(folder: Path, name: str, at: str, measures: dict[str, float], **settings: Any) -> None:
    told = {key: {"median": value} for key, value in measures.items()}
    content = {"at": at, "measures": told, "settings": settings}
    (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")


def test_costs_are_the_newest_measured_ones_unless_given(tmp_path: Path) -> None:
    results(tmp_path, "b-old", "2026-11-01", {"accept.10KB.hub-time": 9.0, "hops.relay-time": 8.0})
    results(tmp_path, "a-new", "2026-11-02", {"accept.10KB.hub-time": 4.0})
    results(tmp_path, "scale", "2026-11-03", {"scale.nodes.memory.broker": 350.0}, **{"scale.nodes": 1000})
    costs, origin = measured(tmp_path, hop_ms=None, broker_ms=1.5)
    assert (costs.accept_ms, costs.hand_over_ms, costs.hop_ms, costs.broker_ms) == (4.0, 2.0, 8.0, 1.5)
    assert costs.node_mib == pytest.approx(0.2)
    assert origin["accept_ms"] == "a-new.json (accept.10KB.hub-time)"
    assert (origin["broker_ms"], origin["store_bytes"]) == ("given", "default")
