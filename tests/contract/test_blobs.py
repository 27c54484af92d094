"""Do all blob stores keep bytes as the port says, and does the folder survive what disks do?"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lienthong.blobs import open_blobs
from lienthong.blobs.folder import UNFINISHED, UNFINISHED_AGE, FolderBlobs
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.ports import Blobs
from tests.fakes.blobs import FakeBlobs
from tests.services.s3 import S3, s3_url

DATA = bytes(range(256)) * 4096  # 1 MiB
SHA = sha256_hex(DATA)


@pytest.fixture(params=["fake", "folder", "bucket", *S3])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    match request.param:
        case "fake":
            return FakeBlobs()
        case "folder":
            return open_blobs((tmp_path / "kho văn bản").as_uri())
        case "s3":
            return open_blobs(s3_url())
        case _:
            return open_blobs("memory://")


async def stream(blobs: Blobs, sha256: str, **options: int) -> list[bytes]:
    return [piece async for piece in blobs.stream(sha256, **options)]


async def test_what_was_put_comes_back(blobs: Blobs) -> None:
    for data in (DATA, b"", b"x"):
        await blobs.put(sha256_hex(data), data)
        assert await blobs.get(sha256_hex(data)) == data
        assert b"".join(await stream(blobs, sha256_hex(data))) == data


async def test_putting_again_and_at_once_changes_nothing(blobs: Blobs) -> None:
    await asyncio.gather(*[blobs.put(SHA, DATA) for _ in range(8)])
    await blobs.put(SHA, DATA)
    assert await blobs.get(SHA) == DATA


async def test_bytes_with_another_digest_are_not_kept(blobs: Blobs) -> None:
    with pytest.raises(HubFault, match=SHA):
        await blobs.put(SHA, DATA + b"x")
    with pytest.raises(Refusal):
        await blobs.get(SHA)


@pytest.mark.parametrize(
    "name", ["0" * 64, SHA.upper(), "../../etc/passwd", "", "\0", "a" * 63, "ab/../" + "c" * 58]
)
async def test_what_is_not_there_is_not_found_and_no_name_leaves_the_store(blobs: Blobs, name: str) -> None:
    await blobs.put(SHA, DATA)
    with pytest.raises(Refusal) as refusal:
        await blobs.get(name)
    assert refusal.value.code is Code.NOT_FOUND
    with pytest.raises(Refusal) as refusal:
        await stream(blobs, name)
    assert refusal.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("offset", [0, 1, 1000, len(DATA) - 1, len(DATA)])
async def test_a_stream_starts_where_asked_in_pieces(blobs: Blobs, offset: int) -> None:
    await blobs.put(SHA, DATA)
    pieces = await stream(blobs, SHA, offset=offset, chunk=100_000)
    assert b"".join(pieces) == DATA[offset:]
    assert max(map(len, pieces), default=0) <= 100_000


@pytest.mark.parametrize("offset", [-1, len(DATA) + 1])
async def test_an_offset_outside_is_refused(blobs: Blobs, offset: int) -> None:
    await blobs.put(SHA, DATA)
    with pytest.raises(Refusal) as refusal:
        await stream(blobs, SHA, offset=offset)
    assert refusal.value.code is Code.ARGUMENT_INVALID


async def test_a_stream_may_be_left_early(blobs: Blobs) -> None:
    await blobs.put(SHA, DATA)
    pieces = blobs.stream(SHA, chunk=1000)
    assert await anext(pieces) == DATA[:1000]
    await pieces.aclose()  # type: ignore[attr-defined]


# --- the folder -----------------------------------------------------------------------------------------


def blob_file(folder: Path) -> Path:
    return folder / SHA[:2] / SHA[2:4] / SHA


async def test_a_damaged_blob_is_a_fault_that_names_it_and_is_healed_by_putting(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    await blobs.put(SHA, DATA)
    blob_file(tmp_path).write_bytes(DATA[:-1] + b"?")
    with pytest.raises(HubFault, match=SHA):
        await blobs.get(SHA)
    received: list[bytes] = []

    async def receive() -> None:
        async for piece in blobs.stream(SHA, chunk=1 << 18):
            received.append(piece)  # noqa: PERF401 - what came before the fault counts

    with pytest.raises(HubFault, match=SHA):
        await receive()
    assert sum(map(len, received)) < len(DATA)
    await blobs.put(SHA, DATA)
    assert await blobs.get(SHA) == DATA


async def test_a_cut_blob_is_never_taken_for_whole(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    await blobs.put(SHA, DATA)
    os.truncate(blob_file(tmp_path), 1000)
    with pytest.raises(HubFault, match="damaged"):
        await blobs.get(SHA)
    await blobs.put(SHA, DATA)
    assert await blobs.get(SHA) == DATA


async def test_a_write_that_fails_leaves_no_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FolderBlobs(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(HubFault, match="No space left"):
            await blobs.put(SHA, DATA)
    with pytest.raises(Refusal):
        await blobs.get(SHA)
    assert list((tmp_path / UNFINISHED).iterdir()) == []
    await blobs.put(SHA, DATA)
    assert await blobs.get(SHA) == DATA


def test_old_unfinished_files_are_cleared_young_ones_kept(tmp_path: Path) -> None:
    FolderBlobs(tmp_path)
    old, young = tmp_path / UNFINISHED / "old", tmp_path / UNFINISHED / "young"
    for file in (old, young):
        file.write_bytes(b"x")
    os.utime(old, (0, os.path.getmtime(old) - UNFINISHED_AGE - 60))
    FolderBlobs(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


def test_put_syncs_file_then_renames_then_syncs_every_new_folder(tmp_path: Path) -> None:
    """PITFALLS 19 for blobs: the order of the system calls is the promise; killing the process cannot show it."""
    program = (
        "import asyncio, pathlib, os, sys\n"
        "calls = []\n"
        "def spy(event, args):\n"
        "    if event == 'os.rename': calls.append('rename')\n"
        "sys.addaudithook(spy)\n"
        "real = os.fsync\n"
        "def fsync(fd):\n"
        "    calls.append('fsync ' + os.path.relpath(os.readlink(f'/proc/self/fd/{fd}'), sys.argv[1]))\n"
        "    real(fd)\n"
        "os.fsync = fsync\n"
        "from lienthong.blobs import open_blobs\n"
        "from lienthong.domain.ids import sha256_hex\n"
        "blobs = open_blobs(sys.argv[1])\n"
        "asyncio.run(blobs.put(sha256_hex(b'x'), b'x'))\n"
        "print('\\n'.join(calls))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    sha256 = sha256_hex(b"x")
    calls = done.stdout.split("\n")[:-1]
    where = calls.index("rename")
    assert calls[where - 1].startswith(f"fsync {UNFINISHED}/")
    assert set(calls[: where - 1]) >= {"fsync ..", "fsync .", f"fsync {sha256[:2]}"}
    assert calls[where + 1 :] == [f"fsync {sha256[:2]}/{sha256[2:4]}"]


@pytest.mark.parametrize("url", ["ftp://host/x", "gs://bucket"])
def test_an_unknown_kind_of_url_is_a_fault(url: str) -> None:
    with pytest.raises(HubFault):
        open_blobs(url)


async def test_a_bucket_that_does_not_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_REGION", "local")
    blobs = open_blobs("s3://documents/prefix?")
    with pytest.raises(HubFault, match=SHA):
        await asyncio.wait_for(blobs.put(SHA, DATA), 150)
