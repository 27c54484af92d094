"""Are children started, known to be ready, started again, stopped, and found after a crash?"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from lienthong.cli import supervisor as supervision
from lienthong.cli.supervisor import AlreadyRunning, Child, ChildFailed, Supervisor, end_leftovers

WAIT = 20.0

READY = """
import os, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("ended well", flush=True), sys.exit(0)))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True: time.sleep(60)
"""
STUBBORN = READY.replace('lambda *_: (print("ended well", flush=True), sys.exit(0))', "signal.SIG_IGN")
STILLBORN = "import sys; sys.exit('no such port')"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def supervisor(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Supervisor]:
    monkeypatch.setattr(supervision, "FIRST_DELAY", 0.01)
    made = Supervisor(tmp_path / "thư mục" / "run", said.append)
    made.acquire()
    yield made
    await made.stop()


def child(tmp_path: Path, name: str, script: str) -> Child:
    return Child(name=name, command=[sys.executable, "-c", script], log=tmp_path / "logs" / f"{name}.log")


def pid(of: Child) -> int:
    assert of.process is not None
    return of.process.pid


async def test_children_are_ready_when_they_say_so_and_stop_in_reverse(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    first, second = child(tmp_path, "first", READY), child(tmp_path, "second", READY)
    supervisor.add(first)
    supervisor.add(second)
    await asyncio.wait_for(supervisor.ready(), WAIT)
    assert os.getpgid(pid(first)) == pid(first) != os.getpgid(0)
    await asyncio.wait_for(supervisor.stop(), WAIT)
    assert first.log.read_text() == second.log.read_text() == "ended well\n"
    assert not first.running
    assert not second.running


async def test_a_child_that_dies_is_started_again(
    supervisor: Supervisor, tmp_path: Path, said: list[str]
) -> None:
    hub = child(tmp_path, "hub", READY)
    supervisor.add(hub)
    await asyncio.wait_for(supervisor.ready(), WAIT)
    before = pid(hub)
    os.kill(before, signal.SIGKILL)
    async with asyncio.timeout(WAIT):
        while hub.starts < 2:
            await asyncio.sleep(0.01)
        await supervisor.ready()
    assert pid(hub) != before
    assert any("hub ended (signal SIGKILL)" in line for line in said)


async def test_a_child_that_never_gets_ready_is_given_up_with_the_end_of_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    supervisor.add(child(tmp_path, "hub", STILLBORN))
    with pytest.raises(ChildFailed, match="no such port"):
        await asyncio.wait_for(supervisor.ready(), WAIT)


async def test_a_child_that_does_not_stop_is_killed(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "STOP_SECONDS", 0.2)
    stubborn = child(tmp_path, "relay", STUBBORN)
    supervisor.add(stubborn)
    await asyncio.wait_for(supervisor.ready(), WAIT)
    await asyncio.wait_for(supervisor.stop(), WAIT)
    assert stubborn.process is not None
    assert stubborn.process.returncode == -signal.SIGKILL


async def test_a_second_supervisor_of_one_folder_is_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    second = Supervisor(tmp_path / "thư mục" / "run", print)
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        second.acquire()
    await supervisor.stop()
    second.acquire()
    await second.stop()


async def test_the_running_children_are_on_the_list_and_gone_after_the_stop(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    hub = child(tmp_path, "hub", READY)
    supervisor.add(hub)
    await asyncio.wait_for(supervisor.ready(), WAIT)
    path = tmp_path / "thư mục" / "run" / "processes.json"
    [row] = json.loads(path.read_text())
    assert (row["name"], row["pid"]) == ("hub", pid(hub))
    await supervisor.stop()
    assert not path.exists()


def test_leftovers_of_a_killed_run_are_ended(tmp_path: Path, said: list[str]) -> None:
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        path = tmp_path / "processes.json"
        since = psutil.Process(left.pid).create_time()
        path.write_text(json.dumps([{"name": "hub", "pid": left.pid, "since": since}]))
        end_leftovers(path, said.append)
        assert not psutil.pid_exists(left.pid)
        assert "left of an earlier run" in said[0]
    finally:
        left.kill()
        left.wait()


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path, said: list[str]) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        path = tmp_path / "processes.json"
        path.write_text(json.dumps([{"name": "hub", "pid": other.pid, "since": 1.0}]))
        end_leftovers(path, said.append)
        assert other.poll() is None
        assert said == []
    finally:
        other.kill()
        other.wait()
