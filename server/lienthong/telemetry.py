"""How the programs tell what they do: the log's form, the metrics' names, and the page they are read from.

The log goes to standard error: an event name and fields, ids always (`document_id`, `node`, `delivery_id`).
The metrics of documents, hops and the broker are defined here; those of gRPC calls in `rpc/metrics.py`.
`docs/operations.md` says what to watch.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Literal, TextIO

import structlog
from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, start_http_server

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "console"]

# a time of birth beside every series doubles the page and says nothing
disable_created_metrics()  # type: ignore[no-untyped-call]

#: edges fit for work between a millisecond and a minute
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

HOPS = Counter(
    "lienthong_hops", "Transit messages worked on by lane and outcome (done, retry, requeue)",
    ["lane", "outcome"],
)  # fmt: skip
HOP_SECONDS = Histogram(
    "lienthong_hop_seconds", "Time from taking a transit message to its outcome", ["lane"],
    buckets=_SECONDS,
)  # fmt: skip
WAITING = Gauge("lienthong_documents_waiting", "Documents on their way, by lane", ["lane"])
OLDEST_SECONDS = Gauge(
    "lienthong_oldest_waiting_seconds", "Age of the oldest document on its way, by lane", ["lane"],
)  # fmt: skip
HELD = Gauge(
    "lienthong_held", "Unresolved held messages by kind (at most 100 are counted)", ["kind"],
)  # fmt: skip
UNPUBLISHED = Gauge(
    "lienthong_unpublished", "Accepted documents no broker has confirmed yet (at most 100 are counted)",
)  # fmt: skip
BROKER_CONNECTED = Gauge("lienthong_broker_connected", "1 while this process is connected to the broker")
BROKER_BLOCKED = Gauge(
    "lienthong_broker_blocked", "1 while the broker holds publishers back (memory or disk alarm)",
)  # fmt: skip


def configure_log(level: Level = "info", form: Format = "json", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's log to `stream` (standard error) in one form."""
    target = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aio_pika", "aiormq", "httpx", "httpcore", "alembic", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def bind(**fields: str) -> None:
    """Fields that every later line of this task (and of tasks it starts) carries."""
    structlog.contextvars.bind_contextvars(**fields)


def serve_metrics(host: str, port: int) -> Callable[[], None]:
    """Serve /metrics from a thread; returns what stops it. Raises OSError when the port is taken."""
    server, thread = start_http_server(port, addr=host)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
