"""`lienthong up` as a real process, and the two command lines used on it as a person or a program would.

machine = Machine(tmp_path / "state", directory)
machine.start()                                          # returns when it printed its ready line
sent = machine.agency("H48.31.05", "submit", "f.edxml")   # parsed --json; `expect=3` for a refusal
machine.kill("hub")                                       # SIGKILL; the supervisor starts it again
machine.stop()
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
READY_SECONDS = 120.0
DEADLINE = 45.0
READY = re.compile(r"^ready grpc=(\S+:\d+) console=(\S+) state=(.+)$")


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Commands:
    """The two command lines on one state folder, as a person or a program would use them."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def profile(self, code: str) -> Path:
        """The agency's profile."""
        return self.state / "agencies" / code / "profile.toml"

    def agency(self, code: str, *words: str | Path, expect: int = 0) -> Any:
        """`lienthong-agency --json`; what it printed, parsed (a list for several lines)."""
        return run("lienthong-agency", "--profile", self.profile(code), "--json", *words, expect=expect)

    def operator(self, *words: str | Path, expect: int = 0) -> Any:
        """`lienthong --json`."""
        return run("lienthong", "--state", self.state, "--json", *words, expect=expect)

    def inbox(self, code: str) -> list[Any]:
        """The agency's inbox."""
        return listed(self.agency(code, "inbox"))

    def until(self, wanted: Callable[[], Any]) -> Any:
        """Ask again until the answer is true; the answer."""
        return until(wanted)

    def until_state(self, sender: str, document: str, recipient: str, state: str) -> None:
        """Wait until the sender sees the delivery in `state`."""
        until(lambda: self.state_of(sender, document, recipient) == state)

    def state_of(self, sender: str, document: str, recipient: str) -> str:
        """The delivery's state as `track` tells it to the sender."""
        deliveries = self.agency(sender, "track", document)["deliveries"]
        state: str = next(d["state"] for d in deliveries if d["recipient"] == recipient)
        return state


class Machine(Commands):
    """One state folder and the processes on it."""

    def __init__(self, state: Path, directory: Path, *, hubs: int = 1) -> None:
        super().__init__(state)
        self.directory = directory
        self._hubs = hubs
        self.ready_line = ""
        self._up: subprocess.Popen[str] | None = None
        self._port, self._console = free_port(), free_port()

    # --- processes --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run `lienthong up` until it says it is ready."""
        command = [BIN / "lienthong", "up", "--state", self.state, "--directory", self.directory]
        command += ["--hubs", str(self._hubs)] if self._hubs > 1 else []
        command += ["--grpc-port", str(self._port), "--console-port", str(self._console)]
        errors = (self.state.parent / "up.err").open("a")
        with errors:
            self._up = subprocess.Popen(  # ends in stop()
                [str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._up.stdout is not None
        killer = _after(READY_SECONDS, self._up.kill)
        self.ready_line = self._up.stdout.readline().rstrip("\n")
        killer.cancel()
        if not READY.match(self.ready_line):
            self._up.kill()
            self._up.communicate()
            pytest.fail((self.state.parent / "up.err").read_text())

    def stop(self) -> int:
        """SIGINT, and the exit code."""
        if self._up is None:
            return 0
        self._up.send_signal(signal.SIGINT)
        return self._ended(60)

    def until_serving(self) -> None:
        """Wait until the hub's port is open again."""
        self.until(lambda: listens(self._port))

    def kill_all(self) -> None:
        """SIGKILL to the supervisor, which takes everything else with it."""
        assert self._up is not None
        self._up.kill()
        self._ended(10)

    def _ended(self, seconds: float) -> int:
        assert self._up is not None
        assert self._up.stdout is not None
        code = self._up.wait(seconds)
        self._up.stdout.close()
        self._up = None
        return code

    def child(self, program: str) -> psutil.Process:
        """The running `hub` or `relay`."""
        assert self._up is not None
        for process in psutil.Process(self._up.pid).children(recursive=True):
            words = process.cmdline()
            if program in words and any("lienthong" in word for word in words):
                return process
        raise AssertionError(f"no {program} runs")

    def kill(self, program: str) -> None:
        """SIGKILL, as a crash or the kernel would."""
        process = self.child(program)
        process.kill()
        process.wait(10)


def run(program: str, *words: str | Path, expect: int = 0) -> Any:
    """Run one of our programs with --json among the words; asserts the exit code, returns what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIENTHONG")}
    done = subprocess.run(
        [str(BIN / program), *(str(word) for word in words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment | {"COLUMNS": "120"},
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else lines


def listed(answer: Any) -> list[Any]:
    """A list command's answer as a list, whether it had one line or several."""
    return answer if isinstance(answer, list) else [answer]


def until(wanted: Callable[[], Any]) -> Any:
    """Ask again until the answer is true; the answer."""
    deadline = time.monotonic() + DEADLINE
    while not (answer := wanted()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return answer


def _after(seconds: float, act: Callable[[], None]) -> Any:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer
