"""How does an office without a program of its own take part? An agent turns folders into sent and received documents.

    outbox/     put files here: edXML, or a PDF with a YAML of the same name
    sending/    taken, not yet answered by the hub; survives anything
    sent/       one folder per document: the files, the signed document, the hub's signed acceptance, result.json
    failed/     one folder per document: the files, reason.txt for people, result.json for programs
    inbox/      one folder per received document: document.edxml, attachments/, evidence/, delivery.json
    refused/    deliveries that were not believed, and why
    notices/    one folder per document that was recalled, replaced or is asked back: notice.txt, notice.json

Every step is a durable write followed by one rename, so a crash between any two leaves a state the next start goes on
from: `job.py` for what is sent, `receiver.py` for what comes.
"""

from __future__ import annotations

from lienthong_client.agent.service import Agent
from lienthong_client.agent.settings import AgentSettings

__all__ = ["Agent", "AgentSettings"]
