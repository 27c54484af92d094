"""How is the agent? One object the loops write to, read as /health (JSON, 200 or 503) and /metrics (Prometheus)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from lienthong_client.agent.disk import size_of
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.pace import Pace
from lienthong_client.cli.shapes import moment

_SHOWN = 20  # troubles in one answer


class Status:
    """Written from the event loop and from threads, read from the server's threads."""

    def __init__(self, *, agency: str, folders: Folders, pace: Pace, patience: float) -> None:
        self.ignored: tuple[str, ...] = ()
        self._agency = agency
        self._folders = folders
        self._pace = pace
        self._patience = patience
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}
        self._away_since: float | None = None
        self._away_reason: str | None = None
        self._last: dict[str, datetime] = {}
        self.registry = CollectorRegistry()
        self._documents = Counter(
            "lienthong_agent_documents", "Documents by outcome: sent, failed, received, refused", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._waiting = Gauge(
            "lienthong_agent_waiting", "Entries of a folder that wait", ["folder"], registry=self.registry
        )
        self._reachable = Gauge(
            "lienthong_agent_hub_reachable", "0 while the hub is away", registry=self.registry
        )
        self._calls = Counter(
            "lienthong_agent_webhook_calls", "Calls of webhooks by outcome: taken, failed, given_up",
            ["webhook", "outcome"], registry=self.registry,
        )  # fmt: skip
        self._reachable.set(1)

    # --- written by the loops ---------------------------------------------------------------------------

    def trouble(self, key: str, reason: str) -> None:
        """Something is wrong and stays so until `cure(key)`."""
        with self._lock:
            self._troubles[key] = reason

    def cure(self, key: str) -> None:
        """It is well again."""
        with self._lock:
            self._troubles.pop(key, None)

    def hub_away(self, reason: str, now: float) -> None:
        """Nobody answered, or nobody who knows us."""
        with self._lock:
            self._away_since = now if self._away_since is None else self._away_since
            self._away_reason = reason
        self._reachable.set(0)

    def hub_answered(self) -> None:
        """It did."""
        with self._lock:
            self._away_since = self._away_reason = None
        self._reachable.set(1)

    def count(self, outcome: str, at: datetime) -> None:
        """A document was sent, failed, received or refused."""
        self._documents.labels(outcome=outcome).inc()
        with self._lock:
            self._last[outcome] = at

    def called(self, webhook: str, outcome: str) -> None:
        """A webhook was called."""
        self._calls.labels(webhook=webhook, outcome=outcome).inc()

    # --- read -------------------------------------------------------------------------------------------

    def waiting(self) -> dict[str, int]:
        """How much waits where."""
        folders = self._folders
        return size_of({"outbox": folders.outbox, "sending": folders.sending, "arriving": folders.arriving})

    def health(self) -> dict[str, Any]:
        """What /health says. `ok` is False when somebody should look."""
        waiting = self.waiting()
        with self._lock:
            away = None if self._away_since is None else self._pace.now() - self._away_since
            ok = not self._troubles and (away is None or away < self._patience)
            return {
                "ok": ok,
                "agency": self._agency,
                "hub": {
                    "reachable": away is None,
                    "away_seconds": None if away is None else round(away),
                    "reason": self._away_reason,
                },
                "waiting": waiting,
                "last": {outcome: moment(at) for outcome, at in self._last.items()},
                "troubles": dict(list(self._troubles.items())[:_SHOWN]),
                "ignored": list(self.ignored[:_SHOWN]),
            }

    def metrics(self) -> bytes:
        """What /metrics says."""
        for folder, number in self.waiting().items():
            self._waiting.labels(folder=folder).set(number)
        return generate_latest(self.registry)


def serve_status(status: Status, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Serve from a thread; the port, and what stops it. Raises OSError when the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, status.metrics())
            elif self.path == "/health":
                health = status.health()
                body = json.dumps(health, ensure_ascii=False).encode("utf-8", "backslashreplace")
                self._answer(200 if health["ok"] else 503, "application/json; charset=utf-8", body)
            else:
                self._answer(404, "text/plain", b"/health and /metrics\n")

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401 - the base class's signature
            """Say nothing: it is asked every few seconds."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="status", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_address[1], stop
