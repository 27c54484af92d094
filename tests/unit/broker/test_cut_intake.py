"""A connection that was cut while its messages waited for a handler: they are let go, nothing is raised."""

from __future__ import annotations

from typing import cast

import pytest
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import ChannelInvalidStateError

from lienthong.broker.consumer import _is_gone


class _Channel:
    def __init__(self, state: bool | Exception) -> None:
        self._state = state

    @property
    def is_closed(self) -> bool:
        if isinstance(self._state, Exception):
            raise self._state
        return self._state


class _Message:
    def __init__(self, state: bool | Exception) -> None:
        self.channel = _Channel(state)


@pytest.mark.parametrize(
    ("state", "gone"), [(False, False), (True, True), (ChannelInvalidStateError("no channel"), True)]
)
def test_a_channel_that_cannot_tell_its_state_is_gone(state: bool | Exception, gone: bool) -> None:
    assert _is_gone(cast("AbstractIncomingMessage", _Message(state))) is gone
