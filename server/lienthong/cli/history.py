"""What was said and asked about a document's deliveries, as one table for operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lienthong.cli import output

HISTORY_COLUMNS: list[output.Column] = [
    ("AT", output.moment("at")),
    ("RECIPIENT", output.field("recipient")),
    ("SAID BY", output.field("by")),
    ("WHAT", output.field("what")),
    ("WHY", output.field("why")),
    ("PACKAGE", output.field("package_id")),
]


def history(deliveries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Statuses and requests of all deliveries, in order of time."""
    lines = [line for delivery in deliveries for line in _of(delivery)]
    return sorted(lines, key=lambda line: line["at"] or "")


def _of(delivery: Mapping[str, Any]) -> list[dict[str, Any]]:
    recipient = delivery["recipient"]
    said = [
        {
            "at": entry["said_at"],
            "recipient": recipient,
            "by": entry["sender"],
            "what": entry["code"]
            if entry["step"] == "APPLIED"
            else f"{entry['code']} ({entry['step'].lower()})",
            "why": entry["description"],
            "package_id": entry["package_id"],
        }
        for entry in delivery["statuses"]
    ]
    asked = [
        {
            "at": request["asked_at"],
            "recipient": recipient,
            "by": "sender",
            "what": f"{request['kind']} {request['state']}",
            "why": " / ".join(part for part in (request["reason"], request["answer"]) if part),
            "package_id": request["package_id"],
        }
        for request in delivery["requests"]
    ]
    return [*said, *asked]
