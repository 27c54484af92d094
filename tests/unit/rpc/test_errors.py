"""What of an error goes on the wire, and how large it may become."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2

from lienthong.errors import Code, HubFault, Refusal
from lienthong.rpc.errors import MAX_FACT, RETRY_AFTER, SlowDown, clip, refusal_of, status_of


def test_every_retryable_code_says_when() -> None:
    assert set(RETRY_AFTER) == {code for code in Code if Refusal(code).retryable}


@pytest.mark.parametrize("text", ["", "a" * MAX_FACT, "a" * (MAX_FACT + 1), "ưỡ" * MAX_FACT])
def test_facts_are_cut_at_a_character(text: str) -> None:
    clipped = clip(text)
    assert len(clipped.encode()) <= MAX_FACT
    assert clipped == text or (clipped.endswith("…") and text.startswith(clipped[:-1]))


@pytest.mark.parametrize("code", list(Code))
def test_the_longest_answer_fits_into_the_trailers_of_a_default_client(code: Code) -> None:
    status = status_of(
        Refusal(code, field="ữ" * 9_000, detail="ữ" * 9_000), language="vi", reference="r" * 36
    )
    trailers = (
        len(status.SerializeToString()) * 4 / 3 + len(status.message.encode()) * 3
    )  # base64, percent-encoding
    assert trailers < 8_192


def test_our_faults_are_told_by_reference_only() -> None:
    fault = refusal_of(HubFault("db.internal"), reference="r1")
    assert (fault.code, fault.detail, fault.field) == (Code.UNAVAILABLE, "reference r1", None)
    surprise = refusal_of(KeyError("secret"), reference="r2")
    assert (surprise.code, surprise.detail, surprise.field) == (Code.INTERNAL, "reference r2", None)


def test_a_refusal_passes_as_it_is() -> None:
    refusal = Refusal(Code.NOT_FOUND, field="document", detail="d1")
    assert refusal_of(refusal, reference="r") is refusal


def test_slow_down_carries_its_own_delay() -> None:
    status = status_of(SlowDown(Code.RATE_LIMITED, retry_after=2.5), language="en")
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.ToMilliseconds() == 2_500
