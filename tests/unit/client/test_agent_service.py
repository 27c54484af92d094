"""Does the agent tell other systems, tell how it is, start and stop as a service should?"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lienthong.domain.document import Lane
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.agent.letter import read_letter
from lienthong_client.agent.settings import (
    EventKind,
    InboxSettings,
    OutboxSettings,
    StatusSettings,
    WebhookSettings,
)
from lienthong_client.agent.status import serve_status
from lienthong_client.agent.webhooks import GIVEN_UP, signature
from lienthong_client.cli.main import app
from lienthong_client.errors import Misuse
from lienthong_client.profile import SenderDefaults
from tests.fakes.agent import HookServer, JumpingPace
from tests.fakes.exchange import FakeExchange
from tests.fakes.ports import free_port
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
AGENCY = str(Path(sys.executable).with_name("lienthong-agency"))
KEY = b"thirty-two bytes of pure chance!"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
DEADLINE = 30.0  # seconds
Make = Callable[..., Agent]


@pytest.fixture
async def agent_of(tmp_path: Path, profile_of: Callable[[str], Path]) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        def make(agency: str, pace: JumpingPace | None = None, **settings: Any) -> Agent:
            values = {"profile": profile_of(agency), "folder": tmp_path / agency, **settings}
            made = Agent(AgentSettings.model_validate(values), pace=pace)
            stack.push_async_callback(made.client.close)
            return made

        yield make


def _hook(url: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "eoffice", "url": url, "secret": SECRET, **more}]


# --- webhooks --------------------------------------------------------------------------------------------


def test_signature_is_that_of_standard_webhooks() -> None:
    """The example every library of the standard is tested with."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_sent_failed_and_received_are_told_with_a_signature(
    agent_of: Make, hub: FakeExchange, now_world: World
) -> None:
    with HookServer.running() as server:
        pace = JumpingPace()
        agent = agent_of(SENDER, pace, webhooks=_hook(server.url))
        (agent.folders.outbox / "a.edxml").write_bytes(now_world.signed(SENDER, [RECIPIENT]))
        (agent.folders.outbox / "b.edxml").write_bytes(b"<notice>not edXML</notice>")
        await agent.sender.take()
        pace.jump(seconds=3)
        await agent.sender.take()
        await agent.sender.send(Lane.NORMAL)
        stored = hub.put(now_world.signed(RECIPIENT, [SENDER]))
        await agent.receiver.receive(stored.deliveries[SENDER])
        await agent.webhooks.round()
    told = {call.event["type"]: call for call in server.calls}
    assert set(told) == {"document.sent", "document.failed", "document.received"}
    sent = told["document.sent"].event["data"]
    assert (sent["state"], sent["folder"]) == ("sent", "sent/a")
    assert (agent.folders.root / sent["folder"] / "result.json").exists()
    received = told["document.received"].event["data"]
    assert (
        agent.folders.root / received["folder"] / received["files"]["document"]
    ).read_bytes() == stored.data
    for call in server.calls:
        content = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
        mac = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
        assert call.headers["webhook-signature"] == f"v1,{mac}"
        assert call.event["id"] == call.headers["webhook-id"]


async def test_server_that_fails_is_called_again_with_growing_pauses_until_it_recovers(
    agent_of: Make,
) -> None:
    with HookServer.running() as server:
        pace = JumpingPace()
        agent = agent_of(SENDER, pace, webhooks=_hook(server.url))
        server.answers = [500, 302, 400, 204]
        agent.webhooks.emit(EventKind.SENT, "1", {})
        for calls, seconds in ((1, 7), (2, 20), (3, 60), (4, 3600), (4, 3600)):
            await agent.webhooks.round()
            await agent.webhooks.round()  # not due: nothing happens
            assert len(server.calls) == calls
            pace.jump(seconds=seconds)
    assert len({call.headers["webhook-id"] for call in server.calls}) == 1
    assert len({call.body for call in server.calls}) == 1
    assert agent.status.health()["ok"]


async def test_server_that_is_away_gets_everything_when_it_is_back(agent_of: Make) -> None:
    port = free_port()
    pace = JumpingPace()
    agent = agent_of(SENDER, pace, webhooks=_hook(f"http://127.0.0.1:{port}/hook"))
    for number in range(5):
        agent.webhooks.emit(EventKind.SENT, str(number), {})
    for _ in range(5):
        await agent.webhooks.round()
        pace.jump(minutes=5)
    assert "eoffice" in str(agent.status.health()["troubles"])
    again = agent_of(SENDER, pace, webhooks=_hook(f"http://127.0.0.1:{port}/hook"))  # after a restart
    with HookServer.running(port) as server:
        await again.webhooks.round()
    assert [call.event["id"] for call in server.calls] == [f"document.sent_{n}" for n in range(5)]


async def test_one_event_a_server_cannot_take_does_not_hold_up_the_others(agent_of: Make) -> None:
    with HookServer.running() as server:
        agent = agent_of(SENDER, JumpingPace(), webhooks=_hook(server.url))
        server.answers = [500]
        for number in range(3):
            agent.webhooks.emit(EventKind.SENT, str(number), {})
        await agent.webhooks.round()
        assert len(server.calls) == 3


async def test_call_nobody_takes_for_a_week_is_put_aside_and_kept(agent_of: Make) -> None:
    with HookServer.running() as server:
        pace = JumpingPace()
        agent = agent_of(SENDER, pace, webhooks=_hook(server.url))
        server.answers = [500, 500]
        agent.webhooks.emit(EventKind.SENT, "1", {})
        await agent.webhooks.round()
        pace.jump(days=7, minutes=1)
        await agent.webhooks.round()
    folder = agent.folders.webhooks / "eoffice"
    assert [path.name for path in (folder / GIVEN_UP).iterdir()] == ["document.sent_1.json"]
    assert list(folder.glob("*.json")) == []


async def test_only_the_events_asked_for(agent_of: Make) -> None:
    with HookServer.running() as server:
        agent = agent_of(SENDER, JumpingPace(), webhooks=_hook(server.url, events=["document.failed"]))
        agent.webhooks.emit(EventKind.SENT, "1", {})
        agent.webhooks.emit(EventKind.FAILED, "2", {})
        await agent.webhooks.round()
    assert [call.event["type"] for call in server.calls] == ["document.failed"]


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", base64.b64encode(KEY).decode()]
)
def test_weak_or_misspelt_secret_is_refused(
    profile_of: Callable[[str], Path], tmp_path: Path, secret: str
) -> None:
    hook = {"name": "a", "url": "http://127.0.0.1:1", "secret": secret}
    settings = AgentSettings.model_validate(
        {"profile": profile_of(SENDER), "folder": tmp_path / "office", "webhooks": [hook]}
    )
    with pytest.raises(Misuse, match="whsec_"):
        Agent(settings)


# --- health and metrics ----------------------------------------------------------------------------------


def _get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def test_health_and_metrics(agent_of: Make, now_world: World, hub: FakeExchange) -> None:
    pace = JumpingPace()
    agent = agent_of(SENDER, pace)
    port, stop = serve_status(agent.status, "127.0.0.1", 0)
    try:
        code, body = await asyncio.to_thread(_get, port, "/health")
        assert (code, json.loads(body)["agency"]) == (200, SENDER)
        agent.status.hub_away("gone", pace.now())
        pace.jump(minutes=9)
        assert (await asyncio.to_thread(_get, port, "/health"))[0] == 200
        pace.jump(minutes=2)
        code, body = await asyncio.to_thread(_get, port, "/health")
        assert (code, json.loads(body)["hub"]["away_seconds"]) == (503, 660)
        agent.status.hub_answered()
        stored = hub.put(now_world.signed(RECIPIENT, [SENDER]))
        await agent.receiver.receive(stored.deliveries[SENDER])
        (agent.folders.outbox / "waits.pdf").write_bytes(b"%PDF")
        code, metrics = await asyncio.to_thread(_get, port, "/metrics")
        assert code == 200
        assert b'lienthong_agent_documents_total{outcome="received"} 1.0' in metrics
        assert b'lienthong_agent_waiting{folder="outbox"} 1.0' in metrics
        assert b"lienthong_agent_hub_reachable 1.0" in metrics
        assert (await asyncio.to_thread(_get, port, "/"))[0] == 404
    finally:
        stop()


# --- the service -----------------------------------------------------------------------------------------


async def test_service_sends_receives_and_stops(agent_of: Make, hub: FakeExchange, now_world: World) -> None:
    """Both sides as agents in real time: one's outbox becomes the other's inbox."""
    quick = {"settle": 0.05, "poll": 0.02}
    sender, recipient = agent_of(SENDER, outbox=quick), agent_of(RECIPIENT, outbox=quick)
    stop = asyncio.Event()
    ready: list[str] = []
    running = [
        asyncio.ensure_future(agent.run(stop, on_ready=lambda: ready.append("yes")))
        for agent in (sender, recipient)
    ]
    (sender.folders.outbox / "a.edxml").write_bytes(now_world.package(SENDER, [RECIPIENT]))
    async with asyncio.timeout(DEADLINE):
        while not any(stored.handovers for stored in hub.documents.values()):
            await asyncio.sleep(0.02)
        stop.set()
        await asyncio.gather(*running)
    assert ready == ["yes", "yes"]
    assert len(list(recipient.folders.inbox.iterdir())) == 1
    assert [path.name for path in sender.folders.sent.iterdir()] == ["a"]


async def test_service_lives_without_a_hub_and_ends_at_once(tmp_path: Path, now_world: World) -> None:
    away = FakeExchange(now_world)
    away.port = free_port()
    profile = away.write_profile(tmp_path / "agencies" / SENDER, SENDER)
    agent = Agent(AgentSettings(profile=profile, folder=tmp_path / "office"))
    stop = asyncio.Event()
    running = asyncio.ensure_future(agent.run(stop))
    async with asyncio.timeout(DEADLINE):
        while agent.status.health()["hub"]["reachable"]:
            await asyncio.sleep(0.02)
        stop.set()
        await running


async def test_service_without_a_usable_key_does_not_start(agent_of: Make) -> None:
    agent = agent_of(SENDER)
    assert agent.client.profile.pkcs12 is not None
    agent.client.profile.pkcs12.write_bytes(b"no key")
    with pytest.raises(Misuse):
        await agent.run(asyncio.Event())


async def test_port_that_is_taken_is_wrong_usage(agent_of: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        agent = agent_of(SENDER, status={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(Misuse) as caught:
            await agent.run(asyncio.Event())
    assert caught.value.field == "[status] listen"
    with agent.folders.locked():  # let go of
        pass


async def test_systemd_is_told_and_sigterm_ends_the_command(
    tmp_path: Path, profile_of: Callable[[str], Path], hub: FakeExchange
) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(f'profile = "{profile_of(SENDER)}"\nfolder = "office"\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        path = tmp_path / "notify"
        systemd.bind(str(path))
        systemd.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            AGENCY, "agent", "--config", str(config),
            env=os.environ | {"NOTIFY_SOCKET": str(path)}, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(DEADLINE):
            assert await asyncio.get_running_loop().sock_recv(systemd, 100) == b"READY=1"
            second = await asyncio.create_subprocess_exec(
                AGENCY, "agent", "--config", str(config), "--json",
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, _ = await second.communicate()
            assert second.returncode == 2
            assert f"process {process.pid}" in json.loads(out)["error"]["detail"]
            process.send_signal(signal.SIGTERM)
            _, log = await process.communicate()
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert (events[0], events[-1]) == ("agent.started", "agent.stopped")


def test_wrong_settings_are_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('foldr = "x"\n')
    result = CliRunner().invoke(app, ["agent", "--config", str(tmp_path / "agent.toml"), "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["field"].endswith("agent.toml: folder")


def test_help_teaches_folders_yaml_and_failures() -> None:
    shown = CliRunner().invoke(app, ["agent", "--help"]).stdout
    for word in (
        "outbox/",
        "sending/",
        "failed/",
        "reason.txt",
        "subject: Mời họp",
        "[[webhooks]]",
        "When something fails",
    ):
        assert word in shown


# --- what the pages say ----------------------------------------------------------------------------------

ROOT = Path(__file__).parents[3]


def test_every_setting_and_its_meaning_stand_in_the_manual() -> None:
    manual = (ROOT / "docs" / "agent.md").read_text("utf-8")
    sections = (AgentSettings, OutboxSettings, InboxSettings, StatusSettings, WebhookSettings)
    missing = [
        f"{section.__name__}.{key}"
        for section in sections
        for key, field in section.model_fields.items()
        if field.description
        and not re.search(rf"^\| `{key}` \| .*\| {re.escape(field.description)} \|$", manual, re.MULTILINE)
    ]
    assert missing == []


def test_the_example_settings_are_valid() -> None:
    settings = AgentSettings.load(ROOT / "deploy" / "agent.toml")
    assert settings.profile == ROOT / "deploy" / "profile.toml"
    assert settings.webhooks[0].secret_file == ROOT / "deploy" / "webhook.secret"


def test_the_letter_of_the_manual_can_be_read() -> None:
    page = (ROOT / "docs" / "agent.md").read_text("utf-8")
    letter = read_letter(page.split("```yaml\n")[1].split("```")[0].encode())
    draft = letter.draft([], SenderDefaults())
    assert (draft.code, draft.type, draft.priority.name) == ("12/UBND-VP", "GM", "URGENT")
    assert letter.files == ("thu-moi.pdf", "phu-luc.xlsx")


def test_the_check_of_the_manual_agrees_with_the_signature() -> None:
    page = (ROOT / "docs" / "agent.md").read_text("utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)  # noqa: S102 - our own page
    at = int(time.time())
    headers = {
        "webhook-id": "x",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(KEY, "x", at, b"{}"),
    }
    names["check"](SECRET, headers, b"{}")
    with pytest.raises(ValueError, match="signature"):
        names["check"](SECRET, headers, b"[]")
