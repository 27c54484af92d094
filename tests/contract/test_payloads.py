"""Are a package's bytes found wherever they lie: in each store, in a folder or bucket, and after the limit changed?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lienthong.blobs import open_blobs
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.payloads import DEFAULT_PAYLOAD_LIMIT, Payloads
from lienthong.hub.ports import Blobs, NumberTaken, Store
from lienthong.hub.rows import NewDocument
from lienthong.store import SqlStore
from tests.contract.store_backends import any_store  # noqa: F401
from tests.contract.store_suite import a_document
from tests.fakes.blobs import FakeBlobs
from tests.fakes.store import FakeStore

SMALL = b"<edXML>" + bytes(range(256)) * 39  # 10 KB, and no text
LARGE = SMALL * 7


@pytest.fixture(name="blobs", params=["fake", "folder", "bucket"])
def any_blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    opened: dict[str, Callable[[], Blobs]] = {
        "fake": FakeBlobs,
        "folder": lambda: open_blobs(str(tmp_path / "blobs")),
        "bucket": lambda: open_blobs("memory://"),
    }
    return opened[request.param]()


def holding(data: bytes) -> NewDocument:
    return replace(a_document(), sha256=sha256_hex(data), size=len(data))


async def in_blobs(blobs: Blobs, sha256: str) -> bool:
    try:
        await blobs.get(sha256)
    except Refusal:
        return False
    return True


async def tamper(store: Store, data: bytes) -> None:
    """Change the bytes of every document behind the store's back."""
    if isinstance(store, FakeStore):
        store.payloads = dict.fromkeys(store.payloads, data)
    else:
        assert isinstance(store, SqlStore)
        with store._db.engine.begin() as connection:
            place = "?" if connection.dialect.name == "sqlite" else "%s"
            connection.exec_driver_sql(f"UPDATE payloads SET data = {place}", (data,))  # noqa: S608


async def read(payloads: Payloads, sha256: str, offset: int, chunk: int) -> list[bytes]:
    return [piece async for piece in await payloads.stream(sha256, offset=offset, chunk=chunk)]


@pytest.mark.parametrize("data", [b"", b"x", SMALL, LARGE], ids=["empty", "one", "small", "large"])
async def test_whatever_was_kept_comes_back_from_any_offset(store: Store, blobs: Blobs, data: bytes) -> None:
    payloads = Payloads(store, blobs)
    new = holding(data)
    row = await payloads.accept(new, data)
    assert (row.id, row.size) == (new.id, len(data))
    assert await payloads.get(new.sha256) == data
    assert await in_blobs(blobs, new.sha256) == (len(data) > DEFAULT_PAYLOAD_LIMIT)
    assert (await store.payload(new.sha256) is None) == (len(data) > DEFAULT_PAYLOAD_LIMIT)
    for offset in {0, len(data) // 2, len(data)}:
        pieces = await read(payloads, new.sha256, offset, 1000)
        assert b"".join(pieces) == data[offset:]
        assert all(0 < len(piece) <= 1000 for piece in pieces)


async def test_the_limit_is_the_last_size_that_lies_in_the_store(store: Store) -> None:
    payloads = Payloads(store, FakeBlobs(), limit=len(SMALL))
    fits, exceeds = holding(SMALL), holding(SMALL + b".")
    await payloads.accept(fits, SMALL)
    await payloads.accept(exceeds, SMALL + b".")
    assert await store.payload(fits.sha256) == SMALL
    assert await store.payload(exceeds.sha256) is None


@pytest.mark.parametrize(("before", "after"), [(0, DEFAULT_PAYLOAD_LIMIT), (DEFAULT_PAYLOAD_LIMIT, 0)])
async def test_a_limit_changed_between_two_starts_hides_nothing(
    store: Store, blobs: Blobs, before: int, after: int
) -> None:
    new = holding(SMALL)
    await Payloads(store, blobs, limit=before).accept(new, SMALL)
    again = Payloads(store, blobs, limit=after)
    assert await again.get(new.sha256) == SMALL
    assert b"".join(await read(again, new.sha256, 5, 4096)) == SMALL[5:]
    repeated = await again.accept(replace(holding(SMALL), identity=new.identity), SMALL)
    assert repeated.id == new.id
    assert await again.get(new.sha256) == SMALL


async def test_what_was_kept_nowhere_is_not_found(store: Store, blobs: Blobs) -> None:
    payloads = Payloads(store, blobs)
    await payloads.accept(holding(SMALL), SMALL)
    for sha256 in ("ab" * 32, "", "no digest"):
        with pytest.raises(Refusal) as caught:
            await payloads.get(sha256)
        assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("damaged", [b"", SMALL[:-1], SMALL[:-1] + b"X", SMALL + b"X"])
async def test_damaged_bytes_in_the_store_are_a_fault_and_given_to_nobody(
    store: Store, damaged: bytes
) -> None:
    blobs = FakeBlobs()
    payloads, new = Payloads(store, blobs), holding(SMALL)
    await payloads.accept(new, SMALL)
    await tamper(store, damaged)
    with pytest.raises(HubFault, match="damaged"):
        await payloads.get(new.sha256)
    for offset in (0, 100):
        with pytest.raises(HubFault, match="damaged"):
            await read(payloads, new.sha256, offset, 1000)


async def test_a_commit_that_refuses_leaves_no_bytes_of_a_small_package(store: Store) -> None:
    blobs = FakeBlobs()
    payloads, first = Payloads(store, blobs), holding(SMALL)
    await payloads.accept(first, SMALL)
    other = SMALL + b"other"
    with pytest.raises(Refusal) as caught:
        await payloads.accept(replace(holding(other), identity=first.identity), other)
    assert caught.value.code is Code.DOCUMENT_CONFLICT
    taken = replace(holding(other), code_number=first.code_number, number_is_free=True)
    with pytest.raises(NumberTaken):
        await payloads.accept(taken, other)
    assert await store.payload(sha256_hex(other)) is None
    assert blobs.content == {}


async def test_a_large_package_is_a_blob_before_its_document_is_accepted(store: Store) -> None:
    blobs = FakeBlobs()
    blobs.fail_next("put", HubFault("no space"))
    new = holding(LARGE)
    payloads = Payloads(store, blobs)
    with pytest.raises(HubFault):
        await payloads.accept(new, LARGE)
    assert await store.document(new.id) is None
    await payloads.accept(new, LARGE)
    assert await payloads.get(new.sha256) == LARGE


async def test_the_same_bytes_of_two_documents_are_found_for_each(store: Store) -> None:
    """An agency's code that changed makes another identity of the same package."""
    payloads = Payloads(store, FakeBlobs())
    one, two = holding(SMALL), holding(SMALL)
    await payloads.accept(one, SMALL)
    await payloads.accept(two, SMALL)
    assert await payloads.get(one.sha256) == SMALL
