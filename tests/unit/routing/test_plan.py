"""From a verified document and the directory: who gets it, and which node is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lienthong.domain.agency import AgencyStatus, Directory
from lienthong.domain.evidence import Branch
from lienthong.errors import Code, Refusal
from lienthong.routing.plan import Recipient, look_up, next_node, plan
from lienthong.signing.verify import VerifiedDocument, verify_package
from tests.pki.world import world

SENDER = "H48.31.05"


def verified(recipients: Sequence[str], sender: str = SENDER, **fields: Any) -> VerifiedDocument:
    w = world()
    data = w.signed(sender, recipients, **fields)
    return verify_package(data, trust=w.trust, bindings=w.bindings, directory=w.directory, at=w.at)


def looked_up(document: VerifiedDocument, directory: Directory) -> list[Recipient]:
    return look_up(document.package, document.sender, directory)


def changed(code: str, **changes: Any) -> Directory:
    return Directory.of(replace(a, **changes) if a.code == code else a for a in world().directory)


def test_a_commune_sends_up_to_its_district() -> None:
    made = plan(verified(["H48.11"]), node=SENDER, recipients=["H48.11"], directory=world().directory)
    assert not made.deliver_here
    assert made.next == (Branch(node="H48.31", recipients=("H48.11",)),)


def test_one_copy_per_next_node_however_many_recipients_lie_behind_it() -> None:
    recipients = ["H48.11", "H48.31", "H48.33.02", "H48.33.03"]
    made = plan(verified(recipients), node="H48", recipients=recipients, directory=world().directory)
    assert made.next == (
        Branch(node="H48.11", recipients=("H48.11",)),
        Branch(node="H48.31", recipients=("H48.31",)),
        Branch(node="H48.33", recipients=("H48.33.02", "H48.33.03")),
    )


def test_a_node_that_is_itself_a_recipient_delivers_and_passes_on() -> None:
    recipients = ["H48.33", "H48.33.02"]
    made = plan(verified(recipients), node="H48.33", recipients=recipients, directory=world().directory)
    assert made.deliver_here
    assert made.next == (Branch(node="H48.33.02", recipients=("H48.33.02",)),)


def test_a_recipient_the_document_does_not_name_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        plan(verified(["H48.11"]), node="H48", recipients=["H48.11", "H48.33"], directory=world().directory)
    assert (refused.value.code, refused.value.detail) == (Code.RECIPIENTS_ALTERED, "H48.33")


def test_a_branch_of_nobody_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        plan(verified(["H48.11"]), node="H48", recipients=[], directory=world().directory)
    assert refused.value.code is Code.RECIPIENTS_ALTERED


def test_old_codes_are_resolved_and_one_agency_under_two_codes_is_one_recipient() -> None:
    found = looked_up(verified(["000.00.11.H48", "H48.33.02", "H48.11"]), world().directory)
    assert [(r.written, r.code, r.refusal) for r in found] == [
        ("000.00.11.H48", "H48.11", None),
        ("H48.33.02", "H48.33.02", None),
    ]


@pytest.mark.parametrize(
    ("code", "changes", "expected", "detail"),
    [
        (
            "H48.11",
            {"status": AgencyStatus.CLOSED, "successors": ("H48.33",)},
            Code.RECIPIENT_CLOSED,
            "H48.11 → H48.33",
        ),
        ("H48.11", {"status": AgencyStatus.LOCKED}, Code.RECIPIENT_LOCKED, "H48.11"),
        ("H48.11", {"parent": None}, Code.ROUTE_MISSING, "H48.31.05 -> H48.11"),
    ],
)
def test_a_recipient_that_cannot_be_served_fails_alone(
    code: str, changes: dict[str, Any], expected: Code, detail: str
) -> None:
    first, second = looked_up(verified([code, "H48.33.02"]), changed(code, **changes))
    assert first.refusal is not None
    assert (first.refusal.code, first.refusal.detail) == (expected, detail)
    assert second.refusal is None


def test_an_unknown_recipient_is_named_with_its_field() -> None:
    found = looked_up(verified(["H48.11", "X99.99"]), world().directory)
    assert found[1].refusal is not None
    assert (found[1].refusal.code, found[1].refusal.field) == (
        Code.RECIPIENT_UNKNOWN,
        "MessageHeader/To[2]/OrganId",
    )


def test_the_sender_is_no_recipient_of_its_own() -> None:
    found = looked_up(verified([SENDER, "H48.11"]), world().directory)
    assert found[0].refusal is not None
    assert found[0].refusal.code is Code.RULE_VIOLATED


def test_two_tiers_are_another_directory_not_other_code() -> None:
    flat = Directory.of(
        replace(agency, parent=None if agency.code == "H48" else "H48")
        for agency in world().directory
        if agency.tier in ("province", "commune")
    )
    made = plan(verified(["H48.33.02"]), node=SENDER, recipients=["H48.33.02"], directory=flat)
    assert made.next == (Branch(node="H48", recipients=("H48.33.02",)),)


def test_an_agency_that_begins_later_is_unknown_until_then() -> None:
    later = changed("H48.11", valid_from=date(2026, 7, 1)).at(date(2026, 3, 2))
    (found,) = looked_up(verified(["H48.11"]), later)
    assert found.refusal is not None
    assert (found.refusal.code, found.refusal.detail) == (Code.RECIPIENT_UNKNOWN, "H48.11: from 2026-07-01")


def test_a_recipient_that_was_passed_before_has_no_way_left() -> None:
    with pytest.raises(Refusal) as refused:
        next_node(world().directory, "H48", "H48.11", passed=("H48.31", "H48.11"))
    assert refused.value.code is Code.ROUTE_MISSING
