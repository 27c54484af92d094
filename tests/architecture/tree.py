"""Which files make up the project? What git tracks or would track; what others generated is told apart."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def project_files() -> tuple[Path, ...]:
    """Every file of the project, ignored ones left out."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = (ROOT / name for name in listing.split("\0") if name)
    return tuple(sorted(path for path in files if path.is_file() and not path.is_symlink()))


@cache
def written_modules() -> tuple[Path, ...]:
    """Python modules that people write: no generated stubs."""
    generated = ("_pb2.py", "_pb2_grpc.py")
    return tuple(
        path for path in project_files() if path.suffix == ".py" and not path.name.endswith(generated)
    )


def shown(path: Path) -> str:
    """The path from the repository's root, for messages."""
    return path.relative_to(ROOT).as_posix()
