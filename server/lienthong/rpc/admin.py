"""Administrators look at queues and held messages and keep the directory: AdminService over the administration.

Every act that changes something needs a reason, which the event log keeps.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from lienthong.api.v1 import admin_pb2 as pb
from lienthong.api.v1 import admin_pb2_grpc
from lienthong.domain.agency import Agency
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.lifecycle import Plan, ReformKind, ReformOrder
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Role
from lienthong.hub.rows import CertificatePurpose, DocumentQuery, HeldKind
from lienthong.rpc import arguments, mapping, mapping_admin
from lienthong.rpc.call import Context, caller, current
from lienthong.rpc.limits import FETCH_CHUNK
from lienthong.rpc.mapping_files import file_report
from lienthong.rpc.paging import page
from lienthong.rpc.pipeline import closing

if TYPE_CHECKING:
    from lienthong.hub.administration import Administration
    from lienthong.hub.application import Hub

PURPOSES = (CertificatePurpose.SIGNATURE, CertificatePurpose.TRANSPORT)
RESOLUTIONS = ("released", "rejected", "requeued", "discarded")
MAX_PEM = 65_536  # bytes
MOST_AGENCIES = 500_000  # of one import; the nation has 125,000


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """See proto/lienthong/api/v1/admin.proto."""

    def __init__(self, administration: Administration, hub: Hub, *, patience: Callable[[int], float]) -> None:
        """`patience`: seconds an upload of so many bytes may take."""
        self._administration = administration
        self._patience = patience
        self._hub = hub  # for names and tiers of its directory

    async def ListQueues(self, request: pb.ListQueuesRequest, context: Context) -> pb.ListQueuesResponse:
        """Routing queues, the empty ones on request."""
        found = await self._administration.queues(caller(), everything=request.all)
        return mapping_admin.queues(found, self._hub.directory, current().language)

    async def ListHeld(self, request: pb.ListHeldRequest, context: Context) -> pb.ListHeldResponse:
        """Quarantine or dead letters."""
        rows = await self._administration.held(
            caller(),
            arguments.choice(request.kind, "kind", HeldKind),
            include_resolved=request.include_resolved,
            limit=arguments.count(request.limit, default=100, most=1000),
        )
        language = current().language
        return pb.ListHeldResponse(held=[mapping_admin.held(row, language) for row in rows])

    async def GetHeld(self, request: pb.GetHeldRequest, context: Context) -> pb.GetHeldResponse:
        """One held message with its exact bytes."""
        view = await self._administration.held_one(caller(), arguments.required(request.id, "id"))
        document = mapping.document(view.document, self._hub.directory) if view.document else None
        return pb.GetHeldResponse(
            held=mapping_admin.held(view.held, current().language),
            document=document,
            transit_message=view.held.message,
            events=[mapping_admin.event(row) for row in view.events],
        )

    async def ResolveHeld(self, request: pb.ResolveHeldRequest, context: Context) -> pb.ResolveHeldResponse:
        """Release, reject, requeue or discard."""
        row = await self._administration.resolve(
            caller(),
            arguments.required(request.id, "id"),
            arguments.one_of(request.resolution, "resolution", RESOLUTIONS),
            arguments.required(request.reason, "reason"),
        )
        return pb.ResolveHeldResponse(held=mapping_admin.held(row, current().language))

    async def FindDocuments(
        self, request: pb.FindDocumentsRequest, context: Context
    ) -> pb.FindDocumentsResponse:
        """Newest first."""
        rows = await self._administration.find_documents(caller(), _query(request))
        directory = self._hub.directory
        return pb.FindDocumentsResponse(documents=[mapping.document(row, directory) for row in rows])

    async def GetDocument(self, request: pb.GetDocumentRequest, context: Context) -> pb.GetDocumentResponse:
        """A document with its deliveries, hops and events."""
        reference = arguments.required(request.document, "document")
        view = await self._administration.document(caller(), reference)
        directory = self._hub.directory
        return pb.GetDocumentResponse(
            document=mapping.document(view.tracking.document, directory),
            deliveries=mapping.deliveries(view.tracking, directory, current().language),
            events=[mapping_admin.event(row) for row in view.events],
            files=[file_report(one) for one in await self._hub.content.reports(view.tracking.document)],
        )

    async def ExportEvidence(
        self, request: pb.ExportEvidenceRequest, context: Context
    ) -> AsyncIterator[pb.ExportEvidenceResponse]:
        """Files in order, each in chunks under its name; an empty file is one empty chunk."""
        reference = arguments.required(request.document, "document")
        async with closing(self._administration.export(caller(), reference)) as files:
            async for name, content in files:
                for start in range(0, max(len(content), 1), FETCH_CHUNK):
                    chunk = content[start : start + FETCH_CHUNK]
                    yield pb.ExportEvidenceResponse(name=name, chunk=chunk)
        if request.without_content:
            return
        async with closing(self._hub.content.export(caller(), reference)) as files:
            async for name, content in files:
                yield pb.ExportEvidenceResponse(name=name, chunk=content)

    async def ListAgencies(
        self, request: pb.ListAgenciesRequest, context: Context
    ) -> pb.ListAgenciesResponse:
        """The directory, or a part of it, in pages."""
        text = arguments.text(request.text, "text", longest=200)
        agencies, version = await self._administration.agencies(
            caller(),
            text=text,
            tier=arguments.text(request.tier, "tier", longest=50),
            include_test=request.include_test,
            on=arguments.day(request.on, "on"),
        )
        token = arguments.text(request.page_token, "page_token")
        part, following = page(
            agencies, lambda each: each.code, size=request.page_size, token=token, ordered=not text
        )
        return pb.ListAgenciesResponse(
            agencies=[mapping.agency(each) for each in part], version=version, next_page_token=following
        )

    async def PutAgencies(self, request: pb.PutAgenciesRequest, context: Context) -> pb.PutAgenciesResponse:
        """Add or replace agencies, all or none."""
        if not request.agencies:
            raise arguments.invalid("agencies", "missing")
        agencies = mapping_admin.agencies_from(request.agencies)
        reason = arguments.required(request.reason, "reason")
        return pb.PutAgenciesResponse(
            version=await self._administration.put_agencies(caller(), agencies, reason)
        )

    async def ImportAgencies(
        self, request_iterator: AsyncIterator[pb.ImportAgenciesRequest], context: Context
    ) -> pb.ImportAgenciesResponse:
        """Add or replace a whole directory's agencies, all or none."""
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(begun + self._patience(0)) as limit:
                agencies, reason = await self._collect(
                    request_iterator, lambda size: limit.reschedule(begun + self._patience(size))
                )
        except TimeoutError as error:
            raise Refusal(Code.UNAVAILABLE, detail="the upload is too slow") from error
        version = await self._administration.put_agencies(caller(), agencies, reason)
        return pb.ImportAgenciesResponse(version=version, agencies=len(agencies))

    async def _collect(
        self, parts: AsyncIterator[pb.ImportAgenciesRequest], came: Callable[[int], None]
    ) -> tuple[list[Agency], str]:
        """All parts, and the reason. `came` is told how many bytes there are so far."""
        agencies: list[Agency] = []
        reason, size = "", 0
        async for part in parts:
            size += part.ByteSize()
            came(size)
            reason = reason or arguments.required(part.reason, "reason")
            if len(agencies) + len(part.agencies) > MOST_AGENCIES:
                raise arguments.invalid("agencies", f"more than {MOST_AGENCIES}")
            agencies += mapping_admin.agencies_from(part.agencies, first=len(agencies))
        if not agencies:
            raise arguments.invalid("agencies", "missing")
        return agencies, reason

    async def ListPlans(self, request: pb.ListPlansRequest, context: Context) -> pb.ListPlansResponse:
        """What is to happen on days to come, in pages."""
        plans = await self._administration.plans(
            caller(),
            on=arguments.day(request.on, "on"),
            code=arguments.text(request.code, "code", longest=100),
        )
        token = arguments.text(request.page_token, "page_token")
        part, following = page(plans, _plan_key, size=request.page_size, token=token)
        return pb.ListPlansResponse(
            plans=[mapping_admin.plan(each) for each in part], next_page_token=following
        )

    async def ReformAgencies(
        self, request: pb.ReformAgenciesRequest, context: Context
    ) -> pb.ReformAgenciesResponse:
        """Close, lock, unlock, merge, split or move agencies, now or from a day on, or withdraw what is planned."""
        agencies, version = await self._administration.reform(
            caller(),
            ReformOrder(
                kind=arguments.choice(request.kind, "kind", ReformKind),
                codes=tuple(arguments.required(code, "codes", longest=100) for code in request.codes),
                into=tuple(arguments.required(code, "into", longest=100) for code in request.into),
                on=arguments.day(request.on, "on"),
                until=arguments.day(request.until, "until"),
                root=request.root,
            ),
            arguments.required(request.reason, "reason"),
            dry_run=request.dry_run,
        )
        return pb.ReformAgenciesResponse(
            agencies=[mapping.agency(each) for each in agencies], version=version
        )

    async def CloseAgency(self, request: pb.CloseAgencyRequest, context: Context) -> pb.CloseAgencyResponse:
        """Close an agency and name its successors."""
        agency = await self._administration.close_agency(
            caller(),
            arguments.required(request.code, "code", longest=100),
            tuple(arguments.required(code, "successors", longest=100) for code in request.successors),
            arguments.required(request.reason, "reason"),
        )
        return pb.CloseAgencyResponse(agency=mapping.agency(agency))

    async def ListCertificates(
        self, request: pb.ListCertificatesRequest, context: Context
    ) -> pb.ListCertificatesResponse:
        """Bound certificates of one agency or of all."""
        agency = arguments.optional(request.agency, "agency")
        rows = await self._administration.certificates(caller(), agency)
        return pb.ListCertificatesResponse(certificates=[mapping_admin.certificate(row) for row in rows])

    async def BindCertificate(
        self, request: pb.BindCertificateRequest, context: Context
    ) -> pb.BindCertificateResponse:
        """Bind a certificate to an agency, or to the administrators."""
        if not 0 < len(request.pem) <= MAX_PEM:
            raise arguments.invalid("pem", f"1 to {MAX_PEM} bytes")
        role = arguments.choice(request.role, "role", Role, default=Role.AGENCY)
        agency = arguments.text(request.agency, "agency", longest=100)
        if role is Role.AGENCY and not agency:
            raise arguments.invalid("agency", "missing")
        row = await self._administration.bind_certificate(
            caller(), request.pem, agency, arguments.one_of(request.purpose, "purpose", PURPOSES), role
        )
        return pb.BindCertificateResponse(certificate=mapping_admin.certificate(row))

    async def RevokeCertificate(
        self, request: pb.RevokeCertificateRequest, context: Context
    ) -> pb.RevokeCertificateResponse:
        """End a binding at once; connections opened with it get no further call through."""
        row = await self._administration.revoke_certificate(
            caller(), arguments.sha256(request.sha256), arguments.required(request.reason, "reason")
        )
        return pb.RevokeCertificateResponse(certificate=mapping_admin.certificate(row))

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> pb.ReconcileResponse:
        """Publish again whatever is accepted and not arriving."""
        published = await self._administration.reconcile(caller(), everything=request.all)
        return pb.ReconcileResponse(published=published)

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> pb.ListEventsResponse:
        """The event log of a document, or the newest events of all."""
        rows = await self._administration.events(
            caller(),
            arguments.optional(request.document, "document"),
            arguments.count(request.limit, default=100, most=1000),
        )
        return pb.ListEventsResponse(events=[mapping_admin.event(row) for row in rows])


def _plan_key(plan: Plan) -> str:
    return f"{plan.on} {plan.agency.code} {plan.kind}"


def _query(request: pb.FindDocumentsRequest) -> DocumentQuery:
    since, until = arguments.moment(request, "since"), arguments.moment(request, "until")
    if since and until and since > until:
        raise arguments.invalid("until", "before since")
    return DocumentQuery(
        text=arguments.optional(request.text, "text"),
        sender=arguments.optional(request.sender, "sender"),
        recipient=arguments.optional(request.recipient, "recipient"),
        state=arguments.choice(request.state, "state", DeliveryState) if request.state else None,
        since=since,
        until=until,
        limit=arguments.count(request.limit, default=50, most=500),
        before_id=arguments.optional(request.before_id, "before_id"),
    )
