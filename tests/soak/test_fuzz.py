"""Bent documents, records and transit messages: refused, or canonically what was signed. And never another error."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from lienthong.edxml.attachments import check_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import parse
from lienthong.edxml.repair import repair
from lienthong.edxml.rules import check_rules
from lienthong.errors import Refusal
from lienthong.hub.ports import Outcome, Retry
from lienthong.hub.rows import HeldKind
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong.transit.chain import verify_chain
from lienthong.transit.message import TransitMessage, decode
from tests.pki.forge import canonical
from tests.pki.refusals import accept
from tests.pki.world import AT, world
from tests.soak.load import EXAMPLES, SEED
from tests.soak.mutations import bent
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, OTHER_COMMUNE, PROVINCE, ROAD, Bench

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

soak = settings(
    settings.get_profile("soak"),
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


# --- documents ------------------------------------------------------------------------------------------


@cache
def documents() -> tuple[bytes, ...]:
    w = world()
    return (
        w.signed(COMMUNE, [DEPARTMENT]),
        w.signed(COMMUNE, [DEPARTMENT, OTHER_COMMUNE], subject="Về việc khác", code_number="213"),
        w.signed(DISTRICT, [DEPARTMENT], files={}),
        w.signed(DISTRICT, [DEPARTMENT], key=w.rsa_key, code_number="9"),
    )


@seed(SEED)
@soak
@given(st.deferred(lambda: bent(documents())))
def test_fuzz_a_bent_document_is_refused_or_canonically_a_signed_one(made: tuple[bytes, bytes]) -> None:
    _, data = made
    try:
        document = accept(data)
        check_attachments(document.root, document.package, Limits())
        check_rules(document.package, document.root, today=AT.date(), limits=Limits())
    except Refusal:
        return
    same = [original for original in documents() if canonical(original) == canonical(data)]
    assert same, "a document that nobody signed was accepted"
    assert document.package == accept(same[0]).package


@seed(SEED)
@soak
@given(st.deferred(lambda: bent(documents())))
def test_fuzz_repairing_a_bent_document_ends_in_a_document_or_a_refusal(made: tuple[bytes, bytes]) -> None:
    try:
        repaired = repair(made[1])
    except Refusal:
        return
    assert repair(repaired) == repaired


# --- records --------------------------------------------------------------------------------------------


@cache
def transit() -> tuple[bytes, ...]:
    """The four messages of a document's way, as its relays took them from the broker."""

    async def walk() -> tuple[bytes, ...]:
        bench = await Bench.open()
        await bench.arrived()
        return tuple(bench.message(node) for node in ROAD)

    return asyncio.run(walk())


@cache
def chain() -> tuple[bytes, tuple[bytes, ...]]:
    last = decode(transit()[-1])
    return last.acceptance, last.hop_records


@seed(SEED)
@soak
@given(st.deferred(lambda: bent((chain()[0], *chain()[1]))))
def test_fuzz_a_bent_record_is_refused_or_canonically_a_signed_one(made: tuple[bytes, bytes]) -> None:
    original, data = made
    kind = parse(original).tag
    try:
        record = verify_record(data, trust=world().infrastructure_trust, at=AT, root=kind)
        records.read(record.root)
    except Refusal:
        return
    honest = (chain()[0], *chain()[1])
    assert canonical(data) in {canonical(each) for each in honest}


@seed(SEED)
@soak
@given(
    st.deferred(lambda: st.tuples(st.integers(0, 3), bent((chain()[0], *chain()[1])))),
    st.booleans(),
)
def test_fuzz_a_chain_with_a_bent_record_breaks(made: tuple[int, tuple[bytes, bytes]], every: bool) -> None:
    place, (_, data) = made
    links = [chain()[0], *chain()[1]]
    links[place] = data
    try:
        verify_chain(
            links[0],
            links[1:],
            document_sha256=None,
            trust=world().infrastructure_trust,
            at=AT,
            every_signature=every,
        )
    except Refusal:
        return
    honest = [chain()[0], *chain()[1]]
    assert links[:-1] == honest[:-1], "an older record was changed under its digest"
    assert canonical(links[-1]) == canonical(honest[-1])


# --- transit messages -----------------------------------------------------------------------------------


class Station:
    """A relay that stands at one node of the way with everything behind it done, asked again and again."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.bench = self.runner.run(self._open())

    async def _open(self) -> Bench:
        bench = await Bench.open()
        await bench.arrived()
        return bench

    def handle(self, node: str, body: bytes) -> str:
        """`passed`, `quarantined` or `retried`; nothing else may come of a message."""
        store = self.bench.store
        store._held.clear()
        before = len(self.bench.broker.published)
        outcome = self.runner.run(self.bench.hop(node, body))
        published = self.bench.broker.published[before:]
        if isinstance(outcome, Retry):
            assert outcome.reason
            assert not published
            return "retried"
        assert outcome is Outcome.DONE
        if self.runner.run(store.held(HeldKind.QUARANTINE)):
            assert not published
            return "quarantined"
        return "passed"


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    made = Station()
    yield made
    made.runner.close()


def sealed(message: TransitMessage) -> TransitMessage:
    """What a message says, its newest record in canonical form: that one is bound by its signature alone."""
    newest = (*message.hop_records, message.acceptance)[0 if message.hop_records else -1]
    return TransitMessage(
        document_id=message.document_id,
        document=message.document,
        blob=message.blob,
        acceptance=message.acceptance if message.hop_records else canonical(newest),
        hop_records=tuple(
            canonical(xml) if place == len(message.hop_records) - 1 else xml
            for place, xml in enumerate(message.hop_records)
        ),
        recipients=message.recipients,
    )


def own_messages(station: Station) -> dict[str, bytes]:
    return {node: station.bench.message(node) for node in ROAD}


@seed(SEED)
@settings(soak, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_a_bent_transit_message_is_held_or_says_what_was_sent(
    station: Station, data: st.DataObject
) -> None:
    honest = own_messages(station)
    node = data.draw(st.sampled_from([COMMUNE, DISTRICT, PROVINCE, DEPARTMENT]))
    _, body = data.draw(bent((*honest.values(), *transit())))
    if station.handle(node, body) == "passed":
        assert sealed(decode(body)) == sealed(decode(honest[node]))


FIELDS = ("document_id", "document", "acceptance", "hop_records", "recipients", "blob")


@seed(SEED)
@settings(soak, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_fuzz_a_transit_message_with_exchanged_fields_is_held(station: Station, data: st.DataObject) -> None:
    """Fields of one honest message in another one, records dropped, doubled or in another order."""
    honest = own_messages(station)
    node = data.draw(st.sampled_from(ROAD))
    messages = [decode(body) for body in (*honest.values(), *transit())]
    parts: dict[str, Any] = {name: getattr(data.draw(st.sampled_from(messages)), name) for name in FIELDS}
    every = [xml for message in messages for xml in message.hop_records]
    chosen: dict[str, Any] = {}
    if data.draw(st.booleans(), label="other records"):
        chosen["hop_records"] = tuple(data.draw(st.lists(st.sampled_from(every), max_size=5)))
    if data.draw(st.booleans(), label="other recipients"):
        chosen["recipients"] = tuple(data.draw(st.lists(st.sampled_from(ROAD), max_size=3)))
    body = TransitMessage(**parts | chosen).encode()
    if station.handle(node, body) == "passed":
        assert sealed(decode(body)) == sealed(decode(honest[node]))
