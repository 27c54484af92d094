"""A backlog that waits longer than the reconciler's patience gets few copies, and all of it arrives, once."""

from __future__ import annotations

from datetime import timedelta

from lienthong.domain.delivery import DeliveryState
from lienthong.hub.reconcile import Patience, Reconciler
from tests.services.linkage import Linkage

COMMUNE, DEPARTMENT = "H48.31.05", "H48.11"
NUMBER = 40
PATIENCE = Patience(unpublished_after=5.0, stalled_after=0.5)


async def test_a_backlog_longer_than_the_patience_gets_few_copies_and_arrives_once(linkage: Linkage) -> None:
    sent = [await linkage.submit(COMMUNE, [DEPARTMENT], code_number=str(n)) for n in range(NUMBER)]
    reconciler = Reconciler(linkage.store, linkage.dispatcher, linkage.now, PATIENCE)
    end, copies = linkage.now() + timedelta(seconds=8 * PATIENCE.stalled_after), 0
    while linkage.now() < end:
        copies += await reconciler.reconcile()
    assert 0 < copies <= 3 * NUMBER, "in every patience a copy of each: that would be eight times as many"
    await linkage.relay()
    for submission in sent:
        await linkage.until(submission.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
        assert len(await linkage.store.hops(submission.document.id)) == 4
