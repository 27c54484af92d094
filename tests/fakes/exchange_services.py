"""Two services of `FakeExchange`: its state as protobuf, its refusals and faults as gRPC statuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from lienthong.api.v1 import common_pb2, directory_pb2, exchange_pb2
from lienthong.api.v1 import directory_pb2_grpc as directory_grpc
from lienthong.api.v1 import exchange_pb2_grpc as exchange_grpc
from lienthong.domain.agency import Agency
from lienthong.domain.groups import Groups
from lienthong.domain.ids import sha256_hex
from lienthong.domain.wire import GO_AHEAD, LARGE
from lienthong.errors import Code, Refusal
from lienthong.rpc.errors import status_of

if TYPE_CHECKING:
    from tests.fakes.exchange import FakeExchange, Stored


#: state of a request -> why the document is not given out
ENDS = {
    "WITHDRAWN": Code.DOCUMENT_RECALLED,
    "AGREED": Code.DOCUMENT_RECALLED,
    "SUPERSEDED": Code.DOCUMENT_SUPERSEDED,
}


class Broken(Exception):
    """Raised to end a call as a dying connection does: UNAVAILABLE without our details."""


def stamp(at: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(at)
    return made


def _abort(error: Exception, context: Any) -> NoReturn:
    if isinstance(error, Refusal):
        status = status_of(error, language="en")
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        number = status.code
        context.abort(next(code for code in grpc.StatusCode if code.value[0] == number), status.message)
    context.abort(grpc.StatusCode.UNAVAILABLE, f"broken on purpose: {error}")
    raise AssertionError("abort raises")


def answering(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A unary call's refusals become gRPC statuses."""

    @wraps(handler)
    def guarded(self: Any, request: Any, context: Any) -> Any:
        try:
            return handler(self, request, context)
        except (Refusal, Broken) as error:
            _abort(error, context)

    return guarded


def streaming(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """A stream's refusals become gRPC statuses."""

    @wraps(handler)
    def guarded(self: Any, request: Any, context: Any) -> Iterator[Any]:
        try:
            yield from handler(self, request, context)
        except (Refusal, Broken) as error:
            _abort(error, context)

    return guarded


def go_ahead(context: Any) -> None:
    """The header is taken."""
    context.send_initial_metadata((GO_AHEAD,))


class ExchangeServicer(exchange_grpc.ExchangeServiceServicer):
    def __init__(self, hub: FakeExchange) -> None:
        self.hub = hub

    @answering
    def Submit(self, request_iterator: Any, context: Any) -> exchange_pb2.SubmitResponse:
        header = next(request_iterator).header
        if header.size <= LARGE:  # whole before anything is said: gRPC's client forgets what meets it writing
            request_iterator = iter(list(request_iterator))
        caller = self.hub.enter("Submit", context)
        go_ahead(context)
        return self._take(caller, header, b"".join(request.chunk for request in request_iterator))

    @streaming
    def SubmitMany(self, request_iterator: Any, context: Any) -> Iterator[exchange_pb2.SubmitManyResponse]:
        try:
            caller = self.hub.enter("SubmitMany", context)
        except Refusal:
            list(request_iterator)  # as above
            raise
        header, data = exchange_pb2.SubmitHeader(), b""
        for request in request_iterator:
            if request.HasField("header"):
                header, data = request.header, b""
            data += request.chunk
            if len(data) == header.size:
                answer = exchange_pb2.SubmitManyResponse(tag=request.tag)
                try:
                    self.hub.enter("SubmitMany.document", context)
                    answer.accepted.CopyFrom(self._take(caller, header, data))
                except Refusal as refusal:
                    answer.refused = status_of(refusal, language="en").SerializeToString()
                yield answer

    def _take(self, caller: str, header: Any, data: bytes) -> exchange_pb2.SubmitResponse:
        if sha256_hex(data) != header.sha256 or len(data) != header.size:
            raise Refusal(Code.ARGUMENT_INVALID, field="sha256", detail="the upload was damaged")
        if (said := self.hub.said(data)) is not None:
            return said
        repeated = any(stored.data == data for stored in self.hub.documents.values())
        stored = self.hub.put(data)
        if stored.sender != caller:
            raise Refusal(Code.CALLER_NOT_SENDER, field="MessageHeader/From/OrganId", detail=stored.sender)
        results = []
        for code, delivery in stored.deliveries.items():
            refusal = stored.refused.get(code)
            result = exchange_pb2.RecipientResult(
                code=code, delivery_id=delivery, state="REFUSED" if refusal else "ACCEPTED"
            )
            if refusal:
                result.error.CopyFrom(
                    common_pb2.RecipientError(code=refusal.code, message=refusal.message("vi"))
                )
            results.append(result)
        return exchange_pb2.SubmitResponse(
            document_id=stored.id,
            sha256=stored.accepted.document_sha256,
            recipients=results,
            submission_acceptance=self.hub.acceptance(stored.acceptance),
            repeated_submission=repeated,
        )

    @answering
    def ListInbox(self, request: Any, context: Any) -> exchange_pb2.ListInboxResponse:
        items = self.hub.waiting(self.hub.enter("ListInbox", context))
        start = next((n for n, i in enumerate(items, 1) if i.delivery_id == request.page_token), 0)
        size = min(request.page_size, self.hub.page_size)
        page = items[start : start + size]
        more = start + size < len(items)
        return exchange_pb2.ListInboxResponse(
            items=page, next_page_token=page[-1].delivery_id if more else ""
        )

    @streaming
    def WatchInbox(self, request: Any, context: Any) -> Iterator[exchange_pb2.WatchInboxResponse]:
        caller = self.hub.enter("WatchInbox", context)
        epoch = self.hub.epoch
        given: set[str] = set()
        while context.is_active():
            known = len(self.hub.documents)
            for item in self.hub.waiting(caller):
                if item.delivery_id not in given:
                    given.add(item.delivery_id)
                    yield exchange_pb2.WatchInboxResponse(item=item)
            if not self.hub.wait_for_news(epoch, known):
                raise Broken("the stream was cut")

    @streaming
    def Fetch(self, request: Any, context: Any) -> Iterator[exchange_pb2.FetchResponse]:
        caller = self.hub.enter("Fetch", context)
        stored, recipient = self.hub.find(request.delivery_id)
        if (recipient or caller) != caller or caller not in stored.deliveries:
            raise Refusal(Code.NOT_FOUND, field="delivery_id", detail=request.delivery_id)
        asked = stored.said.requests.get(caller)
        if asked is not None and asked.state in ENDS:
            raise Refusal(ENDS[asked.state], field="delivery_id", detail=asked.reason)
        self.hub.fetch_offsets.append(request.offset)
        data = self.hub.tamper(stored.data)
        summary = self.hub.summary(stored)
        summary.sha256, summary.size = self.hub.announce(data), len(data)
        header = exchange_pb2.FetchHeader(delivery_id=stored.deliveries[caller], document=summary)
        yield exchange_pb2.FetchResponse(header=header)
        end = self.hub.cut_fetch_after.pop(0) if self.hub.cut_fetch_after else len(data)
        step = max(500, len(data) // 100)
        for start in range(request.offset, min(end, len(data)), step):
            yield exchange_pb2.FetchResponse(chunk=data[start : min(start + step, end)])
        if end < len(data):
            raise Broken("the stream was cut")

    @answering
    def Acknowledge(self, request: Any, context: Any) -> exchange_pb2.AcknowledgeResponse:
        caller = self.hub.enter("Acknowledge", context)
        stored, _ = self.hub.find(request.delivery_id)
        stored.handovers[caller] = request.content_handover
        return exchange_pb2.AcknowledgeResponse(
            delivery_id=request.delivery_id, state="HANDED_OVER", handed_over_at=stamp(datetime.now(UTC))
        )

    @answering
    def Track(self, request: Any, context: Any) -> exchange_pb2.TrackResponse:
        self.hub.enter("Track", context)
        stored, _ = self.hub.find(request.document)
        deliveries = [delivery_of(self.hub, stored, code) for code in stored.deliveries]
        return exchange_pb2.TrackResponse(document=self.hub.summary(stored), deliveries=deliveries)

    @answering
    def GetEvidence(self, request: Any, context: Any) -> exchange_pb2.GetEvidenceResponse:
        caller = self.hub.enter("GetEvidence", context)
        stored, _ = self.hub.find(request.document)
        mine = None if caller == stored.sender else caller
        items = [common_pb2.Evidence(kind="SubmissionAcceptance", xml=stored.acceptance)]
        hops = stored.hops if mine is None else stored.way(mine)
        items += [common_pb2.Evidence(kind="RelayAcceptance", node=hop.node, xml=xml) for hop, xml in hops]
        items += [
            common_pb2.Evidence(kind="ContentConsignment", recipient=code, xml=xml)
            for code, (_, xml) in stored.consignments.items()
            if mine in (None, code)
        ]
        items += [
            common_pb2.Evidence(kind="ContentHandover", recipient=code, xml=xml)
            for code, xml in stored.handovers.items()
            if mine in (None, code)
        ]
        return exchange_pb2.GetEvidenceResponse(document_id=stored.id, evidence=self.hub.evidence(items))


def delivery_of(hub: FakeExchange, stored: Stored, code: str) -> common_pb2.Delivery:
    """A delivery as Track shows it."""
    agency = hub.world.directory.find(code)
    refusal = stored.refused.get(code)
    asked = stored.said.requests.get(code)
    told = stored.said.statuses.get(code, [])
    state = "REFUSED" if refusal else "HANDED_OVER" if code in stored.handovers else "CONSIGNED"
    if asked is not None and asked.state == "WITHDRAWN":
        state = "WITHDRAWN"
    hops = []
    for hop, _ in stored.way(code):
        node = hub.world.directory.agencies[hop.node]
        hops.append(
            common_pb2.Hop(
                node=hop.node,
                tier=node.tier,
                received_at=stamp(hop.received_at),
                verdict=hop.verdict,
                node_name=node.name,
                sequence=hop.sequence,
            )
        )
    delivery = common_pb2.Delivery(
        delivery_id=stored.deliveries[code],
        recipient=code,
        recipient_name=agency.name if agency else "",
        state=state,
        status="" if refusal else told[-1].code if told else "01",
        hops=hops,
        statuses=told,
        requests=[] if asked is None else [asked],
        updated_at=stamp(stored.accepted.accepted_at),
    )
    if refusal:
        delivery.error.CopyFrom(common_pb2.RecipientError(code=refusal.code, message=refusal.message("en")))
    return delivery


class DirectoryServicer(directory_grpc.DirectoryServiceServicer):
    def __init__(self, hub: FakeExchange) -> None:
        self.hub = hub
        self.lists: dict[str, directory_pb2.Group] = {}
        self.version = 4
        self.changed: list[Agency] = []  # since any version

    def SyncAgencies(self, request: Any, context: Any) -> Iterator[directory_pb2.SyncAgenciesResponse]:
        self.hub.enter("SyncAgencies", context)
        whole = not 0 < request.since <= self.version
        changed = [*self.hub.world.directory] if whole else self.changed
        for part in [[_agency(each)] for each in changed] or [[]]:
            yield directory_pb2.SyncAgenciesResponse(version=self.version, whole=whole, agencies=part)

    @answering
    def ResolveGroup(self, request: Any, context: Any) -> directory_pb2.ResolveGroupResponse:
        caller = self.hub.enter("ResolveGroup", context)
        lists = {name: tuple(group.members) for name, group in self.lists.items()}
        groups = Groups(directory=self.hub.world.directory, asking=caller, lists=lists)
        found = groups.resolve(request.expression)
        return directory_pb2.ResolveGroupResponse(agencies=[_agency(each) for each in found])

    @answering
    def ListGroups(self, request: Any, context: Any) -> directory_pb2.ListGroupsResponse:
        self.hub.enter("ListGroups", context)
        return directory_pb2.ListGroupsResponse(groups=list(self.lists.values()))

    @answering
    def PutGroup(self, request: Any, context: Any) -> directory_pb2.PutGroupResponse:
        caller = self.hub.enter("PutGroup", context)
        group = directory_pb2.Group(name=request.name, owner=caller, members=request.members)
        self.lists[request.name] = group
        return directory_pb2.PutGroupResponse(group=group)

    @answering
    def DeleteGroup(self, request: Any, context: Any) -> directory_pb2.DeleteGroupResponse:
        self.hub.enter("DeleteGroup", context)
        if self.lists.pop(request.name, None) is None:
            raise Refusal(Code.NOT_FOUND, field="name", detail=request.name)
        return directory_pb2.DeleteGroupResponse()

    @answering
    def SearchAgencies(self, request: Any, context: Any) -> directory_pb2.SearchAgenciesResponse:
        self.hub.enter("SearchAgencies", context)
        text = request.text.casefold()
        found = [
            a for a in self.hub.world.directory if text in a.name.casefold() or text in a.code.casefold()
        ]
        return directory_pb2.SearchAgenciesResponse(
            agencies=[_agency(a) for a in found[: request.limit or 20]]
        )

    @answering
    def GetAgency(self, request: Any, context: Any) -> directory_pb2.GetAgencyResponse:
        self.hub.enter("GetAgency", context)
        agency = self.hub.world.directory.find(request.code)
        if agency is None:
            raise Refusal(Code.NOT_FOUND, field="code", detail=request.code)
        return directory_pb2.GetAgencyResponse(agency=_agency(agency))


def _agency(agency: Agency) -> common_pb2.Agency:
    return common_pb2.Agency(
        code=agency.code,
        name=agency.name,
        tier=agency.tier,
        parent=agency.parent or "",
        aliases=agency.aliases,
        status=agency.status,
        environment=agency.environment,
    )
