"""`agent`: folders that send and receive by themselves, as a service."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

EPILOG = """[b]Folders[/b], made under `folder` when missing

  outbox/    put files here; write them as x.tmp and rename, or just copy: a file is taken when it stops changing

  sending/   taken, the hub has not answered yet; survives crashes and days without network

  sent/      one folder per document: source/, document.edxml, acceptance.xml (signed by the hub), result.json

  failed/    the same with reason.txt: read it, correct the file, put it back into outbox/

  inbox/     one folder per received document: document.edxml, attachments/, evidence/, delivery.json

  refused/   deliveries that were not believed, and why; no receipt was signed for them

  notices/   one folder per document that was recalled, replaced or is asked back: notice.txt, notice.json

[b]What may lie in outbox/[/b]: signed edXML (sent as it is), unsigned edXML (signed first), or a PDF with a YAML of
the same name:

  to: \\[H48.11, H48.36.02]          # thu-moi.yaml, beside thu-moi.pdf

  subject: Mời họp giao ban tháng 3

  code: 12/UBND-VP                  # also type, priority, content, due, files: \\[a.pdf, b.xlsx] …

[b]agent.toml[/b] (paths are relative to it)

  profile = "profile.toml"

  folder = "/srv/lienthong"

  \\[status]

  listen = "127.0.0.1:9464"         # /health, /metrics

  \\[\\[webhooks]]

  name = "eoffice"

  url = "https://eoffice.example/lienthong"

  secret_file = "webhook.secret"    # whsec_…, see docs/agent.md

[b]When something fails[/b]: while the hub is away everything waits in sending/ and is sent when it is back, once. What
the hub refuses goes to failed/. A document that does not verify is never put into inbox/ and never receipted. After a
crash the next start goes on where the last one stopped. One agent per folder: a second one ends with exit code 2.
"""


def agent(
    context: typer.Context,
    config: Annotated[
        Path, typer.Option(metavar="FILE", help="The agent's settings.", exists=True, dir_okay=False)
    ],
    log_format: Annotated[
        str, typer.Option(metavar="json|console", help="Form of the log on standard error.")
    ] = "json",
) -> None:
    """Send what is put into a folder, receive into another, until SIGTERM or Ctrl+C."""
    _ = context
    # here, because the other commands need none of it and should start at once
    from lienthong_client.agent.service import Agent, stop_on_signals, tell_systemd
    from lienthong_client.agent.settings import AgentSettings

    if log_format not in ("json", "console"):
        raise typer.BadParameter(f"{log_format!r} is not json or console", param_hint="'--log-format'")
    _configure_log(as_json=log_format == "json")
    settings = AgentSettings.load(config)

    async def serve() -> None:
        stop = stop_on_signals()
        await Agent(settings).run(stop, on_ready=lambda: tell_systemd("READY=1"))

    asyncio.run(serve())


def _configure_log(*, as_json: bool) -> None:
    renderer: structlog.typing.Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    logging.getLogger("httpx").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
