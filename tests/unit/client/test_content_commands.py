"""upload, submit --content, evidence --content and verify: files beside their package, as people meet them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lienthong.domain.document import Attachment, ExternalContent, ManifestEntry
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.writer import write
from lienthong.signing.sign import sign_package
from lienthong_client.cli.main import app
from tests.fakes.exchange import FakeExchange
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
MAP, PLAN = b"%PDF-1.7 " + b"map " * 5_000, b"plan " * 3_000
Run = Callable[..., Any]


@pytest.fixture
def run(profile_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(agency: str, *args: str, exit_code: int = 0) -> list[dict[str, Any]]:
        result = CliRunner().invoke(app, ["--json", "--profile", str(profile_of(agency)), *args])
        assert result.exit_code == exit_code, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run


def external(number: int, name: str, data: bytes) -> ManifestEntry:
    content = ExternalContent(sha256=sha256_hex(data), size=len(data), media_type="application/pdf")
    return ManifestEntry(content_id=f"cid:{number}", attachment_name=name, external=content)


@pytest.fixture
def package(now_world: World, tmp_path: Path) -> bytes:
    """signed.edxml with one file within and two beside; those lie in maps/, under other names."""
    inside = Attachment(content_id="cid:1", attachment_name="cv.pdf", content=b"%PDF-1.4")
    manifest = (
        ManifestEntry(content_id="cid:1", attachment_name="cv.pdf"),
        external(2, "Bản đồ.pdf", MAP),
        external(3, "plan.pdf", PLAN),
    )
    unsigned = write(now_world.document(SENDER, [RECIPIENT], manifest=manifest), [inside])
    data = sign_package(unsigned, now_world.key(SENDER), at=now_world.at)
    (tmp_path / "signed.edxml").write_bytes(data)
    (tmp_path / "maps/deep").mkdir(parents=True)
    (tmp_path / "maps/scan 1.pdf").write_bytes(MAP)
    (tmp_path / "maps/deep/scan 2.bin").write_bytes(PLAN)
    (tmp_path / "maps/other.pdf").write_bytes(b"x" * len(MAP))
    return data


def test_upload_tells_what_the_package_must_say(run: Run, hub: FakeExchange, package: bytes) -> None:
    told = run(SENDER, "upload", "maps/scan 1.pdf", "maps/deep/scan 2.bin")
    assert told == [
        {
            "file": "maps/scan 1.pdf",
            "name": "scan 1.pdf",
            "sha256": sha256_hex(MAP),
            "size": len(MAP),
            "media_type": "application/pdf",
        },
        {
            "file": "maps/deep/scan 2.bin",
            "name": "scan 2.bin",
            "sha256": sha256_hex(PLAN),
            "size": len(PLAN),
            "media_type": "application/octet-stream",
        },
    ]
    assert {bytes(data) for data in hub.contents.values()} == {MAP, PLAN}


@pytest.mark.parametrize(("lang", "text"), [("en", "Media type"), ("vi", "Kiểu tệp")])
def test_upload_for_people(
    profile_of: Callable[[str], Path], tmp_path: Path, package: bytes, lang: str, text: str
) -> None:
    args = ["--profile", str(profile_of(SENDER)), "--lang", lang, "upload", str(tmp_path / "maps/scan 1.pdf")]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0
    assert text in result.stdout
    assert sha256_hex(MAP) in result.stdout


def test_upload_of_what_cannot_be_sent_is_wrong_usage(run: Run) -> None:
    Path("empty").touch()
    (error,) = run(SENDER, "upload", "empty", exit_code=2)
    assert (error["error"]["code"], error["error"]["field"]) == ("ARGUMENT_INVALID", "empty")
    run(SENDER, "upload", "nothing", exit_code=2)
    run(SENDER, "upload", exit_code=2)


def test_submit_sends_what_the_package_names_first(run: Run, hub: FakeExchange, package: bytes) -> None:
    (accepted,) = run(SENDER, "submit", "signed.edxml", "--content", "maps/scan 1.pdf", "maps/deep")
    assert accepted["sha256"] == sha256_hex(package)
    assert {bytes(data) for data in hub.contents.values()} == {MAP, PLAN}, "and nothing else"


def test_submit_sends_nothing_without_being_told_where(run: Run, hub: FakeExchange, package: bytes) -> None:
    run(SENDER, "submit", "signed.edxml")
    assert hub.contents == {}
    (error,) = run(SENDER, "submit", "signed.edxml", "--content", "nowhere", exit_code=2)
    assert error["error"]["code"] == "ARGUMENT_INVALID"


def fetched(run: Run, hub: FakeExchange, *folders: str) -> None:
    run(SENDER, "submit", "signed.edxml", "--content", "maps")
    (stored,) = hub.documents.values()
    for folder in folders:
        run(RECIPIENT, "fetch", stored.id, folder)


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in answer["contents"]}


def test_a_fetched_folder_is_compared_with_what_the_sender_signed(
    run: Run, hub: FakeExchange, package: bytes
) -> None:
    fetched(run, hub, "in")
    (answer,) = run(RECIPIENT, "verify", "in")
    assert answer["verdict"] == "PASSED"
    assert verdicts(answer) == {"cv.pdf": "PASSED", "Bản đồ.pdf": "PASSED", "plan.pdf": "PASSED"}
    (one,) = [one for one in answer["contents"] if one["name"] == "plan.pdf"]
    assert one == {
        "document": "document.edxml",
        "name": "plan.pdf",
        "file": "attachments/plan.pdf",
        "sha256": sha256_hex(PLAN),
        "size": len(PLAN),
        "external": True,
        "verdict": "PASSED",
    }


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        pytest.param("plan.pdf", PLAN[:-1] + b"!", "FAILED", id="a changed byte"),
        pytest.param("plan.pdf", PLAN[:-1], "FAILED", id="cut"),
        pytest.param("plan.pdf", PLAN + b"!", "FAILED", id="longer"),
        pytest.param("cv.pdf", b"%PDF-1.5", "FAILED", id="the copy of a file within"),
        pytest.param("plan.pdf", None, "INDETERMINATE", id="gone"),
    ],
)
def test_a_file_that_is_not_what_was_signed_is_named(
    run: Run, hub: FakeExchange, package: bytes, name: str, content: bytes | None, outcome: str
) -> None:
    fetched(run, hub, "in")
    path = Path("in/attachments", name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    (answer,) = run(RECIPIENT, "verify", "in", exit_code=3)
    assert answer["verdict"] == outcome
    assert verdicts(answer)[name] == outcome
    error = answer["error"]
    assert error["code"] == "ATTACHMENT_MISMATCH"
    assert error["field"] == (f"attachments/{name}" if content else name)
    (answer,) = run(RECIPIENT, "verify", "in", "--without-content")
    assert (answer["verdict"], answer["contents"]) == ("PASSED", [])


def test_the_copy_of_a_file_within_may_be_gone_or_have_another_name(
    run: Run, hub: FakeExchange, package: bytes
) -> None:
    fetched(run, hub, "in")
    Path("in/attachments/cv.pdf").unlink()
    Path("in/attachments/plan.pdf").rename("in/attachments/renamed.pdf")
    (answer,) = run(RECIPIENT, "verify", "in")
    assert verdicts(answer) == {"Bản đồ.pdf": "PASSED", "plan.pdf": "PASSED"}


def test_a_link_to_the_right_bytes_is_not_followed(run: Run, hub: FakeExchange, package: bytes) -> None:
    fetched(run, hub, "in")
    path = Path("in/attachments/plan.pdf")
    path.rename("elsewhere.pdf")
    path.symlink_to(Path("elsewhere.pdf").absolute())
    (answer,) = run(RECIPIENT, "verify", "in", exit_code=3)
    assert verdicts(answer)["plan.pdf"] == "INDETERMINATE"


def test_a_zip_is_compared_like_a_folder(run: Run, hub: FakeExchange, package: bytes) -> None:
    fetched(run, hub, "in")
    for name, content in (("good.zip", PLAN), ("bad.zip", PLAN[:-1] + b"!")):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path("in").rglob("*")):
                if path.is_file() and path.name != "plan.pdf":
                    archive.write(path, path.relative_to("in"))
            archive.writestr("attachments/002-plan.pdf", content)
    (answer,) = run(RECIPIENT, "verify", "good.zip")
    assert set(verdicts(answer).values()) == {"PASSED"}
    (answer,) = run(RECIPIENT, "verify", "bad.zip", exit_code=3)
    assert verdicts(answer)["plan.pdf"] == "FAILED"


def test_a_damaged_zip_entry_is_not_the_file(run: Run, hub: FakeExchange, package: bytes) -> None:
    fetched(run, hub, "in")
    with zipfile.ZipFile("in.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(Path("in").rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to("in"))
    data = Path("in.zip").read_bytes()
    Path("in.zip").write_bytes(data.replace(PLAN[:100], PLAN[:99] + b"!"))
    (answer,) = run(RECIPIENT, "verify", "in.zip", exit_code=3)
    assert verdicts(answer)["plan.pdf"] == "FAILED"


def test_a_document_alone_is_asked_about_itself(run: Run, package: bytes) -> None:
    (answer,) = run(SENDER, "verify", "signed.edxml")
    assert (answer["verdict"], answer["contents"]) == ("PASSED", [])


@pytest.mark.parametrize(
    ("lang", "good", "bad", "gone"),
    [
        ("en", "the bytes the sender signed for", "OTHER bytes", "not at hand"),
        ("vi", "đúng nội dung cơ quan gửi đã ký", "KHÔNG đúng nội dung", "không có tệp"),
    ],
)
def test_people_read_a_line_for_each_file(
    run: Run,
    hub: FakeExchange,
    package: bytes,
    profile_of: Callable[[str], Path],
    lang: str,
    good: str,
    bad: str,
    gone: str,
) -> None:
    fetched(run, hub, "in")
    Path("in/attachments/plan.pdf").write_bytes(b"other")
    Path("in/attachments/Bản đồ.pdf").unlink()
    result = CliRunner().invoke(
        app, ["--profile", str(profile_of(RECIPIENT)), "--lang", lang, "verify", "in"]
    )
    assert result.exit_code == 3
    for mark, name, text in (("✓", "cv.pdf", good), ("✗", "plan.pdf", bad), ("?", "Bản đồ.pdf", gone)):
        (line,) = [line for line in result.stdout.splitlines() if name in line and text in line]
        assert line.startswith(mark)


def test_evidence_keeps_the_senders_own_files_and_verifies(
    run: Run, hub: FakeExchange, package: bytes
) -> None:
    fetched(run, hub)
    (stored,) = hub.documents.values()
    documents = ["--document", "signed.edxml"]
    (kept,) = run(SENDER, "evidence", stored.id, "proof", *documents, "--content", "maps")
    assert kept["missing"] == []
    assert Path("proof/attachments/plan.pdf").read_bytes() == PLAN
    (answer,) = run(SENDER, "verify", "proof")
    assert verdicts(answer) == {"Bản đồ.pdf": "PASSED", "plan.pdf": "PASSED"}
    (again,) = run(SENDER, "evidence", stored.id, "proof", *documents, "--content", "maps")
    assert again["files"] == kept["files"]


def test_a_recipients_evidence_gets_them_from_the_hub(run: Run, hub: FakeExchange, package: bytes) -> None:
    fetched(run, hub)
    (stored,) = hub.documents.values()
    (kept,) = run(RECIPIENT, "evidence", stored.id, "proof", "--document", "signed.edxml")
    assert kept["missing"] == []
    (answer,) = run(RECIPIENT, "verify", "proof")
    assert set(verdicts(answer).values()) == {"PASSED"}


def test_what_nobody_has_is_named(run: Run, hub: FakeExchange, package: bytes) -> None:
    fetched(run, hub)
    (stored,) = hub.documents.values()
    (kept,) = run(SENDER, "evidence", stored.id, "proof", "--document", "signed.edxml")
    assert kept["missing"] == ["Bản đồ.pdf", "plan.pdf"]
    run(SENDER, "verify", "proof", exit_code=3)
    (kept,) = run(SENDER, "evidence", stored.id, "bare", "--document", "signed.edxml", "--without-content")
    assert kept["missing"] == []
    run(SENDER, "verify", "bare", "--without-content")
    run(SENDER, "evidence", stored.id, "proof", "--content", "maps", exit_code=2)


@pytest.mark.parametrize(
    "other", [PLAN[:-1] + b"!", PLAN[:-1], PLAN + b"!"], ids=["changed", "cut", "longer"]
)
def test_other_bytes_from_the_hub_never_become_the_file(
    run: Run, hub: FakeExchange, package: bytes, other: bytes
) -> None:
    run(SENDER, "submit", "signed.edxml", "--content", "maps")
    (stored,) = hub.documents.values()
    hub.contents[sha256_hex(PLAN)] = bytearray(other)
    (error,) = run(RECIPIENT, "fetch", stored.id, "in", exit_code=3)
    assert error["error"]["code"] == "ATTACHMENT_MISMATCH"
    assert [path.name for path in Path("in/attachments").iterdir() if "plan" in path.name] == []
    hub.contents[sha256_hex(PLAN)] = bytearray(PLAN)
    run(RECIPIENT, "fetch", stored.id, "in")
    run(RECIPIENT, "verify", "in")
