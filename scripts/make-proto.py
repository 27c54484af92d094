"""How are the Python stubs made from proto/? `make proto` writes them under server/, where their import path lies.

tests/architecture makes them a second time elsewhere and compares: committed stubs cannot part from their source.
"""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "proto"


def generate(target: Path) -> list[Path]:
    """Write the stubs of every .proto under `target` and return their paths. Exits where protoc finds a fault."""
    protos = sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.proto"))
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    includes = [f"-I{SOURCES}", f"-I{files('grpc_tools') / '_proto'}"]
    if protoc.main(["protoc", *includes, *outputs, *protos]) != 0:
        sys.exit("make-proto: protoc refused the sources")
    for proto in protos:
        if "\nservice " not in (SOURCES / proto).read_text(encoding="utf-8"):
            stub(target, proto, "_pb2_grpc.py").unlink()
    suffixes = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")
    made = [stub(target, proto, suffix) for proto in protos for suffix in suffixes]
    return [path for path in made if path.exists()]


def stub(target: Path, proto: str, suffix: str) -> Path:
    """Where protoc writes the stub of `proto` that ends in `suffix`."""
    return target / (proto.removesuffix(".proto") + suffix)


if __name__ == "__main__":
    generate(ROOT / "server")
