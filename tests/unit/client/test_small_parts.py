"""Retry, errors, drafts and words: do the small parts keep their promises?"""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest

from lienthong.domain.agency import Agency
from lienthong.domain.document import Priority
from lienthong.errors import Code, Refusal
from lienthong.rpc.errors import status_of
from lienthong_client import Draft, Retry, Unreachable
from lienthong_client.cli import words
from lienthong_client.cli.fetch import passed
from lienthong_client.cli.output import Output, clean
from lienthong_client.cli.program import hoist, spread, tell_people
from lienthong_client.cli.words import Words
from lienthong_client.compose import DraftError, compose, find_priority, find_type, province_name
from lienthong_client.errors import from_rpc_error

AT = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)  # 03:30 on the 23rd in Viet Nam


def rpc_error(code: grpc.StatusCode, details: str, packed: bytes | None = None) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata(*((("grpc-status-details-bin", packed),) if packed else ()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)


@pytest.mark.parametrize("code", list(Code))
def test_every_refusal_comes_back_as_it_was_raised(code: Code) -> None:
    raised = Refusal(code, field="MessageHeader/To[2]/OrganId", detail="chi tiết")
    status = status_of(raised, language="vi")
    error = rpc_error(grpc.StatusCode.UNKNOWN, status.message, status.SerializeToString())
    back = from_rpc_error(error, "h:1")
    assert isinstance(back, Refusal)
    assert (back.code, back.field, back.detail) == (raised.code, raised.field, raised.detail)


def test_a_newer_hubs_code_stays_visible() -> None:
    status = status_of(Refusal(Code.NOT_FOUND, detail="x"), language="en")
    packed = status.SerializeToString().replace(b"NOT_FOUND", b"NEW_CODES")
    back = from_rpc_error(rpc_error(grpc.StatusCode.NOT_FOUND, "", packed), "h:1")
    assert isinstance(back, Refusal)
    assert back.code is Code.ARGUMENT_INVALID
    assert "NEW_CODES" in str(back.detail)


@pytest.mark.parametrize(
    ("status", "code"),
    [(grpc.StatusCode.PERMISSION_DENIED, Code.NOT_PERMITTED), (grpc.StatusCode.NOT_FOUND, Code.NOT_FOUND)],
)
def test_plain_statuses_become_refusals(status: grpc.StatusCode, code: Code) -> None:
    back = from_rpc_error(rpc_error(status, "no"), "h:1")
    assert isinstance(back, Refusal)
    assert back.code is code


def test_internal_error_of_the_library_is_a_call_that_was_cut_off() -> None:
    back = from_rpc_error(rpc_error(grpc.StatusCode.INTERNAL, "Internal error from Core"), "h:1")
    assert isinstance(back, Unreachable)


def test_details_that_are_rubbish_do_not_fault() -> None:
    back = from_rpc_error(rpc_error(grpc.StatusCode.UNAVAILABLE, "gone", b"\xff\xff\xff"), "h:1")
    assert isinstance(back, Unreachable)
    assert "gone" in back.detail


async def test_retry_is_bounded_and_never_repeats_a_refusal_or_a_deadline() -> None:
    calls = 0
    retry = Retry(attempts=3, first=0.001)

    async def failing(error: Exception) -> None:
        nonlocal calls
        calls += 1
        raise error

    for error, expected in (
        (Unreachable("h:1", "x"), 3),
        (Unreachable("h:1", "x", timed_out=True), 1),
        (Refusal(Code.NOT_FOUND), 1),
        (Refusal(Code.RATE_LIMITED), 3),
    ):
        calls = 0
        with pytest.raises(type(error)):
            await retry.run(lambda error=error: failing(error))  # type: ignore[misc]
        assert calls == expected


def test_pauses_grow_to_the_ceiling() -> None:
    retry = Retry(attempts=100, first=1, factor=2, ceiling=8, jitter=0)
    assert list(retry.pauses())[:6] == [1, 2, 4, 8, 8, 8]
    assert retry.pause(10_000) == 8


AGENCY = Agency(code="H48", name="UBND tỉnh Quảng Ngãi", tier="province")


def test_a_draft_is_dated_in_viet_nam() -> None:
    document, _ = compose(
        Draft(to=["H48"], subject="  a  "), sender=AGENCY, province="Quảng Ngãi", recipients=[AGENCY], now=AT
    )
    assert document.promulgation_date.isoformat() == "2026-11-23"
    assert document.code_number == "1123033000"
    assert document.document_id == f"H48,2026/11/23,1123033000/{document.code_notation}"
    assert document.subject == document.content == "a"


@pytest.mark.parametrize("code", ["12", "12/", "/UBND", "12/UB,ND"])
def test_a_number_that_is_none_is_refused(code: str) -> None:
    draft = Draft(to=["H48"], subject="a", code=code)
    with pytest.raises(DraftError) as caught:
        compose(draft, sender=AGENCY, province="a", recipients=[AGENCY], now=AT)
    assert caught.value.field == "code"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CV", ("Công văn", 18)),
        ("công văn", ("Công văn", 18)),
        ("cong van", ("Công văn", 18)),
        ("QĐ", ("Quyết định", 2)),
        ("qd", ("Quyết định", 2)),
        ("HD", ("Hướng dẫn", 8)),
        ("HĐ", ("Hợp đồng", 17)),
        ("Giấy giới thiệu", ("Giấy giới thiệu", 26)),
    ],
)
def test_types_by_abbreviation_or_name(text: str, found: tuple[str, int]) -> None:
    assert find_type(text) == found


@pytest.mark.parametrize("text", ["hd", "thư", ""])
def test_types_that_are_none_or_two(text: str) -> None:
    with pytest.raises(DraftError):
        find_type(text)


def test_priorities() -> None:
    assert find_priority("hỏa tốc") is find_priority("hoa-toc") is find_priority("3") is Priority.EXPRESS
    with pytest.raises(DraftError):
        find_priority("5")


def test_province_names() -> None:
    assert province_name(AGENCY) == "Quảng Ngãi"
    assert province_name(Agency(code="H17", name="Ủy ban nhân dân thành phố Đà Nẵng", tier="")) == "Đà Nẵng"
    assert province_name(Agency(code="H17", name="UBND tỉnh", tier="")) == "UBND tỉnh"


def test_every_word_has_both_languages_with_the_same_facts() -> None:
    for english, vietnamese in words._WORDS.values():
        fields = [
            {part.split("}")[0].split(":")[0] for part in text.split("{")[1:]}
            for text in (english, vietnamese)
        ]
        assert english
        assert vietnamese
        assert fields[0] == fields[1]


def test_terminal_escapes_in_a_subject_are_taken_out() -> None:
    assert clean("a\x1b[2Jb\r\nc\N{RIGHT-TO-LEFT OVERRIDE}d") == "a�[2Jb  c�d"


def test_terminal_escapes_in_what_the_hub_or_a_record_says_are_taken_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = Output(as_json=False, words=Words("en"))
    refusal = Refusal(Code.RULE_VIOLATED, field="a\x9b2J", detail="b\x1b[2J")
    tell_people(refusal, output)
    passed(output, "c\x1b[2J")
    output.show("d\x9b2J")
    told = capsys.readouterr()
    assert "a�2J" in told.err
    assert "b�[2J" in told.err
    assert "c�[2J" in told.out
    assert "d�2J" in told.out


def test_global_options_may_stand_anywhere() -> None:
    assert hoist(["submit", "f", "--json", "--profile", "p", "--lang=vi"]) == [
        "--json",
        "--profile",
        "p",
        "--lang=vi",
        "submit",
        "f",
    ]
    assert hoist(["submit", "--", "--json"]) == ["submit", "--", "--json"]


def test_lists_may_follow_their_option() -> None:
    assert spread(["--to", "A", "B", "--subject", "s", "--to=C"], frozenset({"--to"})) == [
        "--to",
        "A",
        "--to",
        "B",
        "--subject",
        "s",
        "--to=C",
    ]
