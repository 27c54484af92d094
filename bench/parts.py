"""To which part of the work does a stack belong? By the innermost of its frames that a part knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

DOCUMENT, RECORDS, SIGNING, RULES = "document proved", "records", "signing", "rules and recipients"
CALLS, STORE, BYTES, BROKER = "gRPC and upload", "store", "keeping bytes", "broker's client"
REST, KERNEL = "event loop and the rest", "kernel"

COLOURS: Mapping[str, str] = {
    DOCUMENT: "#e0903c",
    RECORDS: "#f0c05a",
    SIGNING: "#c9a0dc",
    RULES: "#8fbc6a",
    CALLS: "#7fb3d5",
    STORE: "#d98880",
    BYTES: "#b5651d",
    BROKER: "#76b5b0",
    REST: "#c5c9cf",
    KERNEL: "#8a8f98",
}

#: words of a frame, `function (file)`, as py-spy writes it; the first that fits, from the innermost frame out
MARKERS: Sequence[tuple[str, str]] = (
    ("verify_package (", DOCUMENT),
    ("verify_record (", RECORDS),
    ("verify_chain (", RECORDS),
    ("sign_record (", SIGNING),
    ("lienthong/transit/records", RECORDS),
    ("lienthong/edxml/rules", RULES),
    ("lienthong/hub/inspection", RULES),
    ("lienthong/routing/", RULES),
    ("lienthong/transit/message", BROKER),
    ("lienthong/hub/", REST),
    ("lienthong/blobs/", BYTES),
    ("lienthong/store/", STORE),
    ("sqlalchemy/", STORE),
    ("lienthong/broker/", BROKER),
    ("aiormq/", BROKER),
    ("aio_pika/", BROKER),
    ("pamqp/", BROKER),
    ("lienthong/rpc/", CALLS),
    ("grpc/", CALLS),
    ("_cython", CALLS),
)


def part_of(frames: Sequence[str]) -> str:
    """`frames` from the outermost in."""
    for frame in reversed(frames):
        for words, part in MARKERS:
            if words in frame:
                return part
    return REST


def shares(stacks: Iterable[tuple[list[str], int]]) -> dict[str, float]:
    """The share of all samples of each part that has any, in the colours' order."""
    counted = dict.fromkeys(COLOURS, 0)
    for frames, samples in stacks:
        counted[part_of(frames)] += samples
    whole = sum(counted.values()) or 1
    return {part: samples / whole for part, samples in counted.items() if samples}
