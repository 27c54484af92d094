"""Asking for a refusal in one line: `refusal_of(data)` verifies in the shared world and returns what was raised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest

from lienthong.errors import Refusal
from lienthong.signing.keys import SigningKey
from lienthong.signing.trust import Binding, Trust
from lienthong.signing.verify import VerifiedDocument, verify_package
from tests.pki.world import world


def accept(
    data: bytes,
    *,
    trust: Trust | None = None,
    bindings: Mapping[str, Binding] | None = None,
    at: datetime | None = None,
) -> VerifiedDocument:
    """Verify in the shared world; each part may be replaced."""
    w = world()
    return verify_package(
        data,
        trust=trust or w.trust,
        bindings=w.bindings if bindings is None else bindings,
        directory=w.directory,
        at=at or w.at,
    )


def refusal_of(
    data: bytes,
    *,
    trust: Trust | None = None,
    bindings: Mapping[str, Binding] | None = None,
    at: datetime | None = None,
) -> Refusal:
    """The refusal `accept` raises; fails the test if there is none, or anything else is raised."""
    with pytest.raises(Refusal) as caught:
        accept(data, trust=trust, bindings=bindings, at=at)
    return caught.value


def bound(key: SigningKey, agency: str = "H48.31.05") -> dict[str, Binding]:
    """The world's bindings and one more."""
    return {**world().bindings, key.certificate_sha256: Binding(agency=agency)}
