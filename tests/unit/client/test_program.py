"""Does the real program behave: processes, signals, locales, silent networks?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lienthong_client import AgencyClient, Unreachable
from tests.fakes.exchange import FakeExchange
from tests.fakes.ports import free_port
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
PROGRAM = [sys.executable, "-m", "lienthong_client.cli.main"]
DEADLINE = 60  # seconds


def program(*args: str, locale: str = "C.UTF-8") -> subprocess.CompletedProcess[bytes]:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))
    }
    environment |= {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    return subprocess.run(
        [*PROGRAM, *args], capture_output=True, timeout=DEADLINE, env=environment, check=False
    )


def test_vietnamese_comes_out_as_utf8_under_lang_c(profile_of: Callable[[str], Path]) -> None:
    profile = str(profile_of(SENDER))
    done = program("--profile", profile, "agencies", "find", "bình sơn", locale="C")
    assert done.returncode == 0, done.stderr
    assert "UBND huyện Bình Sơn" in done.stdout.decode("utf-8")
    done = program("--profile", profile, "--json", "agencies", "find", "bình sơn", locale="C")
    assert json.loads(done.stdout.decode("utf-8"))["name"] == "UBND huyện Bình Sơn"


def test_exit_codes_of_the_process(
    profile_of: Callable[[str], Path], hub: FakeExchange, tmp_path: Path
) -> None:
    profile = str(profile_of(SENDER))
    assert program("--profile", profile, "inbox").returncode == 0
    assert program("--profile", profile, "inbox", "--bogus").returncode == 2
    assert program("--profile", profile, "track", "nothing").returncode == 3
    down = hub.write_profile(tmp_path / "down" / SENDER, SENDER, address=f"127.0.0.1:{free_port()}")
    started = time.monotonic()
    done = program("--profile", str(down), "inbox")
    assert done.returncode == 4
    assert time.monotonic() - started < 20  # seconds, on a busy machine; some two when idle
    assert b"Traceback" not in done.stderr


def test_follow_prints_each_delivery_at_once_and_ends_on_ctrl_c(
    profile_of: Callable[[str], Path], hub: FakeExchange, now_world: World
) -> None:
    first = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="1"))
    args = [*PROGRAM, "--profile", str(profile_of(RECIPIENT)), "--json", "inbox", "--follow"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["document_id"] == first.id
        second = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="2"))
        assert json.loads(process.stdout.readline())["document_id"] == second.id
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
        assert b"Traceback" not in process.stderr.read()


def test_reader_that_leaves_is_no_error(profile_of: Callable[[str], Path], hub: FakeExchange) -> None:
    args = [*PROGRAM, "--profile", str(profile_of(SENDER)), "agencies", "find", "ubnd"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.wait(DEADLINE)
        assert process.stderr.read() == b""


async def test_silent_network_is_unreachable_after_the_connect_timeout(
    hub: FakeExchange, tmp_path: Path
) -> None:
    """Somebody listens and never answers: one timeout, not one per attempt."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        profile = hub.write_profile(tmp_path / "a" / SENDER, SENDER, address=address)
        started = time.monotonic()
        async with AgencyClient.from_profile(profile, connect_timeout=0.5) as client:
            with pytest.raises(Unreachable) as caught:
                await client.inbox()
        assert caught.value.timed_out
        assert address in caught.value.message("vi")
        assert time.monotonic() - started < 5


async def test_hub_with_a_certificate_of_another_authority_is_unreachable(
    hub: FakeExchange, tmp_path: Path
) -> None:
    profile = hub.write_profile(tmp_path / "a" / SENDER, SENDER)
    (tmp_path / "a" / "trust" / "transport-ca.pem").write_bytes(hub.world.agency_ca.certificate_pem())
    async with AgencyClient.from_profile(profile, connect_timeout=2) as client:
        with pytest.raises(Unreachable) as caught:
            await client.inbox()
    assert "certificate" in caught.value.detail.lower()
