"""What lies in an exported folder or zip: the documents and records in it, read within bounds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lienthong.edxml.bounds import Limits
from lienthong.errors import Code
from lienthong_client.errors import Misuse

_SUFFIXES = frozenset({".xml", ".edxml"})
_ATTACHMENTS = "attachments"  # the documents' own files: not ours to judge
_MAX_FILES = 10_000
_LIMITS = Limits()


def load(path: Path, limits: Limits = _LIMITS) -> list[tuple[str, bytes]]:
    """(name, bytes) of every document and record at `path`: a file, a folder or a zip. Raises `Misuse`, OSError."""
    if path.is_dir():
        found = list(_from_folder(path, limits))
    else:
        found = (
            list(_from_zip(path, limits)) if zipfile.is_zipfile(path) else [(path.name, _read(path, limits))]
        )
    if not found:
        raise Misuse(Code.NOT_FOUND, field=str(path), detail="no .edxml or .xml file in it")
    return found


def _from_folder(folder: Path, limits: Limits) -> Iterator[tuple[str, bytes]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    for path in files:
        name = path.relative_to(folder).as_posix()
        if _is_ours(name):
            yield name, _read(path, limits)


def _from_zip(path: Path, limits: Limits) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_FILES:
                raise Misuse(Code.ATTACHMENT_BOMB, field=str(path), detail=f"{len(entries)} entries")
            room = limits.max_unpacked
            for entry in sorted(entries, key=lambda entry: entry.filename):
                if entry.is_dir() or not _is_ours(entry.filename):
                    continue
                with archive.open(entry) as file:
                    data = file.read(min(limits.max_bytes, room) + 1)  # never trusts the declared size
                room -= len(data)
                if len(data) > limits.max_bytes or room < 0:
                    raise Misuse(Code.XML_TOO_LARGE, field=entry.filename, detail="unpacks to too much")
                yield entry.filename, data
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Misuse(Code.ARGUMENT_INVALID, field=str(path), detail=f"unreadable zip: {error}") from error


def _is_ours(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in _SUFFIXES and _ATTACHMENTS not in path.parts[:-1]


def _read(path: Path, limits: Limits) -> bytes:
    if path.stat().st_size > limits.max_bytes:
        raise Misuse(Code.XML_TOO_LARGE, field=str(path), detail=f"over {limits.max_bytes} bytes")
    return path.read_bytes()
