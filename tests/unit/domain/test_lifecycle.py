"""Do agencies close, lock, merge, split and move on the day they should, and on no other?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Directory
from lienthong.domain.lifecycle import PlanKind, Reform, ReformKind, ReformOrder, plans
from lienthong.errors import Code, Refusal

TODAY, EVE, DAY = date(2025, 6, 1), date(2025, 6, 30), date(2025, 7, 1)
PROVINCE = Agency(code="H48", name="Tỉnh", tier="province")
DISTRICT = Agency(code="H48.31", name="Bình Sơn", tier="district", parent="H48")
ONE = Agency(code="H48.31.05", name="Bình Thạnh", tier="commune", parent="H48.31", aliases=("000.05.31.H48",))
TWO = Agency(code="H48.31.06", name="Bình Đông", tier="commune", parent="H48.31")
NEW = Agency(code="H48.107", name="Bình Minh", tier="commune", parent="H48", valid_from=DAY)
WHOLE = Directory.of([PROVINCE, DISTRICT, ONE, TWO, NEW])
REFORM = Reform(WHOLE, TODAY)


def after(changed: list[Agency]) -> Directory:
    return Directory.of({**WHOLE.agencies, **{agency.code: agency for agency in changed}}.values())


def status(directory: Directory, code: str, day: date) -> AgencyStatus:
    return directory.at(day).agencies[code].status


def test_a_dated_close_holds_from_its_day_on() -> None:
    then = after(REFORM.close("000.05.31.H48", successors=["H48.107"], on=DAY))
    assert status(then, ONE.code, EVE) is AgencyStatus.ACTIVE
    assert status(then, ONE.code, DAY) is AgencyStatus.CLOSED
    assert then.at(EVE).successor(ONE.code) is None
    successor = then.at(DAY).successor(ONE.code)
    assert successor is not None
    assert successor.code == "H48.107"


def test_a_close_at_once() -> None:
    (closed,) = REFORM.close(ONE.code)
    assert (closed.status, closed.valid_to) == (AgencyStatus.CLOSED, TODAY)
    with pytest.raises(Refusal) as refused:
        Reform(after([closed]), TODAY).unlock(ONE.code)
    assert refused.value.code is Code.STATE_ILLEGAL


def test_a_lock_ends_by_itself() -> None:
    then = after(REFORM.lock(ONE.code, on=EVE, until=DAY))
    assert [status(then, ONE.code, day) for day in (TODAY, EVE, DAY)] == [
        AgencyStatus.ACTIVE,
        AgencyStatus.LOCKED,
        AgencyStatus.ACTIVE,
    ]
    with pytest.raises(Refusal):
        REFORM.lock(ONE.code, until=TODAY)


def test_merged_agencies_name_their_successor_and_what_was_under_them_moves() -> None:
    then = after(REFORM.merge(["H48.31"], into="H48", on=DAY))
    assert then.at(EVE).route(ONE.code, "H48") == (ONE.code, "H48.31", "H48")
    assert then.at(DAY).route(ONE.code, "H48") == (ONE.code, "H48")
    merged = after(REFORM.merge([ONE.code, TWO.code], into="H48.107", on=DAY)).at(DAY)
    assert {merged.successor(code) for code in (ONE.code, TWO.code)} == {merged.agencies["H48.107"]}


def test_what_stands_under_a_split_agency_must_be_moved_before() -> None:
    with pytest.raises(Refusal, match=r"move H48\.31\.05, H48\.31\.06 first"):
        REFORM.split("H48.31", into=["H48.107", "H48"], on=DAY)
    moved = after(REFORM.move([ONE.code, TWO.code], parent="H48", on=DAY))
    then = Reform(moved, TODAY).split("H48.31", into=["H48.107", "H48"], on=DAY)
    assert then[0].successors == ("H48.107", "H48")
    with pytest.raises(Refusal):
        REFORM.split(ONE.code, into=["H48.107"])


@pytest.mark.parametrize(
    "order",
    [
        ReformOrder(kind=ReformKind.CLOSE, codes=(ONE.code, TWO.code)),
        ReformOrder(kind=ReformKind.MERGE, codes=(ONE.code,)),
        ReformOrder(kind=ReformKind.MERGE, codes=(ONE.code,), into=(ONE.code,)),
        ReformOrder(kind=ReformKind.MERGE, codes=("H48.31",), into=(ONE.code,)),
        ReformOrder(kind=ReformKind.MOVE, codes=(ONE.code,)),
        ReformOrder(kind=ReformKind.LOCK, codes=()),
        ReformOrder(kind=ReformKind.CLOSE, codes=("H48.107",), on=DAY),
        ReformOrder(kind=ReformKind.CLOSE, codes=(ONE.code,), into=("H99",)),
    ],
    ids=lambda order: f"{order.kind} {order.codes} {order.into}",
)
def test_orders_that_make_no_sense_are_refused(order: ReformOrder) -> None:
    with pytest.raises(Refusal) as refused:
        REFORM.carry_out(order)
    assert refused.value.code is Code.ARGUMENT_INVALID


def test_a_second_change_of_the_same_day_completes_the_first() -> None:
    (moved,) = REFORM.move([ONE.code], parent="H48", on=DAY)
    (both,) = Reform(after([moved]), TODAY).lock(ONE.code, on=DAY)
    assert both.changes == (DatedChange(on=DAY, parent="H48", status=AgencyStatus.LOCKED),)


def test_a_change_that_came_is_written_into_the_agency_by_the_next_one() -> None:
    (moved,) = REFORM.move([ONE.code], parent="H48", on=DAY)
    (locked,) = Reform(after([moved]), date(2025, 8, 1)).lock(ONE.code)
    assert (locked.parent, locked.status, locked.changes) == ("H48", AgencyStatus.LOCKED, ())


def test_a_move_that_closes_a_circle_on_its_day_is_refused() -> None:
    (below,) = REFORM.move(["H48"], parent=ONE.code, on=DAY)
    with pytest.raises(Refusal, match="circle"):
        after([below])


def test_a_directory_file_of_two_tiers_is_followed_on_its_day() -> None:
    wanted = [
        PROVINCE,
        replace(DISTRICT, status=AgencyStatus.CLOSED, successors=("H48.31.05",)),
        replace(ONE, parent="H48", name="Xã Bình Sơn"),
        replace(TWO, status=AgencyStatus.CLOSED, successors=("H48.31.05",)),
        Agency(code="H48.108", name="Mới", tier="commune", parent="H48"),
    ]
    then = after(REFORM.follow(wanted, on=DAY))
    before, on_the_day = then.at(EVE), then.at(DAY)
    assert before.route(ONE.code, "H48") == (ONE.code, "H48.31", "H48")
    assert before.agencies["H48.108"].status is AgencyStatus.PLANNED
    assert on_the_day.route(ONE.code, "H48.108") == (ONE.code, "H48", "H48.108")
    assert on_the_day.agencies[ONE.code].name == "Xã Bình Sơn"
    assert {c for c, a in on_the_day.agencies.items() if a.status is AgencyStatus.CLOSED} == {
        "H48.31",
        "H48.31.06",
    }
    assert Reform(then, TODAY).follow(wanted, on=DAY) == []


def test_planned_is_never_stored() -> None:
    with pytest.raises(Refusal):
        Directory.of([replace(PROVINCE, status=AgencyStatus.PLANNED)])


def test_a_dated_move_can_make_a_root_and_later_an_ordinary_agency_again() -> None:
    order = ReformOrder(kind=ReformKind.MOVE, codes=(DISTRICT.code,), root=True, on=DAY)
    (district,) = REFORM.carry_out(order)
    assert district.changes == (DatedChange(on=DAY, root=True),)
    then = after([district])
    assert then.at(EVE).lineage(ONE.code)[-1] == "H48"
    assert then.at(DAY).lineage(ONE.code) == (ONE.code, DISTRICT.code)
    with pytest.raises(Refusal) as refused:
        then.at(DAY).route(ONE.code, PROVINCE.code)
    assert refused.value.code is Code.ROUTE_MISSING
    (back,) = Reform(then, TODAY).move([DISTRICT.code], parent="H48", on=DAY)
    assert back.changes == (DatedChange(on=DAY, parent="H48"),)


def test_a_root_at_once() -> None:
    (district,) = REFORM.carry_out(ReformOrder(kind=ReformKind.MOVE, codes=(DISTRICT.code,), root=True))
    assert (district.parent, district.changes) == (None, ())


def test_a_root_stands_under_nobody() -> None:
    both = replace(ONE, changes=(DatedChange(on=DAY, parent="H48", root=True),))
    with pytest.raises(Refusal):
        after([both])
    with pytest.raises(Refusal):
        REFORM.carry_out(ReformOrder(kind=ReformKind.MOVE, codes=(ONE.code,), into=("H48",), root=True))
    with pytest.raises(Refusal):
        REFORM.carry_out(ReformOrder(kind=ReformKind.CLOSE, codes=(ONE.code,), root=True))


def test_a_file_of_a_day_to_come_can_make_a_root() -> None:
    (district,) = REFORM.follow([replace(DISTRICT, parent=None)], on=DAY)
    assert district.changes == (DatedChange(on=DAY, root=True),)


def test_plans_are_told_by_day() -> None:
    (closing,) = REFORM.close(ONE.code, successors=["H48.107"], on=DAY)
    (moving,) = REFORM.move([TWO.code], parent="H48", on=DAY)
    told = [(p.on, p.agency.code, p.kind) for p in plans(after([closing, moving]), after=TODAY)]
    assert told == [
        (DAY, NEW.code, PlanKind.BEGIN),
        (DAY, ONE.code, PlanKind.END),
        (DAY, TWO.code, PlanKind.CHANGE),
    ]
    assert plans(after([closing, moving]), after=DAY) == []


def test_what_was_planned_is_withdrawn_before_its_day() -> None:
    (closing,) = REFORM.close(ONE.code, successors=["H48.107"], on=DAY)
    (moving,) = REFORM.move([TWO.code], parent="H48", on=DAY)
    planned = after([closing, moving])
    order = ReformOrder(kind=ReformKind.WITHDRAW, codes=(ONE.code, TWO.code, NEW.code), on=DAY)
    one, two, new = Reform(planned, TODAY).carry_out(order)
    assert (one, two) == (ONE, TWO)
    assert (new.status, new.valid_from) == (AgencyStatus.CLOSED, None)
    assert plans(after([one, two, new]), after=TODAY) == []


def test_a_day_that_has_come_is_not_withdrawn() -> None:
    planned = after(REFORM.move([TWO.code], parent="H48", on=DAY))
    with pytest.raises(Refusal) as refused:
        Reform(planned, DAY).withdraw([TWO.code], on=DAY)
    assert refused.value.code is Code.STATE_ILLEGAL
    with pytest.raises(Refusal) as refused:
        Reform(planned, TODAY).withdraw([ONE.code], on=DAY)
    assert refused.value.code is Code.NOT_FOUND
