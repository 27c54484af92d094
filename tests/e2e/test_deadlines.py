"""A document that nobody fetches, by hand: on the lists of both sides, then at its end, with proof for its sender."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lienthong.domain.day import VIETNAM
from tests.services.machine import ROOT, Machine, listed

COMMUNE, DEPARTMENT = "H48.31.05", "H48.11"


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine that looks for deadlines all the time."""
    made = Machine(tmp_path_factory.mktemp("hasty") / "state", ROOT / "directory" / "four-tier-sample.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIENTHONG__DEADLINES__EVERY", "0.2")
        made.start()
    yield made
    assert made.stop() == 0


def test_an_unfetched_document_is_listed_counted_and_ends_with_proof(
    hasty: Machine, pdf: Path, tmp_path: Path
) -> None:
    sent = hasty.agency(
        COMMUNE, "send", "--to", DEPARTMENT, "--subject", "Báo cáo", "--code", "05/BC-UBND", "--attach", pdf
    )
    document = sent["document_id"]
    hasty.until(lambda: hasty.state_of(COMMUNE, document, DEPARTMENT) == "CONSIGNED")
    (delivery,) = hasty.agency(COMMUNE, "track", document)["deliveries"]
    assert delivery["expires_at"] > delivery["receipt_due_at"] > delivery["consigned_at"]

    (mine,) = listed(hasty.agency(DEPARTMENT, "late", "--unfetched"))
    assert (mine["delivery_id"], mine["document"]["document_id"]) == (delivery["delivery_id"], document)
    assert listed(hasty.agency(COMMUNE, "late", "--as", "sender", "--unfetched")) == [mine]
    assert listed(hasty.agency(DEPARTMENT, "late")) == []
    (seen,) = listed(hasty.operator("documents", "unfetched", "--recipient", DEPARTMENT))
    assert seen["document"]["document_id"] == document

    due = datetime.fromisoformat(delivery["receipt_due_at"]) - timedelta(seconds=1)
    month = due.astimezone(VIETNAM).strftime("%Y-%m")
    figures = {row["agency"]: row for row in listed(hasty.operator("figures", "--month", month))}
    assert (figures[DEPARTMENT]["received"], figures[DEPARTMENT]["waiting"]) == (1, 1)

    pass_time(hasty, days=60)
    hasty.until(lambda: hasty.state_of(COMMUNE, document, DEPARTMENT) == "EXPIRED")
    (late,) = listed(hasty.agency(DEPARTMENT, "late", "--days", "0"))
    assert late["state"] == "EXPIRED"
    assert late["error"]["code"] == "DEADLINE_PASSED"
    (seen,) = listed(hasty.operator("documents", "late", "--days", "0"))
    assert seen["delivery"]["state"] == "EXPIRED"

    proof = hasty.agency(COMMUNE, "evidence", document, tmp_path / "proof")
    (failure,) = proof["verified"]["failures"]
    assert (failure["recipient"], failure["outcome"], failure["node"]) == (DEPARTMENT, "EXPIRED", None)
    hasty.agency(COMMUNE, "verify", tmp_path / "proof")
    hasty.operator("evidence", "export", document, tmp_path / "export.zip")
    hasty.agency(DEPARTMENT, "verify", tmp_path / "export.zip")
    refused = hasty.agency(DEPARTMENT, "fetch", delivery["delivery_id"], tmp_path / "in", expect=3)
    assert refused["error"]["code"]


def pass_time(machine: Machine, *, days: int) -> None:
    """Move every deadline so many days back: the clocks of other processes cannot be turned."""
    microseconds = int(timedelta(days=days).total_seconds() * 1_000_000)
    with closing(sqlite3.connect(machine.state / "store.sqlite", timeout=20)) as store, store:
        store.execute(
            "UPDATE deliveries SET expires_at = expires_at - ?, receipt_due_at = receipt_due_at - ?",
            (microseconds, microseconds),
        )
