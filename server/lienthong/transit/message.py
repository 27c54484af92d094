"""What a relay takes from a queue: the transit message, between protobuf bytes and a plain value.

Reading is strict: a field the schema does not know, or one given twice, would be something no signature binds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from lienthong.errors import Code, Refusal
from lienthong.transit.v1 import transit_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitMessage:
    """A document on its way: its bytes, or the blob they lie in, and the records that prove the way so far."""

    document_id: str
    document: bytes | None = field(repr=False)  #: exactly one of `document` and `blob` is set
    blob: str | None  #: SHA-256 hex
    acceptance: bytes = field(repr=False)
    hop_records: tuple[bytes, ...] = field(repr=False)
    recipients: tuple[str, ...]

    def encode(self) -> bytes:
        """Protobuf bytes, deterministic."""
        message = transit_pb2.TransitMessage(
            document_id=self.document_id,
            acceptance=self.acceptance,
            hop_records=self.hop_records,
            recipients=self.recipients,
        )
        if self.document is not None:
            message.document = self.document
        elif self.blob is not None:
            message.blob = self.blob
        return message.SerializeToString(deterministic=True)


def decode(body: bytes) -> TransitMessage:
    """Read a message back. Raises `Refusal` CHAIN_BROKEN for anything that `encode` would not have written."""
    message = transit_pb2.TransitMessage()
    try:
        message.ParseFromString(body)
    except DecodeError as error:
        raise Refusal(Code.CHAIN_BROKEN, field="transit message", detail="unreadable") from error
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != body:
        raise Refusal(Code.CHAIN_BROKEN, field="transit message", detail="holds unknown or repeated fields")
    content = message.WhichOneof("content")
    if content is None or not message.document_id:
        raise Refusal(Code.CHAIN_BROKEN, field="transit message", detail="names no document")
    return TransitMessage(
        document_id=message.document_id,
        document=message.document if content == "document" else None,
        blob=message.blob if content == "blob" else None,
        acceptance=message.acceptance,
        hop_records=tuple(message.hop_records),
        recipients=tuple(message.recipients),
    )
