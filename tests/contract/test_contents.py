"""Does external content come in resumably, in constant memory, and never as anything but what its digest says?"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lienthong.blobs import open_contents
from lienthong.blobs.uploads import UPLOADS, FolderContents
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.content_port import Contents
from tests.services.s3 import S3, s3_url

DATA = os.urandom(1 << 20) * 10
SHA = sha256_hex(DATA)
A, B = "H48.31", "H48.33"
FUTURE = datetime.now(UTC) + timedelta(days=1)
PAST = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(params=["folder", "bucket", *S3])
def contents(request: pytest.FixtureRequest, tmp_path: Path) -> Contents:
    match request.param:
        case "folder":
            return open_contents(tmp_path.as_uri())
        case "s3":
            return open_contents(s3_url())
        case _:
            return open_contents("memory://")


async def pieces(data: bytes, *, cut: bool = False, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
    if cut:
        raise ConnectionResetError("cut")


async def read(contents: Contents, sha256: str, offset: int = 0) -> bytes:
    return b"".join([piece async for piece in contents.stream(sha256, offset=offset)])


async def cut_upload(contents: Contents, owner: str, data: bytes, offset: int = 0) -> int:
    with pytest.raises((ConnectionResetError, HubFault)):
        await contents.append(owner, SHA, offset, pieces(data, cut=True))
    return await contents.uploaded(owner, SHA)


async def test_what_was_uploaded_comes_back_from_any_offset(contents: Contents) -> None:
    assert await contents.size(SHA) is None
    assert await contents.append(A, SHA, 0, pieces(DATA)) == len(DATA)
    assert await contents.size(SHA) is None, "not content before its digest is checked"
    assert await contents.finish(A, SHA) == len(DATA)
    assert await contents.size(SHA) == len(DATA)
    assert await read(contents, SHA) == DATA
    assert await read(contents, SHA, 4_000_001) == DATA[4_000_001:]
    assert await contents.uploaded(A, SHA) == 0
    assert await contents.unfinished(A) == 0


async def test_a_cut_upload_goes_on_where_it_ended(contents: Contents) -> None:
    kept = await cut_upload(contents, A, DATA[:9_500_000])
    assert 0 < kept <= 9_500_000
    assert await contents.unfinished(A) == kept
    assert await contents.append(A, SHA, kept, pieces(DATA[kept:])) == len(DATA)
    assert await contents.finish(A, SHA) == len(DATA)
    assert await read(contents, SHA) == DATA


async def test_an_upload_goes_on_in_another_process(tmp_path: Path) -> None:
    kept = await cut_upload(open_contents(str(tmp_path)), A, DATA[:5_000_000])
    other = open_contents(str(tmp_path))
    await other.append(A, SHA, kept, pieces(DATA[kept:]))
    assert await other.finish(A, SHA) == len(DATA)


async def test_an_upload_goes_on_only_at_its_end(contents: Contents) -> None:
    kept = await cut_upload(contents, A, DATA[:9_000_000])
    for offset in (0, kept - 1, kept + 1):
        with pytest.raises(Refusal, match=f"continue at {kept}") as refusal:
            await contents.append(A, SHA, offset, pieces(DATA[offset:]))
        assert refusal.value.code is Code.ARGUMENT_INVALID


async def test_bytes_with_another_digest_never_become_content(contents: Contents) -> None:
    await contents.append(A, SHA, 0, pieces(DATA[:-1] + b"?"))
    with pytest.raises(Refusal) as refusal:
        await contents.finish(A, SHA)
    assert (refusal.value.code, refusal.value.field) == (Code.ARGUMENT_INVALID, "sha256")
    assert await contents.size(SHA) is None
    assert await contents.uploaded(A, SHA) == 0, "the next try begins anew"


async def test_what_the_resumed_half_hides_is_found(tmp_path: Path) -> None:
    """The digest begun by one process is not believed after another one changed the file."""
    contents = FolderContents(tmp_path)
    kept = await cut_upload(contents, A, DATA[:5_000_000])
    with (tmp_path / UPLOADS / A / SHA).open("r+b") as file:
        file.write(b"????")
    await contents.append(A, SHA, kept, pieces(DATA[kept:]))
    with pytest.raises(Refusal):
        await contents.finish(A, SHA)


async def test_owners_do_not_meet_before_their_bytes_are_proven(contents: Contents) -> None:
    await contents.append(A, SHA, 0, pieces(b"poison" * 1000))
    assert await contents.uploaded(B, SHA) == 0
    await contents.append(B, SHA, 0, pieces(DATA))
    assert await contents.finish(B, SHA) == len(DATA)
    with pytest.raises(Refusal):
        await contents.finish(A, SHA)
    assert await read(contents, SHA) == DATA


async def test_the_same_content_from_two_owners_is_kept_once(contents: Contents) -> None:
    for owner in (A, B):
        await contents.append(owner, SHA, 0, pieces(DATA))
        await contents.finish(owner, SHA)
    assert await read(contents, SHA) == DATA
    await contents.delete(SHA)
    await contents.delete(SHA)
    assert await contents.size(SHA) is None


async def test_one_connection_at_a_time(tmp_path: Path) -> None:
    contents = open_contents(str(tmp_path))
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield DATA[:100]
        arrived.set()
        await go_on.wait()

    first = asyncio.create_task(contents.append(A, SHA, 0, slow()))
    await asyncio.wait_for(arrived.wait(), 10)
    other = open_contents(str(tmp_path))
    for attempt in (other.append(A, SHA, 0, pieces(DATA)), other.finish(A, SHA)):
        with pytest.raises(Refusal) as refusal:
            await attempt
        assert refusal.value.code in (Code.UNAVAILABLE, Code.ARGUMENT_INVALID)
    assert await other.collect(FUTURE) == 0, "what somebody holds is not abandoned"
    go_on.set()
    assert await first == 100


async def test_a_cancelled_upload_keeps_what_came(tmp_path: Path) -> None:
    contents = open_contents(str(tmp_path))
    arrived = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield DATA[:100_000]
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(contents.append(A, SHA, 0, endless()))
    await asyncio.wait_for(arrived.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await contents.uploaded(A, SHA) == 100_000
    await contents.append(A, SHA, 100_000, pieces(DATA[100_000:]))
    assert await contents.finish(A, SHA) == len(DATA)


async def test_abandoned_uploads_are_collected_young_ones_kept(contents: Contents) -> None:
    await cut_upload(contents, A, DATA[:9_000_000])
    assert await contents.collect(PAST) == 0
    assert await contents.uploaded(A, SHA) > 0
    assert await contents.collect(FUTURE) == 1
    assert await contents.uploaded(A, SHA) == 0


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", SHA.upper(), "", "a" * 63], ids=["climbing", "upper", "empty", "short"]
)
async def test_no_name_leaves_the_store(contents: Contents, name: str) -> None:
    with pytest.raises(Refusal):
        await contents.append(A, name, 0, pieces(b"x"))
    with pytest.raises(Refusal):
        await contents.uploaded(A, name)
    for owner in ("..", "a/b", "", ".x"):
        with pytest.raises(HubFault):
            await contents.uploaded(owner, SHA)


async def test_finishing_nothing_is_not_found(contents: Contents) -> None:
    with pytest.raises(Refusal) as refusal:
        await contents.finish(A, SHA)
    assert refusal.value.code is Code.NOT_FOUND


def test_memory_does_not_grow_with_the_content(tmp_path: Path) -> None:
    """128 MiB in and out again in a process of its own: the peak stays within 24 MiB of where it began."""
    program = f"""
import asyncio, hashlib, resource, sys
from lienthong.blobs.uploads import FolderContents
from pathlib import Path
size, piece = {128 << 20}, bytes(1 << 20)
digest = hashlib.sha256()
for _ in range(size >> 20): digest.update(piece)
sha = digest.hexdigest()
async def pieces():
    for _ in range(size >> 20): yield bytes(bytearray(piece))
async def main():
    contents = FolderContents(Path(sys.argv[1]))
    await contents.append("A", "0" * 64, 0, once())
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await contents.append("A", sha, 0, pieces())
    await contents.finish("A", sha)
    total = 0
    async for part in contents.stream(sha): total += len(part)
    assert total == size
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began)
async def once():
    yield piece
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(done.stdout) < 24 * 1024, f"{done.stdout} KiB"
