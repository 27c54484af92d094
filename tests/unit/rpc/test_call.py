"""Which language a caller is answered in, and which arguments pass."""

from __future__ import annotations

import pytest

from lienthong.domain.agency import AgencyStatus
from lienthong.errors import Code, Refusal
from lienthong.rpc import arguments
from lienthong.rpc.call import language_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("VI-vn", "vi"),
        ("en, vi", "en"),
        ("en;q=0.5, vi;q=0.7", "vi"),
        ("fr, vi;q=0.1", "vi"),
        ("vi;q=0, en", "en"),
        ("fr", "en"),
        ("", "en"),
        ("vi;q=?", "en"),
        (",;q=,;", "en"),
    ],
)
def test_the_language_asked_for_most(header: str, language: str) -> None:
    assert language_of([("user-agent", "vi"), ("accept-language", header)]) == language


def test_without_a_wish_it_is_english() -> None:
    assert language_of([]) == "en"
    assert language_of([("accept-language", b"vi")]) == "en"


def test_counts_are_cut_not_refused() -> None:
    assert [arguments.count(n, default=20, most=200) for n in (0, 1, 200, 2**32 - 1)] == [20, 1, 200, 200]


def test_a_choice_names_what_may_be_chosen() -> None:
    assert arguments.choice("", "status", AgencyStatus, default=AgencyStatus.ACTIVE) is AgencyStatus.ACTIVE
    with pytest.raises(Refusal) as caught:
        arguments.choice("", "status", AgencyStatus)
    assert (caught.value.code, caught.value.field) == (Code.ARGUMENT_INVALID, "status")
    assert caught.value.detail == "one of active, locked, closed, planned"


@pytest.mark.parametrize("value", ["a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", ""])
def test_a_digest_is_64_lower_case_hex_digits(value: str) -> None:
    with pytest.raises(Refusal):
        arguments.sha256(value)
