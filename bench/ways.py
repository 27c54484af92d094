"""What does a document wait for on its way? Stage by stage through the four tiers, and through the bare pipeline.

At the low rate of the suite `latency`, one document after another; the programs run under `bench.observed`. A stage is
the median over the documents. Stages follow one another: what runs beside the way (confirms, receipts) is not in it.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import documents
from bench.documents import KB10
from bench.figures import Stage
from bench.load import Senders
from bench.machine import COMMUNE, DEPARTMENT, Machine
from bench.pipeline import Pipeline
from bench.suites.hops import HOPS
from bench.suites.latency import WARM_UP, Way, paced, send_and_wait

RATE = 6.0  # documents per second
TURNS = 4
PROOF, COMMIT, BROKER, CALL = "proof and signature", "commit and sync", "broker", "call"
COLOURS = {CALL: "#8e7cc3", PROOF: "#d9822b", COMMIT: "#c0504d", BROKER: "#4f81bd"}
Marks = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of one document."""

    name: str
    kind: str
    seconds: float


async def measure(folder: Path, *, number: int) -> dict[str, list[Stage]]:
    """Medians of every stage for `number` documents, by the name of the way; the two sides take turns."""
    notes = folder / "bare.jsonl"
    went: list[Way] = []
    async with Machine(folder / "observed", observe=True) as machine, Senders(machine.state) as senders:
        await machine.start_relays()
        certificate = machine.state / "agencies" / COMMUNE / "signing.pem"
        async with Pipeline(machine.node.amqp_url, certificate, hops=HOPS, notes=notes) as pipeline:
            for _ in range(TURNS):
                each = number // TURNS + WARM_UP
                made = documents.make(machine.state, COMMUNE, [DEPARTMENT], size=KB10, number=each)
                went += (await send_and_wait(machine, senders, made, RATE))[WARM_UP:]
                before = len(pipeline.arrived)
                await paced([partial(pipeline.publish, document.data) for document in made], RATE)
                await pipeline.until(before + each)
            came = dict(pipeline.came)
        await machine.stop_programs()  # what they noted is in the file now
        marks = await asyncio.to_thread(read, machine.noted)
    ours = [steps for way in went if (steps := of_document(way, marks[way.document_id]))]
    bare = await asyncio.to_thread(_bare, came, notes)
    return {"Lienthong, sender to inbox": stages(ours), "bare pipeline": stages(bare)}


def _bare(came: Mapping[str, float], notes: Path) -> list[list[Step]]:
    hops: defaultdict[str, dict[int, Any]] = defaultdict(dict)
    for line in _lines(notes):
        hops[line["started"]][line["hop"]] = line
    return [of_bare(float(started), hops[started], ended) for started, ended in came.items()]


def read(file: Path) -> Mapping[str, list[dict[str, Any]]]:
    """What the programs noted, by document."""
    lines = _lines(file)
    by_sha256 = {line["sha256"]: line["document"] for line in lines if line["what"] == "accept"}
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        document = line.get("document") or by_sha256.get(line.get("sha256"))
        if document is not None:
            found[document].append(line)
    return found


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def of_document(way: Way, marks: Marks) -> list[Step]:
    """Its stages in order; empty when something of it was not seen, or it went another way."""
    accepted = next((mark for mark in marks if mark["what"] == "accept"), None)
    kept = next((mark for mark in marks if mark["what"] == "put"), None)
    taken = sorted((mark for mark in marks if mark["what"] == "handle"), key=lambda mark: mark["began"])
    recorded = {mark["node"]: mark for mark in marks if mark["what"] == "record_hop"}
    if accepted is None or len(taken) != HOPS or any(mark["node"] not in recorded for mark in taken):
        return []
    before = accepted if kept is None else kept
    steps = [Step("upload, proof, receipt signed", CALL, before["began"] - way.began)]
    if kept is not None:
        steps.append(Step("bytes kept, synced", COMMIT, kept["ended"] - kept["began"]))
    steps.append(
        Step(
            "accepted, committed", COMMIT, accepted["ended"] - (kept or {"ended": accepted["began"]})["ended"]
        )
    )
    left = accepted["ended"]
    for number, mark in enumerate(taken, 1):
        hop = recorded[mark["node"]]
        steps.append(Step(f"to node {number}", BROKER, mark["began"] - left))
        steps.append(
            Step(
                f"node {number}: document and chain proved, record signed",
                PROOF,
                hop["began"] - mark["began"],
            )
        )
        steps.append(Step(f"node {number}: hop committed", COMMIT, hop["ended"] - hop["began"]))
        left = hop["ended"]
    return [*steps, Step("recipient told", CALL, way.told - left)]


def of_bare(started: float, hops: Mapping[int, Mapping[str, float]], ended: float) -> list[Step]:
    """The stages of one message of the bare pipeline."""
    steps, left = [], started
    for number, hop in sorted(hops.items()):
        steps.append(Step(f"to worker {number}", BROKER, hop["taken"] - left))
        steps.append(Step(f"worker {number}: document verified", PROOF, hop["verified"] - hop["taken"]))
        left = hop["verified"]
    return [*steps, Step("to the last queue", BROKER, ended - left)]


def stages(seen: Iterable[Sequence[Step]]) -> list[Stage]:
    """The median of each stage, in their order."""
    taken: dict[tuple[str, str], list[float]] = {}
    for steps in seen:
        for step in steps:
            taken.setdefault((step.name, step.kind), []).append(step.seconds)
    return [Stage(name, kind, median(seconds) * 1000) for (name, kind), seconds in taken.items()]
