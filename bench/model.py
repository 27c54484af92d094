"""What would a province need, and the nation? The unit costs a machine measured, times what people would send.

Every figure says where it comes from: measured here (the newest results of the suites), or assumed. The model is
plain arithmetic and knows no queueing: cores are counted at the peak and filled to `UTILISATION`, not more. It cannot
say what happens beyond what was ever run; `Need.first_to_break` names what would give way first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from rich.table import Table

YEAR = 365 * 86_400  # seconds
UTILISATION = 0.6  # of a core at the peak: beyond it waiting grows faster than work
PROCESS_CORES = 1.1  # what one Python process of ours uses at most, measured
QUEUES_PER_BROKER = 10_000  # quorum queues a RabbitMQ cluster is known to bear; 4,000 were run here
BROKER_EMPTY = 150.0  # MiB of a RabbitMQ without a queue, measured
GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What one unit of work costs, measured. Processor milliseconds, bytes, MiB."""

    accept_ms: float = 12.5  #: hub, per package taken in
    hop_ms: float = 4.0  #: relay, per hop
    broker_ms: float = 0.9  #: RabbitMQ, per message
    hand_over_ms: float = 6.0  #: hub, per package fetched and receipted; taken for half an acceptance
    store_bytes: float = 29_000.0  #: per package with four hops, indexes included
    blob_bytes: float = 12_300.0  #: per package of 10 KB
    node_mib: float = 0.19  #: RabbitMQ, per node with its two queues and consumers
    fsyncs_accept: float = (
        3.0  #: document, its folder's entry, the commit (shared under load); counted in the code
    )
    fsyncs_hop: float = (
        2.0  #: the hop's commit and the broker's log (both shared under load); counted in the code
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Who would send how much. Assumptions, except for the number of agencies."""

    name: str
    agencies: int
    documents: float  #: a year, statuses not counted
    recipients: float = 3.0  #: of a document, on the mean
    statuses: float = 2.0  #: signed packages a recipient sends back about a document
    hops: float = 4.0  #: nodes a package passes to one recipient
    shared: float = 2.0  #: of these, before the ways to several recipients part
    size: float = 200_000.0  #: bytes of a document; a status has 10 KB
    peak: float = 50.0  #: times the mean of the year
    copies: int = 1  #: broker members that keep each message


DEMANDS = (
    Demand(name="Quảng Ngãi (213 agencies)", agencies=213, documents=213 * 2_000.0),
    Demand(name="a large province (1,000 nodes)", agencies=1_000, documents=2_000_000.0, copies=3),
    Demand(name="the nation (111,000 agencies)", agencies=111_000, documents=20_000_000.0, copies=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a demand takes at its peak, and a year of it."""

    packages: float  #: a year, statuses included
    peak_packages: float  #: a second
    peak_hops: float  #: a second
    hub_cores: float
    relay_cores: float
    broker_cores: float
    hubs: int  #: processes; two at least, so that one may fail
    relays: int
    queues: int
    broker_mib: float  #: of one member
    fsyncs: float  #: a second at the peak, if none were shared
    disk: float  #: bytes a year: store and blobs, without copies
    connections: int  #: agencies that listen, one each
    first_to_break: str


def need(demand: Demand, costs: Costs) -> Need:
    """The arithmetic."""
    replies = demand.documents * demand.recipients * demand.statuses
    packages = demand.documents + replies
    deliveries = demand.documents * demand.recipients + replies
    ways = demand.shared + (demand.hops - demand.shared) * demand.recipients
    hops = demand.documents * ways + replies * demand.hops
    peak = demand.peak / YEAR
    hub = (packages * costs.accept_ms + deliveries * costs.hand_over_ms) * peak / 1000 / UTILISATION
    relay = hops * peak * costs.hop_ms / 1000 / UTILISATION
    broker = hops * peak * costs.broker_ms / 1000 * demand.copies / UTILISATION
    blobs = demand.documents * demand.size + replies * costs.blob_bytes
    queues = 2 * demand.agencies
    return Need(
        packages=packages,
        peak_packages=packages * peak,
        peak_hops=hops * peak,
        hub_cores=hub,
        relay_cores=relay,
        broker_cores=broker,
        hubs=max(2, math.ceil(hub / PROCESS_CORES)),
        relays=max(2, math.ceil(relay / PROCESS_CORES)),
        queues=queues,
        broker_mib=BROKER_EMPTY + demand.agencies * costs.node_mib,
        fsyncs=(packages * costs.fsyncs_accept + hops * costs.fsyncs_hop) * peak,
        disk=packages * costs.store_bytes + blobs,
        connections=demand.agencies,
        first_to_break=_first(queues, hub, relay),
    )


def _first(queues: int, hub: float, relay: float) -> str:
    if queues > QUEUES_PER_BROKER:
        brokers = math.ceil(queues / QUEUES_PER_BROKER)
        return f"{queues:,} quorum queues in one broker: {brokers} clusters, one per province or so"
    if hub + relay > 2 * PROCESS_CORES:
        return "one machine: hub and relays need processes on several, and so PostgreSQL"
    return "nothing that was measured; the disk fills first"


#: a field of `Costs`: the suite, the measure, and what its value is multiplied by
SOURCES: Mapping[str, tuple[str, str, float]] = {
    "accept_ms": ("accept", "accept.10KB.hub-time", 1.0),
    "hand_over_ms": ("accept", "accept.10KB.hub-time", 0.5),
    "hop_ms": ("hops", "hops.relay-time", 1.0),
    "broker_ms": ("hops", "hops.broker-time", 1.0),
    "store_bytes": ("hops", "hops.store-bytes", 1.0),
    "blob_bytes": ("hops", "hops.blob-bytes", 1.0),
}


def measured(results: Path, **given: float | None) -> tuple[Costs, dict[str, str]]:
    """Costs out of the newest results that have them, what is `given` before them; and where each comes from."""
    values: dict[str, float] = {}
    origin = {each.name: "default" for each in fields(Costs)}
    newest = sorted(results.glob("*.json"), key=lambda file: json.loads(file.read_text("utf-8"))["at"])
    for file in newest:
        found = json.loads(file.read_text("utf-8"))
        measures = found["measures"]
        for name, (_, measure, factor) in SOURCES.items():
            if measure in measures:
                values[name] = measures[measure]["median"] * factor
                origin[name] = f"{file.name} ({measure})"
        nodes = found["settings"].get("scale.nodes")
        if nodes and "scale.nodes.memory.broker" in measures:
            values["node_mib"] = (measures["scale.nodes.memory.broker"]["median"] - BROKER_EMPTY) / nodes
            origin["node_mib"] = f"{file.name} (scale.nodes.memory.broker)"
    for name, value in given.items():
        if value is not None:
            values[name], origin[name] = value, "given"
    return Costs(**values), origin


def table(costs: Costs) -> Table:
    """All demands side by side."""
    needs = [need(demand, costs) for demand in DEMANDS]
    shown = Table("at the peak", *(demand.name for demand in DEMANDS))
    rows: dict[str, list[str]] = {
        "packages a year, statuses included": [f"{n.packages / 1e6:,.1f} million" for n in needs],
        "packages/s": [f"{n.peak_packages:,.1f}" for n in needs],
        "hops/s": [f"{n.peak_hops:,.1f}" for n in needs],
        "cores: hub, relays, broker": [
            f"{n.hub_cores:.1f} + {n.relay_cores:.1f} + {n.broker_cores:.1f}" for n in needs
        ],
        "processes: hubs, relays": [f"{n.hubs} + {n.relays}" for n in needs],
        "broker members": [str(demand.copies) for demand in DEMANDS],
        "quorum queues": [f"{n.queues:,}" for n in needs],
        "memory of a broker member": [f"{n.broker_mib / 1024:,.1f} GiB" for n in needs],
        "fsyncs/s, none shared": [f"{n.fsyncs:,.0f}" for n in needs],
        "connections that listen": [f"{n.connections:,}" for n in needs],
        "disk a year, one copy": [f"{n.disk / GIB:,.0f} GiB" for n in needs],
        "first to break": [n.first_to_break for n in needs],
    }
    for name, cells in rows.items():
        shown.add_row(name, *cells)
    return shown
