"""Counting instructions: how a dump is read, and a word when valgrind is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import instructions
from bench.instructions import NotInstalled, count

DUMP = """events: Ir
ob=/usr/lib/libc.so.6
fl=x.c
fn=malloc
12 100
cfn=free
calls=3 40
13 900
ob=/usr/lib/libxml2.so.2
fn=parse'2
7 50
fn=parse
8 5
totals: 155
"""


def test_a_called_functions_cost_is_its_own(tmp_path: Path) -> None:
    dump = tmp_path / "out"
    dump.write_text(DUMP, encoding="utf-8")
    counts = instructions._read(dump)
    assert counts.libraries == {"libc": 100, "libxml2": 55}
    assert counts.functions == {"malloc (libc)": 100, "parse (libxml2)": 55}
    assert counts.total == 155


def test_without_valgrind_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NotInstalled, match="apt install valgrind"):
        count(["-c", "pass"])
