"""`python -m bench.micro [NAME …]`: processor time of signing and verifying alone, one thread, no processes.

The province of tests/pki: records of P-256 keys, documents of 9.5 KB and 1 MB under RSA-2048, and one with 200
recipients. Documents differ, more of them than `signing.verify` remembers packages, so each is read anew. The best of
some rounds counts: other work on the machine only ever makes it slower.

`--instructions` counts machine instructions per call under valgrind instead (bench/instructions.py), by library; they
are nearly the same each time, however busy the machine is. `--functions 20` names the dearest functions besides.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from bench.instructions import NotInstalled, count, counting
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
WARM, COUNTED = 20, 20


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


def documents(number: int, size: int) -> list[bytes]:
    """Each with other bytes in its attachment of `size`."""
    w, chance = world(), random.Random(1)
    return [
        w.signed("H48.31", ["H48.33.02"], key=w.rsa_key, files={"a.pdf": chance.randbytes(size)})
        for _ in range(number)
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
    each, many = itertools.cycle(documents(DOCUMENTS, 2700)), directive()
    large = itertools.cycle(documents(8, 740_000))
    unsigned = w.package("H48.31", ["H48.33.02"])
    yield "verify_package", lambda: verify_package(next(each), **known)  # type: ignore[arg-type]
    yield "verify_package, 200 recipients, seen before", lambda: verify_package(many, **known)  # type: ignore[arg-type]
    yield "verify_package, 1 MB", lambda: verify_package(next(large), **known)  # type: ignore[arg-type]
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


def call_counted(measured: Callable[[], object]) -> None:
    """What the program under callgrind does: warm up as a running process is, then count."""
    for _ in range(WARM):
        measured()
    gc.collect()
    with counting():
        for _ in range(COUNTED):
            measured()


def show_instructions(name: str, functions: int) -> None:
    """Print a case's instructions per call, by library, and of the dearest functions."""
    counts = count(["-m", "bench.micro", "--counted", name])
    shares = ", ".join(f"{lib} {n * 100 // counts.total} %" for lib, n in counts.libraries.most_common(5))
    print(f"{name:<46} {counts.total // COUNTED:11,} instructions: {shares}")
    for function, number in counts.functions.most_common(functions):
        print(f"{'':<46} {number // COUNTED:11,} {function[:100]}")


def main(arguments: list[str]) -> None:
    """Print one line per case whose name holds one of the names; all when none is given."""
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of names of cases")
    parser.add_argument("--instructions", action="store_true", help="count instructions instead of time")
    parser.add_argument("--functions", type=int, default=0, help="with --instructions: the N dearest ones")
    parser.add_argument("--counted", metavar="CASE", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.counted:
        call_counted(dict(cases())[chosen.counted])
        return
    for name, measured in cases():
        if chosen.names and not any(part in name for part in chosen.names):
            continue
        if chosen.instructions:
            try:
                show_instructions(name, chosen.functions)
            except NotInstalled as error:
                sys.exit(str(error))
        else:
            measured()
            print(f"{name:<46} {milliseconds(measured):7.3f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
