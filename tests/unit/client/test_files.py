"""Can a stranger's file name leave the folder, hide what it is, or overwrite something?"""

from __future__ import annotations

from pathlib import Path

import pytest

from lienthong.domain.document import Attachment
from lienthong_client.files import safe_name, save, save_files


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("báo cáo.pdf", "báo cáo.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\Windows\\win.ini", "win.ini"),
        ("/etc/cron.d/job", "job"),
        ("C:\\a.pdf", "a.pdf"),
        ("C:a.pdf", "C_a.pdf"),
        ("..", "attachment"),
        ("", "attachment"),
        ("a/", "attachment"),
        (".bashrc", "bashrc"),
        ("a\x00b.pdf", "ab.pdf"),
        ("a\r\nb\x1b[31m.pdf", "ab[31m.pdf"),
        ("hoa don\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "hoa donfdp.exe"),
        ("CON.txt", "_CON.txt"),
        ("lpt1", "_lpt1"),
        ("a?b*c.pdf", "a_b_c.pdf"),
        ("tên. . ", "tên"),
        ("ba\N{COMBINING ACUTE ACCENT}o.pdf", "báo.pdf"),
    ],
)
def test_unsafe_attachment_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_long_names_keep_their_extension_and_whole_letters() -> None:
    name = safe_name("ố" * 300 + ".pdf")
    assert name.endswith("ố.pdf")
    assert len(name.encode()) <= 200


def attachment(name: str, content: bytes) -> Attachment:
    return Attachment(content_id="cid:1", attachment_name=name, content=content)


def test_same_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    files = [attachment("a.pdf", b"1"), attachment("x/a.pdf", b"2"), attachment("a.pdf", b"1")]
    paths = save_files(tmp_path / "in", files)
    assert [path.name for path in paths] == ["a.pdf", "a (2).pdf", "a.pdf"]
    assert [path.read_bytes() for path in paths] == [b"1", b"2", b"1"]


def test_links_are_never_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").symlink_to(target)
    (folder / "b.pdf").symlink_to(tmp_path / "not there yet")
    assert save(folder, "a.pdf", b"evil").name == "a (2).pdf"
    assert save(folder, "b.pdf", b"evil").name == "b (2).pdf"
    assert target.read_bytes() == b"precious"
    assert not (tmp_path / "not there yet").exists()
