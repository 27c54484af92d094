"""What does `check --offline` find without a hub, and how does it end?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lienthong.domain.document import OtherInfo
from lienthong.edxml.bounds import Limits
from lienthong_client.check import check_offline
from lienthong_client.cli.main import app
from tests.pki.pdf import plain_pdf, sign_pdf
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def check(profile_of: Callable[[str], Path], tmp_path: Path) -> Run:
    def run(data: bytes, *options: str, exit_code: int = 0) -> dict[str, Any]:
        file = tmp_path / "file.edxml"
        file.write_bytes(data)
        args = ["--json", "check", str(file), "--offline", "--profile", str(profile_of(SENDER)), *options]
        result = CliRunner().invoke(app, args)
        assert result.exit_code == exit_code, result.output
        return dict(json.loads(result.stdout))

    return run


def blocking(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p["step"], p["rule"] or p["code"]) for p in found["problems"] if p["blocking"]]


def test_a_signed_file_is_verified(check: Run, now_world: World) -> None:
    found = check(now_world.signed(SENDER, [RECIPIENT]))
    assert (found["clean"], found["offline"], found["signed"], found["kind"]) == (True, True, True, "edoc")
    assert found["signer"]


def test_an_unsigned_sloppy_file_is_judged_as_it_would_be_signed(check: Run, now_world: World) -> None:
    found = check(b"1212" + now_world.package(SENDER, [RECIPIENT]))
    assert (found["clean"], found["signed"], found["signer"]) == (True, False, None)
    assert ("signature", "SIGNATURE_MISSING") in [(p["step"], p["code"]) for p in found["problems"]]


def test_everything_is_told_at_once_in_both_languages(check: Run, now_world: World) -> None:
    data = now_world.signed(
        SENDER,
        [SENDER, RECIPIENT],
        other=OtherInfo(page_amount=-1),
        manifest=(),
        key=now_world.key(RECIPIENT),
    )
    found = check(data, "--lang", "vi", exit_code=3)
    assert blocking(found) == [
        ("signature", "SIGNER_NOT_SENDER"),
        ("attachments", "attachment-manifest"),
        ("rules", "recipient-not-sender"),
        ("rules", "amounts"),
    ]
    assert all(p["message"] == p["message_vi"] != p["message_en"] for p in found["problems"])


def test_every_step_of_a_bad_signature_is_told(check: Run, now_world: World) -> None:
    data = now_world.signed(SENDER, [RECIPIENT], key=now_world.key(RECIPIENT)).replace(b"UBND-VX", b"UBND-VY")
    found = check(data, exit_code=3)
    assert blocking(found) == [("signature", "SIGNATURE_INVALID"), ("signature", "SIGNER_NOT_SENDER")]
    assert found["signer"] is None


def test_signatures_inside_pdfs_are_told(
    check: Run, now_world: World, profile_of: Callable[[str], Path], tmp_path: Path
) -> None:
    official = now_world.issue("Nguyễn Văn A", at=now_world.at).signing_key
    files = {"a.pdf": sign_pdf(plain_pdf(), official, "Signature1"), "b.pdf": plain_pdf()}
    data = now_world.signed(SENDER, [RECIPIENT], files=files)
    signed, plain = check(data)["pdfs"]
    (one,) = signed["signatures"]
    assert (one["signer"], one["intact"], one["trusted"]) == ("Nguyễn Văn A", True, True)
    assert (plain["name"], plain["signatures"]) == ("b.pdf", [])
    file = tmp_path / "file.edxml"
    for profile, text in (
        (str(profile_of(SENDER)), "unchanged since, trusted"),
        ("none", "not trusted here"),
    ):
        args = ["check", str(file), "--offline", "--profile", profile, "--lang", "en"]
        result = CliRunner().invoke(app, args)
        assert "a.pdf: 1 signatures in the PDF itself" in result.stdout
        assert text in result.stdout


@pytest.mark.parametrize("data", [b"", b"hello", b"<edXML", b"<!DOCTYPE x><x/>"])
def test_what_cannot_be_read_is_refused(check: Run, data: bytes) -> None:
    found = check(data, exit_code=3)
    assert len(blocking(found)) == 1
    assert found["kind"] is None


def test_without_a_profile_the_signature_is_left_out(now_world: World, tmp_path: Path) -> None:
    file = tmp_path / "file.edxml"
    file.write_bytes(now_world.signed(SENDER, [RECIPIENT]))
    result = CliRunner().invoke(app, ["check", str(file), "--offline", "--profile", str(tmp_path / "none")])
    assert result.exit_code == 0
    assert "signature is not verified" in result.stderr


def test_people_read_marks_names_and_fields(
    profile_of: Callable[[str], Path], now_world: World, tmp_path: Path
) -> None:
    file = tmp_path / "file.edxml"
    file.write_bytes(now_world.package(SENDER, [RECIPIENT], subject="Tối mật"))
    args = ["check", str(file), "--offline", "--profile", str(profile_of(SENDER)), "--lang", "en"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 3
    assert "The hub would refuse it" in result.stdout
    assert "✗ a word of secrecy (Tối mật)" in result.stdout
    assert "[RULE_VIOLATED secrecy] MessageHeader/Subject" in result.stdout


def test_trust_may_be_left_out(now_world: World) -> None:
    data = now_world.signed(SENDER, [RECIPIENT]).replace(b"UBND-VX", b"UBND-VY")
    checked = check_offline(data, trust=None, at=now_world.at, limits=Limits())
    assert checked.acceptable
    assert checked.signed
