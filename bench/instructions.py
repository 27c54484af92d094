"""How many machine instructions does a piece of Python take? Counted by callgrind, so a busy machine changes nothing.

The program runs under valgrind with instrumentation off, so imports, keys and ready-made documents cost little and
are not counted. `counting` switches it on for the measured calls alone: the switch is a client request, which takes
valgrind's own header and a C compiler (eight lines, compiled for each run).

What the counts are not: time. Caches that miss, and the kernel, are not in them; and valgrind knows neither SHA-NI nor
ADX, so digests and RSA take more instructions there than the processor needs.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SWITCH: Final = """
#include <valgrind/callgrind.h>
void on(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void off(void) { CALLGRIND_DUMP_STATS; CALLGRIND_STOP_INSTRUMENTATION; }
"""
_LIBRARY: Final = "LIENTHONG_CALLGRIND_SWITCH"  #: environment variable: where the compiled switch lies


class NotInstalled(Exception):
    """Something that counting needs is not on this machine; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Instructions, by themselves (not with what they call)."""

    libraries: Counter[str]
    functions: Counter[str]

    @property
    def total(self) -> int:
        """All of them."""
        return self.libraries.total()


def count(arguments: list[str]) -> Counts:
    """Run this Python with `arguments` under callgrind; counted is what it runs inside `counting`.

    Raises:
        NotInstalled: no valgrind, its header or a C compiler.
        subprocess.CalledProcessError: the program failed.
    """
    valgrind, compiler = shutil.which("valgrind"), shutil.which("cc")
    if valgrind is None or compiler is None:
        raise NotInstalled("counting instructions needs valgrind and a C compiler (apt install valgrind gcc)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, library = folder / "switch.c", folder / "switch.so"
        source.write_text(_SWITCH, encoding="utf-8")
        compiled = subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", library, source], check=False, stderr=subprocess.PIPE
        )
        if compiled.returncode:
            raise NotInstalled(f"valgrind/callgrind.h cannot be compiled: {compiled.stderr.decode()[:200]}")
        options = [
            "--tool=callgrind", "--quiet", "--instr-atstart=no", "--compress-strings=no", "--compress-pos=no",
            f"--callgrind-out-file={folder / 'out'}",
        ]  # fmt: skip
        environment = os.environ | {_LIBRARY: str(library), "PYTHONHASHSEED": "0"}
        subprocess.run([valgrind, *options, sys.executable, *arguments], env=environment, check=True)
        return _read(folder / "out.1")


@contextmanager
def counting() -> Iterator[None]:
    """Count what runs inside; in a program that `count` started, once."""
    switch = ctypes.CDLL(os.environ[_LIBRARY])
    switch.on()
    try:
        yield
    finally:
        switch.off()


def _read(dump: Path) -> Counts:
    """callgrind's own format: `ob=` and `fn=` name where the costs that follow belong, but for one after `calls=`."""
    libraries: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    library = function = ""
    called = False  # the next line tells what a called function cost; it has its own lines
    for line in dump.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("ob="):
            library = Path(line[3:]).name.partition(".")[0]
        elif line.startswith("fn="):
            function = line[3:].partition("'")[0]  # without the depth of a recursion
        elif line.startswith("calls="):
            called = True
        elif line[:1].isdigit():
            if not called:
                cost = int(line.split()[1])
                libraries[library] += cost
                functions[f"{function} ({library})"] += cost
            called = False
    return Counts(libraries, functions)
