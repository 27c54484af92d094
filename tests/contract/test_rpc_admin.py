"""AdminService keeps the contract of admin.proto: every call, its mapping, and what it refuses to pass on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from lienthong.api.v1 import admin_pb2 as pb
from lienthong.api.v1 import common_pb2
from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Environment
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.lifecycle import plans
from lienthong.errors import CATALOGUE, Code
from lienthong.hub.rows import DocumentQuery, HeldKind
from lienthong.rpc.limits import FETCH_CHUNK, RpcLimits
from tests.fakes.hub import RECIPIENT
from tests.fakes.hub_rows import NOW, SENDER
from tests.fakes.rpc import WAIT, Client, Refused, Running, serving

SINCE = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


@pytest.fixture
async def operator(running: Running) -> AsyncIterator[Client]:
    async with running.connect(running.peers.operator, language="vi") as client:
        yield client


async def ask(client: Client, method: str, request: Any) -> Any:
    return await getattr(client.admin, method)(request, timeout=WAIT, metadata=client.metadata)


def stamp(at: datetime) -> Timestamp:
    value = Timestamp()
    value.FromDatetime(at)
    return value


async def test_queues_name_their_node_and_say_what_is_unknown(running: Running, operator: Client) -> None:
    answer = await ask(operator, "ListQueues", pb.ListQueuesRequest())
    (queue,) = answer.queues
    assert (queue.node, queue.tier, queue.lane, queue.ready) == ("H48", "province", "express", 3)
    assert queue.node_name == "Ủy ban nhân dân tỉnh Quảng Ngãi"
    assert not queue.HasField("unacked")
    assert queue.oldest.ToDatetime(tzinfo=UTC) == NOW
    assert answer.publishing_blocked
    _, empty = (await ask(operator, "ListQueues", pb.ListQueuesRequest(all=True))).queues
    assert empty.HasField("unacked")
    assert not empty.HasField("oldest")
    assert (queue.documents, empty.documents, answer.HasField("broker")) == (4, 0, False)


async def test_queues_say_what_the_store_knows_while_the_broker_is_away(
    running: Running, operator: Client
) -> None:
    running.administration.broker_away = True
    answer = await ask(operator, "ListQueues", pb.ListQueuesRequest())
    assert answer.broker.code == "UNAVAILABLE"
    (queue,) = answer.queues
    assert not any(queue.HasField(name) for name in ("ready", "unacked", "consumers"))
    assert (queue.node, queue.documents) == ("H48", 4)


async def test_held_messages_are_listed_shown_and_resolved(running: Running, operator: Client) -> None:
    wanted = pb.ListHeldRequest(kind="quarantine", include_resolved=True, limit=5_000)
    (held,) = (await ask(operator, "ListHeld", wanted)).held
    assert running.administration.asked["held"] == [(HeldKind.QUARANTINE, True, 1_000)]
    entry = CATALOGUE[Code.SIGNATURE_INVALID]
    assert (held.id, held.kind, held.code, held.document_id) == ("h1", "quarantine", "SIGNATURE_INVALID", "")
    assert held.message == f"{entry.vi} (digest of Reference 1)"
    assert held.remedy == entry.remedy_vi
    assert not held.HasField("resolved_at")

    shown = await ask(operator, "GetHeld", pb.GetHeldRequest(id="h1"))
    assert shown.transit_message == b"\x00transit bytes"
    assert not shown.HasField("document")
    assert shown.events[0].kind == "document.accepted"

    request = pb.ResolveHeldRequest(id="h1", resolution="released", reason=" đã kiểm tra ")
    resolved = (await ask(operator, "ResolveHeld", request)).held
    assert (resolved.resolution, resolved.reason) == ("released", "đã kiểm tra")
    assert resolved.resolved_by == "operator:CN=operator"
    assert resolved.resolved_at.ToDatetime(tzinfo=UTC) == NOW
    assert (await Refused.by(ask(operator, "ResolveHeld", request))).reason == "STATE_ILLEGAL"


async def test_documents_are_found_by_every_field(running: Running, operator: Client) -> None:
    document = running.hub.put(b"one").document
    request = pb.FindDocumentsRequest(
        text="bão",
        sender=SENDER,
        recipient=RECIPIENT,
        state="CONSIGNED",
        since=stamp(SINCE),
        until=stamp(NOW),
        limit=10_000,
        before_id="d9",
    )
    (found,) = (await ask(operator, "FindDocuments", request)).documents
    assert found.document_id == document.id
    await ask(operator, "FindDocuments", pb.FindDocumentsRequest())
    assert running.administration.asked["find_documents"] == [
        (
            DocumentQuery(
                text="bão",
                sender=SENDER,
                recipient=RECIPIENT,
                state=DeliveryState.CONSIGNED,
                since=SINCE,
                until=NOW,
                limit=500,
                before_id="d9",
            ),
        ),
        (DocumentQuery(),),
    ]


async def test_a_document_is_shown_with_hops_and_events(running: Running, operator: Client) -> None:
    document = running.hub.put(b"one").document
    shown = await ask(operator, "GetDocument", pb.GetDocumentRequest(document=document.id))
    assert shown.document.document_id == document.id
    assert [hop.sequence for hop in shown.deliveries[0].hops] == [1, 2, 3, 4]
    (event,) = shown.events
    assert dict(event.detail) == {"recipients": '["H48.02"]', "size": "12", "by": "Nguyễn Văn A"}


async def test_evidence_is_exported_file_by_file_in_chunks(running: Running, operator: Client) -> None:
    data = bytes(range(256)) * 4_000
    document = running.hub.put(data).document
    beside = {"attachments/001-ban do.pdf": b"ab"}
    for without, content in ((False, beside), (True, {})):
        files: dict[str, bytes] = {}
        request = pb.ExportEvidenceRequest(document=document.id, without_content=without)
        async for part in operator.admin.ExportEvidence(request, timeout=WAIT):
            assert len(part.chunk) <= FETCH_CHUNK
            files[part.name] = files.get(part.name, b"") + part.chunk
        assert files == {
            "document.edxml": data,
            "evidence/001-submission-acceptance.xml": b"<SubmissionAcceptance/>",
            "evidence/002-empty.xml": b"",
            **content,
        }
    missing = operator.admin.ExportEvidence(pb.ExportEvidenceRequest(document="none"), timeout=WAIT)
    assert (await Refused.by(missing.read())).reason == "NOT_FOUND"


async def test_agencies_are_listed_put_and_closed(running: Running, operator: Client) -> None:
    listed = await ask(operator, "ListAgencies", pb.ListAgenciesRequest(tier="department", include_test=True))
    assert [agency.code for agency in listed.agencies] == [RECIPIENT, "H48.40", "W00.1"]
    assert (listed.version, listed.agencies[1].status, list(listed.agencies[1].successors)) == (
        7,
        "closed",
        [RECIPIENT],
    )
    new = common_pb2.Agency(
        code="H48.50",
        name=" Sở mới ",
        tier="department",
        parent="H48",
        aliases=["000.00.50.H48"],
        valid_from="2026-03-01",
    )
    answer = await ask(operator, "PutAgencies", pb.PutAgenciesRequest(agencies=[new], reason="QĐ 1"))
    assert answer.version == 8
    put: Any = running.administration.asked["put_agencies"][0]
    ((agency,), reason) = put
    assert reason == "QĐ 1"
    assert (agency.name, agency.status, agency.environment) == (
        "Sở mới",
        AgencyStatus.ACTIVE,
        Environment.PRODUCTION,
    )
    assert (agency.valid_from, agency.valid_to, agency.aliases) == (
        date(2026, 3, 1),
        None,
        ("000.00.50.H48",),
    )

    request = pb.CloseAgencyRequest(code="H48.31", successors=["H48"], reason="sáp nhập")
    closed = (await ask(operator, "CloseAgency", request)).agency
    assert (closed.status, list(closed.successors), closed.valid_to) == ("closed", ["H48"], "2026-03-02")


async def test_agencies_are_listed_in_pages(operator: Client) -> None:
    whole = await ask(operator, "ListAgencies", pb.ListAgenciesRequest(include_test=True))
    assert whole.next_page_token == ""
    found: list[str] = []
    request = pb.ListAgenciesRequest(include_test=True, page_size=2)
    while True:
        page = await ask(operator, "ListAgencies", request)
        assert 0 < len(page.agencies) <= 2
        found += [agency.code for agency in page.agencies]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert sorted(found) == sorted(agency.code for agency in whole.agencies)


async def test_a_directory_is_imported_in_parts_all_or_none(running: Running, operator: Client) -> None:
    parts = [
        pb.ImportAgenciesRequest(agencies=[AGENCY], reason="QĐ 2"),
        pb.ImportAgenciesRequest(agencies=[common_pb2.Agency(code="H48.51", name="Sở", tier="department")]),
    ]
    answer = await operator.admin.ImportAgencies(iter(parts), timeout=WAIT)
    assert (answer.version, answer.agencies) == (8, 2)
    [(agencies, reason)] = running.administration.asked["put_agencies"]
    assert ([agency.code for agency in agencies], reason) == (["H48.50", "H48.51"], "QĐ 2")


async def test_an_import_that_stops_or_trickles_holds_no_slot() -> None:
    limits = RpcLimits(idle=0.3, upload_rate=1_000_000_000)

    async def silent() -> AsyncIterator[pb.ImportAgenciesRequest]:
        yield pb.ImportAgenciesRequest(agencies=[AGENCY], reason="QĐ 2")
        await asyncio.sleep(WAIT)

    async def trickling() -> AsyncIterator[pb.ImportAgenciesRequest]:
        while True:
            yield pb.ImportAgenciesRequest(reason="QĐ 2")
            await asyncio.sleep(0.05)

    async with serving(limits) as running, running.connect(running.peers.operator) as client:
        for parts, detail in ((silent(), "nothing came"), (trickling(), "the upload is too slow")):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.admin.ImportAgencies(parts, timeout=WAIT)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert detail in (refused.value.details() or "")
            assert asyncio.get_running_loop().time() - begun < WAIT / 2
        assert running.administration.asked["put_agencies"] == []


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([], "agencies"),
        ([pb.ImportAgenciesRequest(agencies=[common_pb2.Agency()])], "reason"),
        (
            [
                pb.ImportAgenciesRequest(
                    agencies=[common_pb2.Agency(code="A", name="a", tier="t")], reason="r"
                ),
                pb.ImportAgenciesRequest(agencies=[common_pb2.Agency(code="B", name="b")]),
            ],
            "agencies[1].tier",
        ),
    ],
    ids=["nothing", "no reason", "the second part's"],
)
async def test_an_import_that_is_nonsense_writes_nothing(
    running: Running, operator: Client, parts: list[pb.ImportAgenciesRequest], field: str
) -> None:
    refused = await Refused.by(operator.admin.ImportAgencies(iter(parts), timeout=WAIT))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", field)
    assert "put_agencies" not in running.administration.asked


async def test_plans_are_listed_in_pages(running: Running, operator: Client) -> None:
    change = DatedChange(on=date(2099, 7, 1), root=True)
    changing = Agency(code="A", name="a", tier="t", parent="B", changes=(change,))
    closing = Agency(code="B", name="b", tier="t", valid_to=date(2099, 6, 30), successors=("C",))
    running.administration.plans_to_come = plans([changing, closing], after=date(2026, 3, 2))
    first = await ask(operator, "ListPlans", pb.ListPlansRequest(page_size=1))
    assert (first.plans[0].kind, first.plans[0].change.root) == ("change", True)
    request = pb.ListPlansRequest(page_size=1, page_token=first.next_page_token, on="2099-07-01", code="x")
    second = await ask(operator, "ListPlans", request)
    assert (second.plans[0].kind, second.plans[0].on, list(second.plans[0].successors)) == (
        "end",
        "2099-07-01",
        ["C"],
    )
    assert second.next_page_token == ""
    assert running.administration.asked["plans"][-1] == (date(2099, 7, 1), "x")


async def test_certificates_are_listed_bound_and_revoked(running: Running, operator: Client) -> None:
    (row,) = (await ask(operator, "ListCertificates", pb.ListCertificatesRequest())).certificates
    assert (row.agency, row.purpose, row.role, row.HasField("revoked_at")) == (
        SENDER,
        "transport",
        "agency",
        False,
    )
    request = pb.BindCertificateRequest(pem=b"-----BEGIN", agency=SENDER, purpose="signature")
    await ask(operator, "BindCertificate", request)
    assert running.administration.asked["bind_certificate"] == [
        (b"-----BEGIN", SENDER, "signature", "agency")
    ]
    request = pb.BindCertificateRequest(pem=b"-----BEGIN", purpose="transport", role="operator")
    bound = (await ask(operator, "BindCertificate", request)).certificate
    assert (bound.agency, bound.role) == ("", "operator")
    revoked = await ask(
        operator, "RevokeCertificate", pb.RevokeCertificateRequest(sha256="a" * 64, reason="lộ khóa")
    )
    assert (revoked.certificate.revoke_reason, revoked.certificate.HasField("revoked_at")) == (
        "lộ khóa",
        True,
    )


async def test_reconcile_and_events(running: Running, operator: Client) -> None:
    assert (await ask(operator, "Reconcile", pb.ReconcileRequest(all=True))).published == 3
    assert running.administration.asked["reconcile"] == [(True,)]
    (event,) = (await ask(operator, "ListEvents", pb.ListEventsRequest())).events
    assert (event.actor, event.document_id, event.subject) == (SENDER, "d1", "")
    await ask(operator, "ListEvents", pb.ListEventsRequest(document="d1", limit=2))
    assert running.administration.asked["events"] == [(None, 100), ("d1", 2)]


AGENCY = common_pb2.Agency(code="H48.50", name="Sở mới", tier="department")


def _agency(**changes: Any) -> pb.PutAgenciesRequest:
    agency = common_pb2.Agency()
    agency.CopyFrom(AGENCY)
    agency.MergeFrom(common_pb2.Agency(**changes))
    return pb.PutAgenciesRequest(agencies=[AGENCY, agency], reason="r")


NONSENSE = {
    "held of no kind": ("ListHeld", pb.ListHeldRequest(), "kind"),
    "held of unknown kind": ("ListHeld", pb.ListHeldRequest(kind="x"), "kind"),
    "held without id": ("GetHeld", pb.GetHeldRequest(), "id"),
    "unknown resolution": (
        "ResolveHeld",
        pb.ResolveHeldRequest(id="h1", resolution="x", reason="r"),
        "resolution",
    ),
    "resolved without reason": (
        "ResolveHeld",
        pb.ResolveHeldRequest(id="h1", resolution="released"),
        "reason",
    ),
    "resolved for blanks": (
        "ResolveHeld",
        pb.ResolveHeldRequest(id="h1", resolution="released", reason=" \t"),
        "reason",
    ),
    "unknown state": ("FindDocuments", pb.FindDocumentsRequest(state="LOST"), "state"),
    "since after until": (
        "FindDocuments",
        pb.FindDocumentsRequest(since=stamp(NOW), until=stamp(SINCE)),
        "until",
    ),
    "no such time": ("FindDocuments", pb.FindDocumentsRequest(since=Timestamp(seconds=-(2**62))), "since"),
    "document without reference": ("GetDocument", pb.GetDocumentRequest(), "document"),
    "no agencies": ("PutAgencies", pb.PutAgenciesRequest(reason="r"), "agencies"),
    "agencies without reason": ("PutAgencies", pb.PutAgenciesRequest(agencies=[AGENCY]), "reason"),
    "agency of unknown status": ("PutAgencies", _agency(status="gone"), "agencies[1].status"),
    "agency of unknown environment": ("PutAgencies", _agency(environment="x"), "agencies[1].environment"),
    "agency of no day": ("PutAgencies", _agency(valid_to="2026/02/30"), "agencies[1].valid_to"),
    "agency with NUL": ("PutAgencies", _agency(name="a\0b"), "agencies[1].name"),
    "agency with an empty alias": ("PutAgencies", _agency(aliases=[""]), "agencies[1].aliases"),
    "closed without reason": ("CloseAgency", pb.CloseAgencyRequest(code="H48"), "reason"),
    "bind nothing": ("BindCertificate", pb.BindCertificateRequest(agency=SENDER, purpose="signature"), "pem"),
    "bind for no purpose": ("BindCertificate", pb.BindCertificateRequest(pem=b"x", agency=SENDER), "purpose"),
    "bind to nobody": ("BindCertificate", pb.BindCertificateRequest(pem=b"x", purpose="signature"), "agency"),
    "bind in an unknown role": (
        "BindCertificate",
        pb.BindCertificateRequest(pem=b"x", agency=SENDER, purpose="signature", role="root"),
        "role",
    ),
    "revoke without digest": ("RevokeCertificate", pb.RevokeCertificateRequest(reason="r"), "sha256"),
    "revoke without reason": ("RevokeCertificate", pb.RevokeCertificateRequest(sha256="a" * 64), "reason"),
}


@pytest.mark.parametrize(("method", "request_", "field"), NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_refused_by_field(
    running: Running, operator: Client, method: str, request_: Any, field: str
) -> None:
    refused = await Refused.by(ask(operator, method, request_))
    assert (refused.reason, refused.field) == ("ARGUMENT_INVALID", field)
    assert not running.administration.calls


async def test_every_rpc_of_the_service_is_served() -> None:
    from lienthong.rpc.admin import AdminService

    for method in pb.DESCRIPTOR.services_by_name["AdminService"].methods:
        assert method.name in vars(AdminService), method.name
