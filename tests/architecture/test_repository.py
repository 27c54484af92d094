"""Does the tree agree with itself: version, lock, drawn pages, links, reasons, nothing of one machine?"""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT, project_files, shown

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PAGES: dict[str, Any] = runpy.run_path(str(ROOT / "scripts/make-docs.py"))["PAGES"]

MACHINE_PATH = re.compile(r"(?<![\w.}])/(work|root|home|Users)/\w")
REGISTRY_HOST = re.compile(
    r"\b(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|crates\.io|proxy\.golang\.org|maven\.org|debian\.org)\b"
)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY_HOST], ids=["machine-path", "registry-host"])
def test_no_file_names_a_place_that_is_not_everybodys(pattern: re.Pattern[str]) -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()[:80]}"
        for path in project_files()
        if path != Path(__file__) and pattern.search(text_of(path))
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", text_of(ROOT / "CHANGELOG.md"), flags=re.MULTILINE)
    assert versions[0] == PYPROJECT["project"]["version"]


def test_every_finding_ruff_is_told_to_ignore_has_a_reason() -> None:
    block = re.search(r"^ignore = \[\n(.*?)^\]", text_of(ROOT / "pyproject.toml"), re.MULTILINE | re.DOTALL)
    assert block is not None
    assert [line.strip() for line in block[1].splitlines() if not re.search(r"#\s*\S", line)] == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_drawn_from_tables_are_fresh(name: str) -> None:
    assert text_of(ROOT / "docs" / name) == PAGES[name](), "run `make docs`"


def locked() -> dict[str, str]:
    """Package -> version of every entry in the lock."""
    entries = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", LOCK, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in entries}


def declared() -> list[Requirement]:
    """What pyproject.toml asks for: at run time, in its groups, and to build."""
    groups = PYPROJECT["dependency-groups"].values()
    texts = [
        *PYPROJECT["project"]["dependencies"],
        *PYPROJECT["build-system"]["requires"],
        *(entry for group in groups for entry in group if isinstance(entry, str)),
    ]
    return [Requirement(text) for text in texts]


def test_the_lock_satisfies_every_declared_dependency() -> None:
    versions = locked()
    unmet = [
        str(requirement)
        for requirement in declared()
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0.0.0.dev0"))
    ]
    assert unmet == [], "run `make lock`"


def test_every_dependency_is_accounted_for() -> None:
    page = text_of(ROOT / "docs/dependencies.md")
    silent = [
        requirement.name
        for requirement in declared()
        if not requirement.name.startswith("types-")
        if not re.search(rf"(?<![\w-]){re.escape(requirement.name)}(?![\w-])", page)
    ]
    assert silent == [], "docs/dependencies.md says of each: what for, why this one, licence"


def test_every_locked_package_is_checked_by_hash() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{shown(page)}: {target}"
        for page in project_files()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text_of(page))
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]
    assert broken == []


def test_everything_the_makefile_runs_exists() -> None:
    called = set(re.findall(r"(?<![\w/])(scripts/[\w.-]+)", text_of(ROOT / "Makefile")))
    assert sorted(name for name in called if not (ROOT / name).exists()) == []
