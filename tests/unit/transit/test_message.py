"""The transit message: read strictly, because what no signature binds must not be in it."""

from __future__ import annotations

import pytest

from lienthong.errors import Code, Refusal
from lienthong.transit.message import TransitMessage, decode

MESSAGE = TransitMessage(
    document_id="d", document=b"<xml/>", blob=None, acceptance=b"a", hop_records=(b"1", b"2"),
    recipients=("H48", "H48.11"),
)  # fmt: skip


def test_a_message_survives_the_wire() -> None:
    assert decode(MESSAGE.encode()) == MESSAGE


def test_a_reference_to_a_blob_survives_the_wire() -> None:
    message = TransitMessage(
        document_id="d", document=None, blob="ab" * 32, acceptance=b"a", hop_records=(), recipients=("H48",)
    )
    assert decode(message.encode()) == message


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xff\xff",
        b"",
        MESSAGE.encode() + b"\x7a\x03abc",  # field 15 is not in the schema
        MESSAGE.encode() + b"\x0a\x01e",  # a second document_id
        TransitMessage(
            document_id="d", document=None, blob=None, acceptance=b"", hop_records=(), recipients=()
        ).encode(),
    ],
    ids=["garbage", "empty", "unknown field", "repeated field", "no document"],
)
def test_anything_encode_would_not_write_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode(body)
    assert refused.value.code is Code.CHAIN_BROKEN
