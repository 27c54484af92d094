"""Where does everything lie, and who else works there? The agent's folders under one root, and the lock on them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lienthong.errors import Code
from lienthong_client.errors import Misuse

LOCK = ".agent.lock"


@dataclass(frozen=True, slots=True)
class Folders:
    """All folders, on one file system: what moves between them moves by rename."""

    root: Path

    @property
    def outbox(self) -> Path:
        """Where the office puts what it wants sent."""
        return self.root / "outbox"

    @property
    def sending(self) -> Path:
        """One folder per job that was taken and is not decided."""
        return self.root / "sending"

    @property
    def sent(self) -> Path:
        """One folder per document the hub accepted."""
        return self.root / "sent"

    @property
    def failed(self) -> Path:
        """One folder per document that could not be sent."""
        return self.root / "failed"

    @property
    def inbox(self) -> Path:
        """One folder per document received."""
        return self.root / "inbox"

    @property
    def refused(self) -> Path:
        """One note per delivery that was not believed."""
        return self.root / "refused"

    @property
    def notices(self) -> Path:
        """One folder per notice about a document: recalled, replaced, asked back."""
        return self.root / "notices"

    @property
    def noticed(self) -> Path:
        """One folder per notice that stands in `notices` or did lately."""
        return self.root / ".notices"

    @property
    def arriving(self) -> Path:
        """One folder per delivery whose receipt is not with the hub yet."""
        return self.root / ".arriving"

    @property
    def webhooks(self) -> Path:
        """One folder per webhook with the calls it still waits for."""
        return self.root / ".webhooks"

    @property
    def changes(self) -> Path:
        """The file that says up to where later changes were told to webhooks."""
        return self.root / ".changes.json"

    @classmethod
    def make(cls, root: Path) -> Folders:
        """Make what is missing. Raises OSError; `Misuse` when a folder lies on another file system."""
        made = cls(root)
        root.mkdir(parents=True, exist_ok=True)
        device = root.stat().st_dev
        for folder in made.all():
            folder.mkdir(exist_ok=True)
            if folder.stat().st_dev != device:
                raise Misuse(
                    Code.ARGUMENT_INVALID,
                    field=str(folder),
                    detail=f"lies on another file system than {root}: files could not move in one step",
                )
        return made

    def all(self) -> tuple[Path, ...]:
        """Every folder under the root."""
        return (
            self.outbox, self.sending, self.sent, self.failed, self.inbox, self.refused, self.notices,
            self.noticed, self.arriving, self.webhooks,
        )  # fmt: skip

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One agent per root: the kernel lets go of the lock when the process ends, however it ends."""
        handle = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                owner = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
                raise Misuse(
                    Code.ARGUMENT_INVALID,
                    field=str(self.root),
                    detail=f"another agent works in this folder (process {owner})",
                ) from error
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(handle)
