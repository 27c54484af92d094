"""A file of gigabytes' kind with real processes: up and down over a bad line, and the hub's memory meanwhile."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lienthong_client import AgencyClient, BigFile, Draft, Profile, Received
from lienthong_client.retry import Retry
from tests.services.machine import DEADLINE, Machine
from tests.services.proxy import Proxy

COMMUNE, DEPARTMENT = "H48.31.05", "H48.11"
MIB = 1 << 20
SIZE = 96 * MIB


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("big") / "Bản đồ quy hoạch.pdf"
    with file.open("wb") as out:
        out.write(b"%PDF-1.7\n")
        for _ in range(SIZE // MIB):
            out.write(os.urandom(MIB))
    return file


def resident(machine: Machine) -> int:
    """MiB of the hub process."""
    return int(psutil.Process(machine.child("hub").pid).memory_info().rss) // MIB


def test_the_commands_send_and_fetch_a_big_file_in_constant_memory(
    machine: Machine, pdf: Path, big: Path, tmp_path: Path
) -> None:
    machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--subject", "Nhỏ", "--code", "80/CV-UBND", "--attach", pdf
    )
    before = resident(machine)
    sent = machine.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--subject", "Quy hoạch", "--code", "81/TTr-UBND", "--attach", pdf, big
    )  # fmt: skip
    machine.until(lambda: machine.state_of(COMMUNE, sent["document_id"], DEPARTMENT) == "CONSIGNED")
    machine.agency(DEPARTMENT, "fetch", sent["document_id"], tmp_path / "in")
    fetched = machine.agency(
        DEPARTMENT, "fetch", sent["document_id"], tmp_path / "in"
    )  # what is there is left
    attachments = [Path(path) for path in fetched["files"]["attachments"]]
    assert [path.name for path in attachments] == [pdf.name, big.name]
    assert attachments[1].read_bytes() == big.read_bytes()
    assert sorted(path.name for path in (tmp_path / "in" / "attachments").iterdir()) == sorted(
        [pdf.name, big.name]
    )
    document = Path(fetched["files"]["document"])
    assert document.stat().st_size < MIB
    grown = resident(machine) - before
    assert grown < 64, f"{grown} MiB for {SIZE // MIB} MiB"
    machine.agency(DEPARTMENT, "ack", sent["document_id"])


async def arrived(recipient: AgencyClient, document: str) -> Received:
    """Fetch the document as soon as it is there."""
    async with asyncio.timeout(DEADLINE):
        while document not in {item.document.document_id for item in await recipient.inbox()}:
            await asyncio.sleep(0.1)
    return await recipient.fetch(document)


async def test_a_bad_line_is_outlived_in_both_directions(machine: Machine, big: Path, tmp_path: Path) -> None:
    with big.open("ab") as out:
        out.write(b"another file than the hub has from the test before")
    host, _, port = Profile.load(machine.profile(COMMUNE)).hub.address.rpartition(":")
    async with Proxy(int(port)) as proxy:

        def client(code: str) -> AgencyClient:
            profile = Profile.load(machine.profile(code))
            hub = replace(profile.hub, address=f"{host}:{proxy.port}")
            return AgencyClient(replace(profile, hub=hub), retry=Retry(attempts=4, first=0.3))

        cuts = [0.2, 0.4, 0.6, 0.8]
        seen: list[int] = []

        def on_progress(done: int, total: int) -> None:
            seen.append(done)
            if cuts and done > cuts[0] * total:
                cuts.pop(0)
                proxy.cut()

        async with client(COMMUNE) as sender:
            file = await asyncio.to_thread(BigFile.read, big)
            draft = Draft(to=[DEPARTMENT], subject="Quy hoạch", code="82/TTr-UBND", files=[file])
            await sender.upload(file, on_progress=on_progress)
            assert not cuts
            sent = await sender.send(draft)
        cuts.extend([0.3, 0.7])
        async with client(DEPARTMENT) as recipient:
            received = await arrived(recipient, sent.document_id)
            (path,) = await recipient.download(received, tmp_path / "in", on_progress=on_progress)
        assert not cuts
        assert (await asyncio.to_thread(BigFile.read, path)).sha256 == file.sha256
        assert proxy.accepted >= 6
