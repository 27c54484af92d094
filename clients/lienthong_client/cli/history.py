"""What was said and asked about a delivery, line by line, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from lienthong_client.cli.output import Output, clean, local_time
from lienthong_client.results import Delivery


def history(delivery: Delivery, output: Output) -> Iterator[Text]:
    """Statuses, then requests, each with who, when and why."""
    words = output.words
    for entry in delivery.statuses:
        line = Text(f"{local_time(entry.said_at)}  {words.status(entry.code)}", style="magenta")
        who = ", ".join(clean(part) for part in (entry.staff, entry.department) if part)
        why = clean(entry.description or "")
        yield line.append("  ".join(("", *(part for part in (who, why) if part))), style="not magenta")
    for asked in delivery.requests:
        head = f"{words(f'request_{asked.kind}')}: {words(f'request_{asked.state}')}"
        line = Text(f"{local_time(asked.asked_at)}  {head}", style="yellow")
        yield line.append(f"  {clean(asked.reason or '')}", style="not yellow")
        if asked.answer:
            yield Text(f"{local_time(asked.settled_at)}  {clean(asked.answer)}")
    if delivery.reason and delivery.error is None and not delivery.requests:
        yield Text(clean(delivery.reason))
