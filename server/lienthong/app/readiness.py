"""How a program tells who started it that it serves, and how it is asked to end: sd_notify(3) and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import structlog

log = structlog.get_logger(__name__)


def notify(state: str) -> None:
    """Tell whoever started us (systemd or `lienthong up`) by sd_notify(3), if it asked."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        try:
            client.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
        except OSError as error:
            log.warning("notify.failed", reason=str(error))


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
