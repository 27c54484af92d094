"""Are the signatures inside PDFs shown beside the verification, without ever deciding it?"""

from __future__ import annotations

from pathlib import Path

from lienthong.signing.trust import Trust
from lienthong_client.pdfs import examine_carried, examine_saved
from tests.pki.pdf import plain_pdf, sign_pdf
from tests.pki.world import world

SENDER = "H48.31.05"


def trust() -> Trust:
    return world().trust


def test_files_of_a_fetched_folder_are_examined_hidden_and_linked_ones_not(tmp_path: Path) -> None:
    folder = tmp_path / "attachments"
    folder.mkdir()
    (folder / "b.pdf").write_bytes(sign_pdf(plain_pdf(), world().key(SENDER), "A"))
    (folder / "a.txt").write_bytes(b"van ban")
    (folder / ".part").write_bytes(plain_pdf())
    (folder / "link.pdf").symlink_to(folder / "b.pdf")
    (report,) = examine_carried(tmp_path, [], trust=trust(), at=world().at)
    assert report.name == "b.pdf"
    assert [(one.intact, one.trusted) for one in report.signatures] == [(True, True)]


def test_files_within_a_document_are_examined(tmp_path: Path) -> None:
    pdf = sign_pdf(plain_pdf(), world().key(SENDER), "A")
    document = world().signed(SENDER, ["H48.11"], files={"cv.pdf": pdf, "so.xlsx": b"PK\x05\x06" + bytes(18)})
    place = tmp_path / "d.edxml"
    place.write_bytes(document)
    (report,) = examine_carried(place, [document, b"<broken"], trust=trust(), at=world().at)
    assert (report.name, len(report.signatures), report.broken) == ("cv.pdf", 1, False)


def test_a_broken_one_is_told_not_raised(tmp_path: Path) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.7 " + bytes(100))
    (report,) = examine_saved([path], trust=trust(), at=world().at)
    assert report.problem
