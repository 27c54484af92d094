"""What does one directive to 200 offices cost, compared with 200 documents to one office each?

The same sender, recipients and bytes, the whole way until all 200 have it. Processor time of hub, relays and broker
is the measure; the seconds on the clock stand beside it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import documents
from bench.documents import KB10, Signed
from bench.load import Senders
from bench.machine import HEAD, PROVINCE, Machine
from bench.measures import Findings, Watcher
from lienthong.domain.agency import AgencyStatus, Environment
from lienthong.domain.directory_file import read_directory

RECIPIENTS = 200


def recipients(number: int = RECIPIENTS) -> list[str]:
    """Codes of communes of the whole province."""
    directory = read_directory(PROVINCE.read_text("utf-8"))
    served = [
        a for a in directory if a.status is AgencyStatus.ACTIVE and a.environment is not Environment.TEST
    ]
    communes = [agency.code for agency in served if agency.tier == "commune"]
    others = [agency.code for agency in served if agency.tier in ("department", "district")]
    return (communes + others)[:number]


async def suite(machine: Machine, findings: Findings, *, rounds: int, size: int = KB10) -> None:
    """`machine` must run the province's directory."""
    await machine.start_relays()
    codes = recipients()
    findings.settings["fanout.recipients"] = len(codes)
    figures: dict[str, list[float]] = {}
    async with Senders(machine.state) as senders:
        for turn in range(rounds + 1):
            one = documents.make(machine.state, HEAD, codes, size=size, number=1)
            many = [
                document
                for code in codes
                for document in documents.make(machine.state, HEAD, [code], size=size, number=1)
            ]
            for name, made in (("directive", one), ("single", many)):
                for key, value in (await _cost(machine, senders, made, len(codes))).items():
                    if turn:  # the first is the warm-up
                        figures.setdefault(f"fanout.{name}.{key}", []).append(value)
    for name, rounds_of in figures.items():
        findings.add(name, "s", rounds_of)
    for key in ("hub", "all", "clock"):
        both = zip(figures[f"fanout.single.{key}"], figures[f"fanout.directive.{key}"], strict=True)
        ratios = [single / directive for single, directive in both]
        findings.goal(f"fanout.cheaper-{key}", rounds=ratios, least=10.0 if key == "all" else None)


async def _cost(
    machine: Machine, senders: Senders, made: Sequence[Signed], deliveries: int
) -> dict[str, float]:
    before = machine.consigned()
    with Watcher(machine.pids()) as seen:
        began = time.perf_counter()
        await senders.submit_all(made, at_once=32)
        await machine.until_consigned(before + deliveries)
        clock = time.perf_counter() - began
    used = {"hub": seen.used["hub"], "broker": seen.used["broker"]}
    used["relays"] = sum(seconds for name, seconds in seen.used.items() if name.startswith("relay"))
    return {**used, "all": sum(used.values()), "clock": clock}
