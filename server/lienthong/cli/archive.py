"""Where exported evidence goes: a new folder or a zip file, complete or not at all."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO, Self

from lienthong.errors import Code, Refusal


class Archive:
    """Takes files piece by piece, in order. What `with` leaves without an error is whole; else nothing is left."""

    def __init__(self, out: Path, *, zipped: bool) -> None:
        self._out = out
        self._zipped = zipped
        self._work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))
        self._current: tuple[str, BinaryIO] | None = None
        self.names: list[str] = []

    @classmethod
    def to(cls, out: Path) -> Archive:
        """A zip file where the name ends in .zip, else a folder. Raises `Refusal` where something is there already."""
        if out.exists():
            raise Refusal(Code.ARGUMENT_INVALID, field="OUT", detail=f"{out} is there already")
        if not out.absolute().parent.is_dir():
            raise Refusal(Code.ARGUMENT_INVALID, field="OUT", detail=f"{out.absolute().parent} is no folder")
        return cls(out, zipped=out.suffix.lower() == ".zip")

    def write(self, name: str, chunk: bytes) -> None:
        """The next piece of file `name`; files come one after the other."""
        if self._current is None or self._current[0] != name:
            self._finish()
            path = self._work / _safe(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._current = (name, path.open("xb"))
            self.names.append(name)
        self._current[1].write(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        try:
            if kind is None:
                self._keep()
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _finish(self) -> None:
        if self._current is not None:
            self._current[1].close()
            self._current = None

    def _keep(self) -> None:
        if not self._zipped:
            self._work.chmod(0o755)
            self._work.rename(self._out)
            return
        packed = self._work / ".zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in self.names:
                archive.write(self._work / name, name)
        packed.rename(self._out)


def _safe(name: str) -> PurePosixPath:
    """A relative path that stays inside: the hub names the files, and a hub can be wrong."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or any(p in ("..", ".zip") for p in path.parts) or "\\" in name:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="name", detail=f"the hub sent an unsafe file name: {name!r}"
        )
    return path
