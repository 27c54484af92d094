"""Do the pictures show what was measured: stacks by part, a document's way in its stages, bars that add up?"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import figures, flamegraph, parts, ways
from bench.figures import Stage
from bench.observed import WATCHED, Watch
from bench.profiling import SUBJECTS, Seen, by_part, read
from bench.suites.latency import Way
from lienthong.app import programs
from lienthong.hub.ports import Blobs, Broker, Store

LOOP = [
    "<module> (lienthong:8)",
    "run_until_complete (asyncio/base_events.py:640)",
    "_run_once (asyncio/base_events.py:9)",
]
NODES = ("a", "b", "c", "d")


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.text]


def test_a_stack_belongs_to_the_innermost_part_that_knows_a_frame() -> None:
    hub = [*LOOP, "submit (lienthong/rpc/exchange.py:1)"]
    assert parts.part_of(hub) == parts.CALLS
    assert (
        parts.part_of([*hub, "verify_package (lienthong/signing/verify.py:2)", "parse (lxml)"])
        == parts.DOCUMENT
    )
    assert (
        parts.part_of([*hub, "accept (lienthong/store/sql.py:3)", "run (sqlalchemy/x.py:4)"]) == parts.STORE
    )
    assert parts.part_of([*hub, "submit (lienthong/hub/accept.py:4)"]) == parts.REST
    assert parts.part_of(LOOP) == parts.REST


def test_parts_add_up_to_the_processor_time() -> None:
    stacks = [([*LOOP, "sign_record (lienthong/signing/sign.py:2)"], 3), (LOOP, 1)]
    bar = by_part(Seen(stacks=stacks, ms=5.0, kernel=1.0))
    assert bar == {parts.SIGNING: 3.0, parts.REST: 1.0, parts.KERNEL: 1.0}
    assert set(parts.COLOURS) >= set(bar)
    assert f"{parts.SIGNING}: 3.00 ms, 60%" in texts(figures.stacked("x", {"hub": bar}, parts.COLOURS))


def test_a_flamegraph_begins_where_the_work_begins(tmp_path: Path) -> None:
    file = tmp_path / "stacks.txt"
    file.write_text(
        ";".join([*LOOP, "work (lienthong/hub/relay.py:7)", "work (lienthong/hub/relay.py:9)"]) + " 8\n"
    )
    shown = texts(flamegraph.draw(read(file), "Relay"))
    assert "Relay: 8 samples" in shown
    assert "work (lienthong/hub/relay.py) 100.0%" in shown
    assert not any("base_events" in text for text in shown)


def noted() -> list[dict[str, object]]:
    """What hub and relay note of a document whose every stage takes a second."""
    lines: list[dict[str, object]] = [
        {"what": "put", "sha256": "f", "began": 1.0, "ended": 2.0},
        {"what": "accept", "sha256": "f", "document": "d", "began": 2.0, "ended": 3.0},
    ]
    for number, node in enumerate(NODES):
        at = 4.0 + 3 * number
        lines.append({"what": "record_hop", "document": "d", "node": node, "began": at + 1, "ended": at + 2})
        lines.append({"what": "handle", "document": "d", "node": node, "began": at, "ended": at + 3})
    return lines


def test_a_way_is_seen_stage_by_stage(tmp_path: Path) -> None:
    file = tmp_path / "noted.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in noted()))
    way = Way(document_id="d", began=0.0, accepted=3.5, told=16.0)
    steps = ways.of_document(way, ways.read(file)["d"])
    assert [step.seconds for step in steps] == [1.0] * 16
    assert sum(step.seconds for step in steps) == way.told - way.began
    assert {step.kind for step in steps} == set(ways.COLOURS)


def test_bytes_that_lie_in_the_store_are_no_stage_of_their_own() -> None:
    steps = ways.of_document(Way(document_id="d", began=0.0, accepted=3.5, told=16.0), noted()[1:])
    assert sum(step.seconds for step in steps) == 16.0
    assert not any(step.name.startswith("bytes kept") for step in steps)


def test_a_way_that_was_not_seen_whole_is_left_out() -> None:
    way = Way(document_id="d", began=0.0, accepted=3.5, told=16.0)
    assert ways.of_document(way, noted()[:-1]) == []


def test_the_bare_pipeline_has_two_stages_a_hop() -> None:
    hops = {number: {"taken": 2.0 * number - 1, "verified": 2.0 * number} for number in (1, 2, 3, 4)}
    steps = ways.of_bare(0.0, hops, 9.0)
    assert [step.seconds for step in steps] == [1.0] * 9


def test_a_stage_is_the_median_of_all_documents() -> None:
    seen = [[ways.Step("x", ways.PROOF, seconds)] for seconds in (0.001, 0.002, 0.9)]
    assert ways.stages(seen) == [Stage("x", ways.PROOF, 2.0)]


@pytest.mark.parametrize(("owner", "method"), WATCHED)
def test_the_watched_ports_have_these_methods(owner: str, method: str) -> None:
    port = {"store": Store, "blobs": Blobs, "broker": Broker}[owner]
    assert callable(getattr(port, method))


async def test_a_watched_call_answers_as_it_did_and_is_noted(tmp_path: Path) -> None:
    class Kept:
        async def put(self, sha256: str, data: bytes) -> int:
            return len(data)

    file = tmp_path / "noted.jsonl"
    watch, port = Watch(file), Kept()
    watch.port("blobs", port)
    assert await port.put("ab", b"123") == 3
    watch.close()
    (line,) = [json.loads(text) for text in file.read_text().splitlines()]
    assert (line["what"], line["sha256"]) == ("put", "ab")
    assert line["began"] <= line["ended"]


def test_programs_are_opened_where_the_watch_expects_it() -> None:
    assert callable(programs._open)
    assert set(SUBJECTS) == {"hub", "hub-1mb", "relay", "relay-directive"}
