"""One province at the present time, and a fake hub of it for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lienthong_client import AgencyClient, Retry
from tests.fakes.agent import Office
from tests.fakes.exchange import FakeExchange
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"


@pytest.fixture(scope="session")
def now_world() -> World:
    """A World whose certificates and lists are valid now: the command line has no other clock."""
    return World(at=datetime.now(UTC))


@pytest.fixture
def hub(now_world: World) -> Iterator[FakeExchange]:
    with FakeExchange.running(now_world) as running:
        yield running


@pytest.fixture
def profile_of(hub: FakeExchange, tmp_path: Path) -> Callable[[str], Path]:
    """Writes an agency's profile and gives its path."""
    return lambda agency: hub.write_profile(tmp_path / "agencies" / agency, agency)


@pytest.fixture
async def connect(profile_of: Callable[[str], Path]) -> AsyncIterator[Callable[[str], AgencyClient]]:
    """Clients with quick retries, closed at the end of the test."""
    async with AsyncExitStack() as stack:
        clients: list[AgencyClient] = []

        def client(agency: str) -> AgencyClient:
            made = AgencyClient.from_profile(
                profile_of(agency), retry=Retry(attempts=3, first=0.01, ceiling=0.05)
            )
            clients.append(made)
            stack.push_async_callback(made.close)
            return made

        yield client


@pytest.fixture
def signed(now_world: World) -> bytes:
    """A document from SENDER to RECIPIENT and OTHER."""
    return now_world.signed(SENDER, [RECIPIENT, OTHER])


@pytest.fixture
async def office(tmp_path: Path, profile_of: Callable[[str], Path]) -> AsyncIterator[Callable[..., Office]]:
    """SENDER's folder for an agent; arguments are settings of the outbox."""
    async with AsyncExitStack() as stack:
        yield lambda **outbox: Office(tmp_path / "office", profile_of(SENDER), stack, **outbox)
