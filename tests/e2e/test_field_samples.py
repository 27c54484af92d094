"""Real edXML files from the field: each is refused with the right code, or signed and carried through four tiers.

The files themselves are not part of the project. Where their folder stands beside the checkout, every file in it
is tried; our own samples with the same warts are always tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lienthong.edxml import reader
from lienthong.edxml.repair import repair
from lienthong.errors import Refusal
from tests.services.machine import ROOT, Machine

FIELD = sorted((ROOT.parent / "shared" / "samples" / "edxml").glob("*.edxml"))
REFUSED = {"edoc.edxml": "XML_MALFORMED"}  # the prefix xlink is used and never declared


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("field")
    made = Machine(folder / "state", ROOT / "tests" / "samples" / "directory" / "field-samples.yaml")
    made.start()
    yield made
    assert made.stop() == 0


@pytest.mark.parametrize("sample", FIELD, ids=lambda path: path.name)
def test_each_sample_travels_or_is_refused(field: Machine, sample: Path, tmp_path: Path) -> None:
    signed = tmp_path / "signed.edxml"
    if sample.name in REFUSED:
        answer = field.agency("002.00.20.H13", "sign", sample, signed, expect=3)
        assert answer["error"]["code"] == REFUSED[sample.name]
        assert not signed.exists()
        return
    package = reader.read(repair(sample.read_bytes()))
    sender = package.sender_code
    field.agency(sender, "sign", sample, signed)
    sent = field.agency(sender, "submit", signed)
    assert {r["code"] for r in sent["recipients"]} == set(package.recipient_codes)
    for recipient in package.recipient_codes:
        field.until_state(sender, sent["document_id"], recipient, "CONSIGNED")
        deliveries = field.agency(sender, "track", sent["document_id"])["deliveries"]
        hops = next(d["hops"] for d in deliveries if d["recipient"] == recipient)
        assert {hop["tier"] for hop in hops} == {"province", "department", "district", "commune"}
        assert {hop["verdict"] for hop in hops} == {"PASSED"}
        received = tmp_path / recipient
        field.agency(recipient, "fetch", sent["document_id"], received)
        assert (received / "document.edxml").read_bytes() == signed.read_bytes()
        field.agency(recipient, "ack", sent["document_id"])


@pytest.mark.parametrize("sample", FIELD, ids=lambda path: path.name)
def test_signing_loses_nothing_of_a_sample(sample: Path) -> None:
    if sample.name in REFUSED:
        with pytest.raises(Refusal) as refused:
            repair(sample.read_bytes())
        assert refused.value.code == REFUSED[sample.name]
        return
    repaired = reader.parse(repair(sample.read_bytes()))
    raw = sample.read_bytes()
    original = reader.parse(raw[raw.index(b"<?xml") :])
    for legacy in original.iter("{*}Signature"):
        legacy.getparent().remove(legacy)  # type: ignore[union-attr]
    assert sorted(texts(repaired)) == sorted(texts(original))


def texts(root: object) -> list[tuple[str, str]]:
    """Every element that holds text, by local name."""
    return [
        (element.tag.rpartition("}")[2], "".join(element.text.split()))
        for element in root.iter("*")  # type: ignore[attr-defined]
        if element.text and element.text.strip()
    ]


def test_the_field_samples_are_tried_where_they_stand() -> None:
    """Said aloud, so that a run without them cannot be mistaken for one with them."""
    folder = ROOT.parent / "shared" / "samples" / "edxml"
    assert len(FIELD) == (len(list(folder.glob("*.edxml"))) if folder.is_dir() else 0)
