"""How does another system hear of it? A signed call per event, kept on disk until the system answers 2xx.

Signed as Standard Webhooks (standardwebhooks.com) says, for which receivers find libraries in every language:
`webhook-id`, `webhook-timestamp` and `webhook-signature: v1,BASE64(HMAC-SHA256(secret, "ID.TIMESTAMP.BODY"))`.
The same event may come twice (after a crash, or when an answer was lost) and then has the same id; order is not kept.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import structlog

from lienthong_client.agent.disk import Disk
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.pace import AWAY, STUBBORN, Pace
from lienthong_client.agent.settings import EventKind, WebhookSettings
from lienthong_client.agent.status import Status
from lienthong_client.cli.shapes import moment

log = structlog.get_logger(__name__)

GIVEN_UP = "given-up"
_POLL = 0.5  # seconds between two looks at what waits
_AT_ONCE = 100  # calls tried in one round


def signature(key: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    mac = hmac.new(key, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


@dataclass(slots=True)
class _Call:
    failures: int = 0
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Hook:
    settings: WebhookSettings
    key: bytes = field(repr=False)
    folder: Path
    verify: ssl.SSLContext | bool
    calls: dict[str, _Call] = field(default_factory=dict)
    failures: int = 0
    due: float = 0.0


class Webhooks:
    """`emit` writes a call down for every webhook that wants it; `run` makes the calls."""

    def __init__(
        self,
        settings: tuple[WebhookSettings, ...],
        *,
        agency: str,
        folders: Folders,
        disk: Disk,
        pace: Pace,
        status: Status,
    ) -> None:
        self._agency = agency
        self._disk = disk
        self._pace = pace
        self._status = status
        self._hooks = [
            _Hook(
                settings=hook,
                key=hook.key(),
                folder=folders.webhooks / hook.name,
                verify=ssl.create_default_context(cafile=str(hook.ca)) if hook.ca else True,
            )
            for hook in settings
        ]
        for hook in self._hooks:
            (hook.folder / GIVEN_UP).mkdir(parents=True, exist_ok=True)

    def wants(self, kind: EventKind) -> bool:
        """Whether any webhook does."""
        return any(kind in hook.settings.events for hook in self._hooks)

    def emit(self, kind: EventKind, subject: str, data: dict[str, Any]) -> None:
        """Write an event down. `subject` (a job, a delivery, a change) and the kind make its lasting id."""
        event_id = f"{kind.value}_{subject}"
        event = {
            "type": kind.value,
            "id": event_id,
            "timestamp": moment(self._pace.today()),
            "agency": self._agency,
            "data": data,
        }
        body = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace")
        for hook in self._hooks:
            if kind in hook.settings.events:
                self._disk.write(hook.folder / f"{event_id}.json", body)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.Event().wait())  # also with nobody to call
            for hook in self._hooks:
                tasks.create_task(self._calling(hook))

    async def _calling(self, hook: _Hook) -> None:
        async with httpx.AsyncClient(
            timeout=hook.settings.timeout, verify=hook.verify, follow_redirects=False, trust_env=False
        ) as http:
            while True:
                try:
                    await self._round(hook, http)
                except OSError as error:  # the disk; the server's failures are handled inside
                    self._status.trouble(f"webhook {hook.settings.name}", str(error))
                await self._pace.wait(_POLL)

    async def round(self) -> None:
        """One round of calls for every webhook: what is due."""
        for hook in self._hooks:
            async with httpx.AsyncClient(
                timeout=hook.settings.timeout, verify=hook.verify, follow_redirects=False, trust_env=False
            ) as http:
                await self._round(hook, http)

    async def _round(self, hook: _Hook, http: httpx.AsyncClient) -> None:
        now = self._pace.now()
        if now < hook.due:
            return
        waiting = await asyncio.to_thread(_events, hook.folder)
        hook.calls = {name: hook.calls.get(name) or _Call() for name in waiting}
        due = [name for name, call in hook.calls.items() if call.due <= now]
        for name in due[:_AT_ONCE]:
            if not await self._call(hook, http, hook.folder / name):
                return

    async def _call(self, hook: _Hook, http: httpx.AsyncClient, path: Path) -> bool:
        """One call; False when the server is away and the others need not be tried."""
        body = await asyncio.to_thread(path.read_bytes)
        at = int(self._pace.today().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "lienthong-agent",
            "webhook-id": path.stem,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(hook.key, path.stem, at, body),
        }
        try:
            response = await http.post(hook.settings.url, content=body, headers=headers)
            reason = None if response.is_success else f"HTTP {response.status_code}"
            away = response.status_code in (429, 502, 503, 504)
        except httpx.HTTPError as error:
            reason, away = f"{type(error).__name__}: {error}", True
        if reason is None:
            await asyncio.to_thread(self._disk.remove, path)
            hook.failures = 0
            self._status.called(hook.settings.name, "taken")
            self._status.cure(f"webhook {hook.settings.name}")
            return True
        await self._failed(hook, path, reason, away=away)
        return not away

    async def _failed(self, hook: _Hook, path: Path, reason: str, *, away: bool) -> None:
        name = hook.settings.name
        self._status.called(name, "failed")
        self._status.trouble(f"webhook {name}", reason)
        log.warning("webhook.failed", webhook=name, event_id=path.stem, reason=reason)
        call = hook.calls[path.name]
        now = self._pace.now()
        written = await asyncio.to_thread(lambda: datetime.fromtimestamp(path.stat().st_mtime, UTC))
        if (self._pace.today() - written).total_seconds() >= hook.settings.give_up:
            await asyncio.to_thread(self._disk.move, path, hook.folder / GIVEN_UP / path.name)
            self._status.called(name, "given_up")
            log.error("webhook.given_up", webhook=name, event_id=path.stem, reason=reason)
            return
        if away:
            hook.due = now + AWAY.pause(hook.failures)
            hook.failures += 1
        else:
            call.due = now + STUBBORN.pause(call.failures)
            call.failures += 1


def _events(folder: Path) -> list[str]:
    """Names of waiting calls, oldest first."""
    paths = [path for path in folder.glob("*.json") if re.fullmatch(r"[\w.-]+", path.name)]
    return [path.name for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)]
