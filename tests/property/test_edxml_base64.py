"""The quick base64 decoder never accepts, and never reads otherwise, than Python's own strict one."""

from __future__ import annotations

import base64
import binascii

from hypothesis import example, given
from hypothesis import strategies as st

from lienthong.edxml.attachments import _decode

TEXTS = st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode())
ODD = st.text(alphabet="ABCZabcz019+/=-_ \t\r\n\x0b\x00é!", max_size=12)


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    """Base64 with something odd put in, or a piece cut out, at any place."""
    text = draw(TEXTS)
    at, until = sorted(draw(st.tuples(*(st.integers(0, len(text)) for _ in range(2)))))
    return text[:at] + draw(ODD) + text[until:]


def strictly(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64(text.translate(dict.fromkeys(b" \t\r\n")), strict_mode=True)
    except ValueError:
        return None


def decoded(text: str) -> bytes | None:
    try:
        return _decode(text)
    except ValueError:
        return None


@given(spoiled() | ODD | TEXTS)
@example("QQ==")
@example("QR==")  # bits behind the last byte
@example("QQ==QQ==")
@example("QQ=")
@example("=QQQ")
@example("Q")
@example("")
def test_base64_is_read_as_pythons_strict_decoder_reads_it(text: str) -> None:
    assert decoded(text) == strictly(text)
