"""Which edXML files do the tests read? Our own with the field's faults, and the field's where that folder stands."""

from __future__ import annotations

from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[3]
OWN = ROOT / "tests/samples/edxml"
FIELD = ROOT.parent / "shared/samples/edxml"
NOT_WELL_FORMED = {"xlink_not_declared.edxml", "edoc.edxml"}
TODAY = date(2026, 11, 22)
NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"


def own(name: str) -> bytes:
    return (OWN / name).read_bytes()


def readable() -> list[Path]:
    found = sorted(OWN.glob("*.edxml")) + sorted(FIELD.glob("*.edxml"))
    return [path for path in found if path.name not in NOT_WELL_FORMED]


def changed(data: bytes, *pairs: tuple[str, str]) -> bytes:
    """The file with each text, which must occur once, put for another."""
    text = data.decode()
    for old, new in pairs:
        assert text.count(old) == 1, (old, text.count(old))
        text = text.replace(old, new)
    return text.encode()
