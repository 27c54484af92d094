"""One machine for the tests that only use it; tests that kill things start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.machine import ROOT, Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine with spaces")
    made = Machine(folder / "state", ROOT / "directory" / "four-tier-sample.yaml")
    made.start()
    yield made
    assert made.stop() == 0


@pytest.fixture(scope="session")
def pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small PDF to send along."""
    file = tmp_path_factory.mktemp("files") / "báo cáo tháng 3.pdf"
    file.write_bytes(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
    return file
