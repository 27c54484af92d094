"""What do people see? Plain text in a pipe, colour on a terminal, both languages, nothing that rewrites the screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lienthong_client.cli.main import app
from tests.fakes.exchange import FakeExchange
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
See = Callable[..., str]


@pytest.fixture
def see(profile_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> See:
    monkeypatch.chdir(tmp_path)

    def see(agency: str, *args: str, terminal: bool = False, exit_code: int = 0) -> str:
        environment = {"FORCE_COLOR": "1" if terminal else None, "COLUMNS": "100", "TERM": "xterm-256color"}
        profile = profile_of(agency)
        result = CliRunner().invoke(app, ["--profile", str(profile), *args], env=environment)
        assert result.exit_code == exit_code, result.output
        assert ("\x1b[" in result.output) == terminal
        return result.output

    return see


def test_the_whole_story_in_plain_text(see: See, hub: FakeExchange, now_world: World) -> None:
    Path("draft.edxml").write_bytes(
        now_world.package(SENDER, [RECIPIENT, "H99"], subject="Mời [red]họp[/red]")
    )
    assert "UBND xã Bình Chánh" in see(SENDER, "sign", "draft.edxml", "signed.edxml")
    assert "H99" in see(SENDER, "submit", "signed.edxml", "--receipt", "r.xml")
    assert "already" in see(SENDER, "submit", "signed.edxml")
    (stored,) = hub.documents.values()
    assert "Mời [red]họp[/red]" in see(RECIPIENT, "inbox")
    fetched = see(RECIPIENT, "fetch", stored.id, "in")
    assert "✓ The transit record is whole: H48.31.05 → H48.31 → H48 → H48.33 → H48.33.02" in fetched
    assert "in/attachments/212_UBND-VX.pdf" in fetched
    assert "biên nhận có chữ ký" in see(RECIPIENT, "ack", stored.id, "--lang", "vi")
    tracked = see(SENDER, "track", stored.id)
    assert "handed over" in tracked
    assert "RECIPIENT_UNKNOWN" in tracked
    assert "huyện" in see(SENDER, "track", stored.id, "--lang", "vi")
    assert "Handed over to H48.33.02" in see(SENDER, "evidence", stored.id, "proof")
    assert "Verdict: passed [PASSED]" in see(SENDER, "verify", "proof")
    assert "Kết luận: đạt [PASSED]" in see(SENDER, "--lang", "vi", "verify", "signed.edxml")


def test_the_same_on_a_terminal(see: See, hub: FakeExchange, signed: bytes) -> None:
    Path("signed.edxml").write_bytes(signed)
    assert "lienthong-agency track" in see(SENDER, "submit", "signed.edxml", terminal=True)
    (stored,) = hub.documents.values()
    assert "lienthong-agency ack" in see(RECIPIENT, "fetch", stored.id, "in", terminal=True)
    assert stored.deliveries[RECIPIENT] in see(RECIPIENT, "inbox", terminal=True)
    assert "├" in see(SENDER, "track", stored.id, terminal=True)
    assert "UBND huyện Sơn Tịnh" in see(SENDER, "agencies", "find", "tịnh", terminal=True)


def test_failed_verification_names_the_step_for_people(see: See, signed: bytes) -> None:
    Path("bad.edxml").write_bytes(signed.replace("triển".encode(), b"xong!!!"))
    text = see(SENDER, "verify", "bad.edxml", exit_code=3)
    assert "✗  8. cryptography  SIGNATURE_INVALID" in text
    assert "not reached" in text
    assert "What to do" in text
    Path("folder").mkdir()
    Path("folder/bad.edxml").write_bytes(Path("bad.edxml").read_bytes())
    Path("folder/good.edxml").write_bytes(signed)
    text = see(SENDER, "verify", "folder", exit_code=3)
    assert "✗ bad.edxml" in text
    assert "✓ good.edxml" in text


def test_nothing_to_show_is_said(see: See) -> None:
    assert "Nothing waits." in see(SENDER, "inbox")
    assert "Không tìm thấy." in see(SENDER, "--lang", "vi", "agencies", "find", "không có")
