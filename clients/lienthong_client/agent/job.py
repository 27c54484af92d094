"""What does a job look like on disk, and what does a start find after a crash?

A job is one folder `sending/ID NAME/`; what stands in it is how far it got:

    (nothing)        made, nothing taken           -> taken away again
    job.json         which files are being taken   -> the rest of them is moved in
      source/        the office's files
    prepared.json    document.edxml holds the bytes to submit, signed once and for ever
    result.json      the hub's answer, with acceptance.xml; or why it failed, with reason.txt
                                                   -> the folder moves to sent/NAME or failed/NAME

Each arrow is one durable write or one rename, and doing it again changes nothing: submitting the same bytes gets the
hub's first answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, Self

from lienthong.domain.document import Lane
from lienthong.domain.ids import new_id
from lienthong_client.agent.disk import Disk
from lienthong_client.agent.outbox import Group, Kind, Look
from lienthong_client.cli.shapes import moment
from lienthong_client.files import safe_name

JOB, PREPARED, RESULT, REASON = "job.json", "prepared.json", "result.json", "reason.txt"
DOCUMENT, ACCEPTANCE, SOURCE = "document.edxml", "acceptance.xml", "source"
_LONGEST_NAME = 120  # bytes of the job's name; the id and " (2)" come to it

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One file: its name in the outbox, its name in source/, and what it looked like when it was chosen."""

    original: str
    kept: str
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The bytes to submit."""

    file: str  #: relative to the job's folder
    lane: Lane
    names: tuple[str, ...] = ()  #: of a new document; none where it is about earlier ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One document on its way out."""

    id: str
    name: str
    kind: Kind
    folder: Path
    files: tuple[Taken, ...]  #: the main one first
    taken_at: str
    reason: str | None = None  #: of a stray file

    @classmethod
    def begin(cls, disk: Disk, sending: Path, outbox: Path, group: Group, *, at: datetime) -> Self | None:
        """Write down what is to be taken; None when it changed or vanished since it was chosen."""
        looks = {name: Look.at(outbox / name) for name in group.names}
        job_id, name = new_id(), short_name(PurePath(group.main).stem)
        kept: dict[str, str] = {}
        for original in group.names:
            kept[original] = _unused(safe_name(original, "file"), set(kept.values()))
        files = tuple(
            Taken(original=original, kept=kept[original], look=look)
            for original, look in looks.items()
            if look is not None
        )
        if len(files) < len(group.names):
            return None
        job = cls(
            id=job_id,
            name=name,
            kind=group.kind,
            folder=sending / f"{job_id} {name}",
            files=files,
            taken_at=moment(at) or "",
            reason=group.reason,
        )
        disk.make(job.folder)
        disk.make(job.folder / SOURCE)
        disk.write(job.folder / JOB, _dump(job._manifest()))
        return job

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The job in a folder; None when nothing was taken into it."""
        try:
            found = json.loads((folder / JOB).read_bytes())
        except FileNotFoundError:
            return cls._almost_gone(folder)
        return cls(
            id=found["id"],
            name=found["name"],
            kind=Kind(found["kind"]),
            folder=folder,
            files=tuple(
                Taken(original=f["original"], kept=f["kept"], look=Look(*f["look"])) for f in found["files"]
            ),
            taken_at=found["taken_at"],
            reason=found["reason"],
        )

    @classmethod
    def _almost_gone(cls, folder: Path) -> Self | None:
        """A job that was decided and told, and has only to move."""
        if not (folder / RESULT).exists():
            return None
        found = json.loads((folder / RESULT).read_bytes())
        return cls(
            id=found["job"],
            name=found["name"],
            kind=Kind.STRAY,
            folder=folder,
            files=(),
            taken_at=found["taken_at"],
        )

    def take(self, disk: Disk, outbox: Path) -> str | None:
        """Move the files in, those that are not; what is wrong when one changed or vanished meanwhile."""
        problems = []
        for file in self.files:
            if self.source(file).exists():
                continue
            look = Look.at(outbox / file.original)
            if look != file.look:
                what = "biến mất / vanished" if look is None else "thay đổi / changed"
                problems.append(f"{file.kept}: {what} while it was taken")
                continue
            disk.move(outbox / file.original, self.source(file))
        return "; ".join(problems) or None

    def source(self, file: Taken) -> Path:
        """Where a taken file lies."""
        return self.folder / SOURCE / file.kept

    @property
    def beside(self) -> int:
        """Bytes of the files taken along with the main one."""
        return sum(file.look.size for file in self.files[1:])

    @property
    def main(self) -> Path:
        """The edXML or the YAML."""
        return self.source(self.files[0])

    @property
    def prepared(self) -> Prepared | None:
        """What is to be submitted, when that is settled."""
        try:
            found = json.loads((self.folder / PREPARED).read_bytes())
        except FileNotFoundError:
            return None
        names = tuple(found.get("names", ()))
        return Prepared(file=found["file"], lane=Lane(found["lane"]), names=names)

    def prepare(self, disk: Disk, signed: bytes | None, lane: Lane, names: tuple[str, ...]) -> Prepared:
        """Settle the bytes to submit: `signed`, or the main file as it is (None)."""
        if signed is not None:
            disk.write(self.folder / DOCUMENT, signed)
        file = DOCUMENT if signed is not None else f"{SOURCE}/{self.files[0].kept}"
        disk.write(self.folder / PREPARED, _dump({"file": file, "lane": lane.value, "names": names}))
        return Prepared(file=file, lane=lane, names=names)

    @property
    def result(self) -> Json | None:
        """How it ended, when it has."""
        try:
            found: Json = json.loads((self.folder / RESULT).read_bytes())
        except FileNotFoundError:
            return None
        return found

    def decide(self, disk: Disk, state: str, facts: Json, *, at: datetime) -> Json:
        """Write down how it ended."""
        prepared = self.prepared
        result = {
            "state": state,
            "job": self.id,
            "name": self.name,
            "files": [file.kept for file in self.files],
            "document": prepared.file if prepared else None,
            "taken_at": self.taken_at,
            "decided_at": moment(at),
            **facts,
        }
        disk.write(self.folder / RESULT, _dump(result, indent=2))
        return result

    def finish(self, disk: Disk, place: Path) -> None:
        """Move the whole folder to its place in sent/ or failed/."""
        disk.remove(self.folder / PREPARED)
        disk.remove(self.folder / JOB)
        disk.move(self.folder, place)

    def _manifest(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "kind": self.kind.value,
            "taken_at": self.taken_at,
            "reason": self.reason,
            "files": [
                {
                    "original": file.original,
                    "kept": file.kept,
                    "look": [file.look.size, file.look.mtime_ns, file.look.inode],
                }
                for file in self.files
            ],
        }


def short_name(text: str, fallback: str = "document") -> str:
    """A safe name for a folder."""
    return safe_name(text, fallback).encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip(". ") or fallback


def _unused(name: str, used: set[str]) -> str:
    return next(candidate for candidate in _numbered(name) if candidate not in used)


def _numbered(name: str) -> Iterator[str]:
    path = PurePath(name)
    yield name
    yield from (f"{path.stem} ({number}){path.suffix}" for number in range(2, 10_000))


def _dump(value: Json, indent: int | None = None) -> bytes:
    # names of files may hold bytes that are no UTF-8: their backslash form is JSON's own escape
    return json.dumps(value, ensure_ascii=False, indent=indent).encode("utf-8", "backslashreplace")
