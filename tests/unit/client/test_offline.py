"""What do files alone prove, without the hub?"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lienthong.domain.evidence import Verdict
from lienthong.edxml.bounds import Limits
from lienthong.errors import Code
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from lienthong_client.errors import Misuse
from lienthong_client.exported import load
from lienthong_client.offline import Examination, examine
from lienthong_client.proof import RecordTrust
from tests.fakes.exchange import FakeExchange, Stored
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
Files = list[tuple[str, bytes]]


@pytest.fixture
def stored(now_world: World, signed: bytes) -> Stored:
    return FakeExchange(now_world).put(signed)


@pytest.fixture
def look(now_world: World) -> Callable[..., Examination]:
    trust = RecordTrust(infrastructure=now_world.infrastructure_trust, agencies=now_world.trust)

    def look(files: Files, *, at: datetime | None = None) -> Examination:
        return examine(files, trust=trust, at=at or datetime.now(UTC))

    return look


Look = Callable[..., Examination]


def exported(stored: Stored) -> Files:
    files = [("document.edxml", stored.data), ("acceptance.xml", stored.acceptance)]
    files += [(f"hop-{hop.node}.xml", xml) for hop, xml in stored.hops]
    files += [(f"consignment-{code}.xml", xml) for code, (_, xml) in stored.consignments.items()]
    return files


def test_whole_export_passes_in_any_order(stored: Stored, look: Look) -> None:
    for files in (exported(stored), exported(stored)[::-1]):
        found = look(files)
        assert found.verdict is Verdict.PASSED
        assert found.refusal is None
        assert found.proof is not None
        assert len(found.proof.chains) == 2


def test_records_without_the_document_prove_its_digest(stored: Stored, look: Look) -> None:
    found = look(exported(stored)[1:])
    assert found.proof is not None
    assert found.proof.acceptance.document_sha256 == stored.accepted.document_sha256


def test_other_genuine_document_beside_the_records(stored: Stored, look: Look, now_world: World) -> None:
    other = now_world.signed(SENDER, [RECIPIENT], code_number="7")
    found = look([("document.edxml", other), *exported(stored)[1:]])
    assert found.verdict is Verdict.FAILED
    assert found.refusal is not None
    assert found.refusal.code is Code.CHAIN_BROKEN


@pytest.mark.parametrize("position", range(1, 7))
def test_stripped_hop(stored: Stored, look: Look, position: int) -> None:
    files = exported(stored)
    found = look([*files[:position], *files[position + 1 :]])
    assert found.refusal is not None
    assert found.refusal.code is Code.CHAIN_BROKEN


def test_hop_record_signed_by_another_node(stored: Stored, look: Look, now_world: World) -> None:
    hop, _ = stored.hops[0]
    forged = sign_record(records.write(hop), now_world.node_key("H48"), at=datetime.now(UTC))
    found = look([("hop.xml", forged)])
    assert found.refusal is not None
    assert found.refusal.code is Code.CERTIFICATE_UNTRUSTED
    assert found.files[0].report.steps[-1].name == "role"


def test_records_of_two_documents_mixed(stored: Stored, look: Look, now_world: World) -> None:
    other = FakeExchange(now_world).put(now_world.signed(SENDER, [RECIPIENT], code_number="7"))
    found = look([*exported(stored)[1:], ("x.xml", other.hops[0][1])])
    assert found.refusal is not None
    assert found.refusal.code is Code.CHAIN_BROKEN


def test_tampered_document(look: Look, signed: bytes) -> None:
    found = look([("a.edxml", signed.replace("triển".encode(), b"xong!"))])
    assert found.verdict is Verdict.FAILED
    assert found.refusal is not None
    assert found.refusal.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize("data", [b"", b"<", b"hello", b"<a/>", b"\xff\xfe\x00", b"PK\x03\x04rubbish"])
def test_rubbish_is_a_verdict_and_no_fault(look: Look, data: bytes) -> None:
    assert look([("x", data)]).verdict is Verdict.FAILED


def test_judged_at_another_time(stored: Stored, look: Look) -> None:
    found = look([("a.edxml", stored.data)], at=datetime.now(UTC) + timedelta(days=3000))
    assert found.refusal is not None
    assert found.refusal.code is Code.CERTIFICATE_EXPIRED
    later = look([("a.edxml", stored.data)], at=datetime.now(UTC) + timedelta(days=60))
    assert later.verdict is Verdict.INDETERMINATE


def test_certificate_without_a_name_alone_is_undecided_and_with_the_records_decided(look: Look) -> None:
    hub = FakeExchange(World(at=datetime.now(UTC)))
    world = hub.world
    world._issued["urn:lienthong:agency:H48.31.06"] = world.issue("Không tên").signing_key
    stored = hub.put(world.signed("H48.31.06", [RECIPIENT]))
    trust = RecordTrust(infrastructure=world.infrastructure_trust, agencies=world.trust)
    alone = examine([("a.edxml", stored.data)], trust=trust, at=datetime.now(UTC))
    assert alone.verdict is Verdict.INDETERMINATE
    assert examine(exported(stored), trust=trust, at=datetime.now(UTC)).verdict is Verdict.PASSED


def test_folder_and_zip_are_read_alike(tmp_path: Path, stored: Stored) -> None:
    folder = tmp_path / "out"
    (folder / "attachments").mkdir(parents=True)
    (folder / "attachments" / "strange.xml").write_bytes(b"<not ours")
    (folder / "README.txt").write_text("x")
    for name, data in exported(stored):
        (folder / name).write_bytes(data)
    archive = tmp_path / "out.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*"):
            file.write(path, path.relative_to(folder))
    assert load(folder) == load(archive)
    assert dict(load(folder)) == dict(exported(stored))


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.xml", b"0" * 1_000_000)
    with pytest.raises(Misuse):
        load(archive, replace(Limits(), max_bytes=10_000))
    with pytest.raises(Misuse):
        load(archive, replace(Limits(), max_unpacked=10_000))


def test_empty_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(Misuse):
        load(tmp_path)
