"""Signed edXML of a given size, made before the clock starts, each document different from every other."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from lienthong.domain.agency import Agency
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.writer import write
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_package
from lienthong_client import Draft, File
from lienthong_client.compose import compose
from lienthong_client.profile import Profile

KB10, MB1 = 10 * 1000, 1000 * 1000
WORKERS = 2
FOR_WORKERS = 200  # fewer documents are made here
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Signed:
    """What one agency submits."""

    sender: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the bytes."""
        return sha256_hex(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    profile: Path
    recipients: tuple[str, ...]
    size: int
    numbers: range


def make(state: Path, sender: str, recipients: Sequence[str], *, size: int, number: int) -> list[Signed]:
    """`number` documents of `size` bytes each (within a per cent), signed with the sender's own key (RSA-2048)."""
    profile = state / "agencies" / sender / "profile.toml"
    parts = WORKERS if number >= FOR_WORKERS else 1
    orders = []
    for part in range(parts):
        share = number // parts + (part < number % parts)
        first = next(_numbers) * 100_000
        orders.append(
            _Order(
                profile=profile,
                recipients=tuple(recipients),
                size=size,
                numbers=range(first, first + share),
            )
        )
    if parts == 1:
        return _make(orders[0])
    return [document for made in _workers().map(_make, orders) for document in made]


@cache
def _workers() -> ProcessPoolExecutor:
    """Started afresh, not forked: this process holds threads of gRPC."""
    return ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn"))


@cache
def _key(profile: Path) -> tuple[Profile, SigningKey]:
    loaded = Profile.load(profile)
    return loaded, loaded.signing_key()


def _make(order: _Order) -> list[Signed]:
    profile, key = _key(order.profile)
    empty = len(_signed(profile.agency, order, order.numbers.start, 0, key))
    padding = max(0, (order.size - empty) * 3 // 4)
    return [
        Signed(profile.agency, _signed(profile.agency, order, number, padding, key))
        for number in order.numbers
    ]


def _signed(sender: str, order: _Order, number: int, padding: int, key: SigningKey) -> bytes:
    """`padding`: bytes of the attachment, which no packing makes smaller."""
    now = datetime.now(UTC)
    draft = Draft(
        to=order.recipients,
        subject=f"V/v báo cáo kết quả số {number}",
        code=f"{number}/BC-UBND",
        files=(File(name="bao-cao.pdf", content=random.Random(number).randbytes(padding)),),
    )
    document, attachments = compose(
        draft,
        sender=_agency(sender),
        province="Quảng Ngãi",
        recipients=[_agency(code) for code in order.recipients],
        now=now,
    )
    return sign_package(write(document, attachments), key, at=now)


def _agency(code: str) -> Agency:
    return Agency(code=code, name=f"UBND {code}", tier="")
