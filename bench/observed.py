"""When does each document pass each port? The hub or the relay as it is, with a watch beside what it is made of.

    python -m bench.observed FILE hub --config …       # what `lienthong hub --config …` does

The ports of `hub/ports.py` are where a program touches store, blobs and broker; every call of `WATCHED` is noted with
the moments it began and ended (time.perf_counter, which all processes of a machine share), one JSON line each.
"""

from __future__ import annotations

import atexit
import functools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from lienthong.app import programs
from lienthong.cli.main import main
from lienthong.hub.ports import Blobs, Broker, Outcome, Retry, Store, TransitDelivery, TransitHandler
from lienthong.hub.rows import HopRow, NewDocument
from lienthong.settings import Settings
from lienthong.transit.message import decode

Told = dict[str, str]  #: whose call it was: "document", "sha256", "node"


def _accept(document: NewDocument, *_: object, **__: object) -> Told:
    return {"document": document.id, "sha256": document.sha256}


def _put(sha256: str, *_: object, **__: object) -> Told:
    return {"sha256": sha256}


def _record_hop(hop: HopRow, *_: object, **__: object) -> Told:
    return {"document": hop.document_id, "node": hop.node}


def _publish(node: str, lane: object, body: bytes) -> Told:
    return {"document": decode(body).document_id, "node": node}


#: port and method: of which document its arguments speak
WATCHED: dict[tuple[str, str], Callable[..., Told]] = {
    ("store", "accept"): _accept,
    ("store", "record_hop"): _record_hop,
    ("blobs", "put"): _put,
    ("broker", "publish"): _publish,
}


class Watch:
    """Notes calls into a file."""

    def __init__(self, file: Path) -> None:
        self._out = file.open("a", encoding="utf-8")
        self.close = self._out.close
        atexit.register(self.close)

    def note(self, what: str, began: float, told: Told) -> None:
        """One call that ends now."""
        line = {"what": what, "began": began, "ended": time.perf_counter()} | told
        self._out.write(json.dumps(line) + "\n")

    def port(self, name: str, port: object) -> None:
        """Watch this port's calls."""
        for (owner, method), tell in WATCHED.items():
            if owner == name:
                setattr(port, method, self._watched(method, getattr(port, method), tell))

    def _watched(
        self, what: str, call: Callable[..., Awaitable[object]], tell: Callable[..., Told]
    ) -> Callable[..., Awaitable[object]]:
        @functools.wraps(call)
        async def watched(*arguments: object, **named: object) -> object:
            began = time.perf_counter()
            answer = await call(*arguments, **named)
            self.note(what, began, tell(*arguments, **named))
            return answer

        return watched

    def handler(self, handler: TransitHandler) -> TransitHandler:
        """`handler`, noted as `handle`."""

        async def handle(delivery: TransitDelivery) -> Outcome | Retry:
            began = time.perf_counter()
            outcome = await handler(delivery)
            self.note("handle", began, {"document": decode(delivery.body).document_id, "node": delivery.node})
            return outcome

        return handle


def watch(file: Path) -> None:
    """From now on, programs made in this process are watched."""
    noting = Watch(file)
    opened = programs._open  # noqa: SLF001 - where every program gets its ports

    async def open_watched(settings: Settings, stack: AsyncExitStack) -> tuple[Store, Blobs, Broker]:
        store, blobs, broker = await opened(settings, stack)
        for name, port in (("store", store), ("blobs", blobs), ("broker", broker)):
            noting.port(name, port)
        consume = broker.consume
        setattr(broker, "consume", lambda nodes, handler: consume(nodes, noting.handler(handler)))  # noqa: B010
        return store, blobs, broker

    programs._open = open_watched  # noqa: SLF001


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.argv = ["lienthong", *sys.argv[2:]]
    main()
