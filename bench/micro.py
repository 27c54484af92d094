"""`python -m bench.micro [NAME …]`: processor time of signing and verifying alone, one thread, no processes.

The province of tests/pki: records of P-256 keys, documents of 9.5 KB under RSA-2048, and one with 200 recipients.
Documents differ, more of them than `signing.verify` remembers packages, so each is read anew. The best of some rounds
counts: other work on the machine only ever makes it slower.
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from lienthong.domain.evidence import Branch, EvidenceKind, HopRecord, SubmissionAcceptance, Verdict
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.writer import write
from lienthong.signing.sign import sign_package, sign_record
from lienthong.signing.verify import verify_package, verify_record
from lienthong.transit import records
from lienthong.transit.chain import verify_chain
from tests.pki.world import world

ROUTE = ("H48.31.05", "H48.31", "H48", "H48.11")
MANY = tuple(f"H48.{number // 10 + 50}.{number % 10:02d}" for number in range(200))
DOCUMENTS = 150
ROUNDS, CALLS = 7, 50


def chain(recipients: tuple[str, ...]) -> list[bytes]:
    """The acceptance and three hop records."""
    w = world()
    accepted = SubmissionAcceptance(
        document_id="0198d7a0-0000-7000-8000-000000000000",
        document_sha256="cd" * 32,
        sender=ROUTE[0],
        first_node=ROUTE[0],
        recipients=recipients,
        accepted_at=w.at,
    )
    signed = [sign_record(records.write(accepted), w.hub_key, at=w.at)]
    for sequence, (node, following) in enumerate(itertools.pairwise(ROUTE), start=1):
        hop = HopRecord(
            document_id=accepted.document_id,
            document_sha256=accepted.document_sha256,
            node=node,
            sequence=sequence,
            received_at=w.at,
            verdict=Verdict.PASSED,
            signer_sha256="ee" * 32,
            next=(Branch(node=following, recipients=recipients),),
            delivered=False,
            previous_digest=sha256_hex(signed[-1]),
        )
        signed.append(sign_record(records.write(hop), w.node_key(node), at=w.at))
    return signed


def documents() -> list[bytes]:
    """Each with other bytes in its attachment."""
    w, chance = world(), random.Random(1)
    return [
        w.signed("H48.31", ["H48.33.02"], key=w.rsa_key, files={"a.pdf": chance.randbytes(2700)})
        for _ in range(DOCUMENTS)
    ]


def directive() -> bytes:
    """One document to 200 recipients, without attachment."""
    w = world()
    document = w.document("H48.31", ["H48.33.02"])
    to = tuple(replace(document.recipients[0], organ_id=code, organ_name=f"UBND xã {code}") for code in MANY)
    return sign_package(write(replace(document, recipients=to), ()), w.rsa_key, at=w.at)


def cases() -> Iterable[tuple[str, Callable[[], object]]]:
    """Name and what is measured."""
    w = world()
    known = {"trust": w.trust, "bindings": w.bindings, "directory": w.directory, "at": w.at}
    trust, key, root = (
        w.infrastructure_trust,
        w.node_key("H48"),
        records.root_name(EvidenceKind.RELAY_ACCEPTANCE),
    )
    each, many = itertools.cycle(documents()), directive()
    unsigned = w.package("H48.31", ["H48.33.02"])
    yield "verify_package", lambda: verify_package(next(each), **known)  # type: ignore[arg-type]
    yield "verify_package, 200 recipients, seen before", lambda: verify_package(many, **known)  # type: ignore[arg-type]
    yield "read_package, 200 recipients", lambda: read_package(parse(many))
    yield "sign_package, P-256", lambda: sign_package(unsigned, w.key("H48.31"), at=w.at)
    for name, recipients in (("", ("H48.11",)), (", 200 recipients", MANY)):
        acceptance, *hops = chain(recipients)
        hop = records.read_bytes(hops[0])
        plain = records.write(hop)

        def verify(every: bool, acceptance: bytes = acceptance, hops: list[bytes] = hops) -> object:
            options = {"document_sha256": None, "trust": trust, "at": w.at, "every_signature": every}
            return verify_chain(acceptance, hops, **options)  # type: ignore[arg-type]

        yield (
            f"verify_record{name}",
            partial(verify_record, hops[0], trust=trust, at=w.at, root=root),
        )
        yield f"verify_chain, newest signature{name}", partial(verify, every=False)
        yield f"verify_chain, every signature{name}", partial(verify, every=True)
        yield f"records.write{name}", partial(records.write, hop)
        yield f"sign_record{name}", partial(sign_record, plain, key, at=w.at)


def milliseconds(measured: Callable[[], object]) -> float:
    """Processor time of this thread per call, the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(CALLS):
            measured()
        best = min(best, time.thread_time() - began)
    return best / CALLS * 1000


def main(wanted: list[str]) -> None:
    """Print one line per case whose name holds one of `wanted`; all when none is given."""
    for name, measured in cases():
        if not wanted or any(part in name for part in wanted):
            measured()
            print(f"{name:<46} {milliseconds(measured):7.3f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
