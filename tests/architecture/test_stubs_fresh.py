"""Are the committed protobuf modules what `make proto` makes, and does every service and call say what it is?"""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

ROOT = Path(__file__).parents[2]
PROTOS = sorted((ROOT / "proto").rglob("*.proto"))
PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def modules(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for pattern in PATTERNS
        for path in root.joinpath("lienthong").rglob(pattern)
    }


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    out = tmp_path_factory.mktemp("descriptors") / "set.bin"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", "--include_source_info"]
    files = [path.relative_to(ROOT / "proto").as_posix() for path in PROTOS]
    subprocess.run([*command, f"--descriptor_set_out={out}", *files], cwd=ROOT, check=True)
    return FileDescriptorSet.FromString(out.read_bytes())


def test_committed_modules_are_those_the_script_makes(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "scripts" / "make-proto.py"))["generate"](tmp_path)
    fresh, committed = modules(tmp_path), modules(ROOT / "server")
    assert committed.keys() == fresh.keys()
    assert [name for name in fresh if fresh[name] != committed[name]] == [], "run make proto"


def test_grpc_modules_stand_only_where_services_are() -> None:
    with_services = {path.stem for path in PROTOS if "\nservice " in path.read_text()}
    made = {path.name.removesuffix("_pb2_grpc.py") for path in (ROOT / "server").rglob("*_pb2_grpc.py")}
    assert made == with_services
    assert made >= {"admin", "directory", "exchange", "business"}


def uncommented(file: FileDescriptorProto) -> Iterator[str]:
    comments = {tuple(place.path): place.leading_comments.strip() for place in file.source_code_info.location}
    for number, service in enumerate(file.service):
        if not comments.get((6, number)):  # 6: FileDescriptorProto.service, 2: ServiceDescriptorProto.method
            yield service.name
        for position, method in enumerate(service.method):
            if not comments.get((6, number, 2, position)):
                yield f"{service.name}.{method.name}"


def test_every_service_and_call_says_what_it_is(descriptors: FileDescriptorSet) -> None:
    assert sum(len(file.service) for file in descriptors.file) >= 4
    assert [name for file in descriptors.file for name in uncommented(file)] == []


def test_every_proto_file_opens_with_its_purpose_and_lives_where_its_package_says() -> None:
    for path in PROTOS:
        text = path.read_text()
        assert text.startswith("// "), path
        package = path.parent.relative_to(ROOT / "proto").as_posix().replace("/", ".")
        assert f"\npackage {package};\n" in text, path
