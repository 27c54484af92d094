"""What every command shares: the global options, the profile and one client for one run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import typer

from lienthong_client.cli.output import Output
from lienthong_client.client import AgencyClient
from lienthong_client.profile import Profile

T = TypeVar("T")


@dataclass
class Session:
    """One run of the program."""

    profile_path: Path
    output: Output

    @cached_property
    def profile(self) -> Profile:
        """The profile, read when first needed. Raises `ProfileError`."""
        return Profile.load(self.profile_path)

    def client(self) -> AgencyClient:
        """A client that speaks the user's language to the hub."""
        return AgencyClient(self.profile, language=self.output.words.language)

    def run(self, work: Callable[[AgencyClient], Awaitable[T]]) -> T:
        """Do `work` with a client in an event loop of its own."""

        async def within() -> T:
            async with self.client() as client:
                return await work(client)

        return asyncio.run(within())


def session_of(context: typer.Context) -> Session:
    """The session the program's callback made."""
    session = context.obj
    if not isinstance(session, Session):  # pragma: no cover - commands run below the callback
        raise TypeError("no session")
    return session
