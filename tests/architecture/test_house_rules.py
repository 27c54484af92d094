"""Is every module small, introduced by a docstring and named for what it does?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import shown, written_modules

MOST_LINES_IN_A_FILE = 500
MOST_LINES_IN_A_FUNCTION = 60
EMPTY_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def own_lines(function: Function) -> int:
    """Lines from `def` to the end, without functions defined inside: a registry of commands is no long function."""
    inner = [node for node in ast.iter_child_nodes(function) if isinstance(node, Function)]
    return last(function) - function.lineno + 1 - sum(last(node) - first(node) + 1 for node in inner)


def first(function: Function) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def last(function: Function) -> int:
    return function.end_lineno or function.lineno


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {shown(p): len(p.read_text(encoding="utf-8").splitlines()) for p in written_modules()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_IN_A_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{shown(path)}:{function.lineno} {function.name}": own_lines(function)
        for path in written_modules()
        for function in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_IN_A_FUNCTION} == {}


def test_every_module_starts_with_a_docstring() -> None:
    silent = [
        shown(path)
        for path in written_modules()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    modules = written_modules()
    named = {*modules, *(package for module in modules for package in module.parents)}
    assert sorted(str(path) for path in named if path.stem in EMPTY_NAMES) == []


def test_every_suppressed_finding_says_which_one() -> None:
    """`# noqa` and `# type: ignore` name their code; the blanket forms hide what comes later."""
    blanket = re.compile(r"#\s*(noqa(?!: [A-Z]+[0-9]+)|type:\s*ignore(?!\[))")
    found = [
        f"{shown(path)}:{number}"
        for path in written_modules()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if blanket.search(line)
    ]
    assert found == []
