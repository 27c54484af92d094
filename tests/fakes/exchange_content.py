"""Files beside packages, and dry runs: ContentService and CheckService of `FakeExchange`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lienthong.api.v1 import check_pb2, common_pb2, content_pb2
from lienthong.api.v1 import check_pb2_grpc as check_grpc
from lienthong.api.v1 import content_pb2_grpc as content_grpc
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.reader import read
from lienthong.errors import Code, Refusal
from lienthong.signing.verify import verify_package
from tests.fakes.exchange_services import Broken, answering, go_ahead, streaming

if TYPE_CHECKING:
    from tests.fakes.exchange import FakeExchange

_CHUNK = 100_000


class ContentServicer(content_grpc.ContentServiceServicer):
    """Keeps what is uploaded in `hub.contents`, gives it to the recipients of any document they name."""

    def __init__(self, hub: FakeExchange) -> None:
        self.hub = hub

    @answering
    def Stat(self, request: Any, context: Any) -> content_pb2.StatResponse:
        self.hub.enter("Stat", context)
        have = len(self.hub.contents.get(request.sha256, b""))
        return content_pb2.StatResponse(offset=have, complete=have == request.size)

    @answering
    def Upload(self, request_iterator: Any, context: Any) -> content_pb2.UploadResponse:
        self.hub.enter("Upload", context)
        header = next(request_iterator).header
        kept = self.hub.contents.setdefault(header.sha256, bytearray())
        if header.offset != len(kept):
            raise Refusal(Code.ARGUMENT_INVALID, field="offset", detail=f"{len(kept)}")
        go_ahead(context)
        for request in request_iterator:
            kept += request.chunk
            if self.hub.cut_upload_after and len(kept) >= self.hub.cut_upload_after[0]:
                self.hub.cut_upload_after.pop(0)
                raise Broken("the upload was cut")
        if len(kept) == header.size and sha256_hex(bytes(kept)) != header.sha256:
            del self.hub.contents[header.sha256]
            raise Refusal(Code.ARGUMENT_INVALID, field="sha256", detail="other bytes")
        return content_pb2.UploadResponse(offset=len(kept), complete=len(kept) == header.size)

    @streaming
    def Download(self, request: Any, context: Any) -> Iterator[content_pb2.DownloadResponse]:
        caller = self.hub.enter("Download", context)
        stored, recipient = self.hub.find(request.delivery_id)
        data = bytes(self.hub.contents.get(request.sha256, b""))
        if (recipient or caller) != caller or caller not in stored.deliveries or not data:
            raise Refusal(Code.NOT_FOUND, field="sha256", detail=request.sha256)
        yield content_pb2.DownloadResponse(header=content_pb2.DownloadHeader(size=len(data)))
        for start in range(request.offset, len(data), _CHUNK):
            yield content_pb2.DownloadResponse(chunk=data[start : start + _CHUNK])


class CheckServicer(check_grpc.CheckServiceServicer):
    """Judges the signature and the recipients, nothing else."""

    def __init__(self, hub: FakeExchange) -> None:
        self.hub = hub

    @answering
    def Check(self, request_iterator: Any, context: Any) -> check_pb2.CheckResponse:
        self.hub.enter("Check", context)
        world = self.hub.world
        header = next(request_iterator).header
        go_ahead(context)
        data = b"".join(request.chunk for request in request_iterator)
        if sha256_hex(data) != header.sha256:
            raise Refusal(Code.ARGUMENT_INVALID, field="sha256", detail="the upload was damaged")
        answer = check_pb2.CheckResponse(sha256=header.sha256, acceptable=True, signed=True)
        try:
            verified = verify_package(
                data,
                trust=world.trust,
                bindings=world.bindings,
                directory=world.directory,
                at=datetime.now(UTC),
            )
            answer.signer = verified.signer.subject
        except Refusal as refusal:
            answer.signed = refusal.code is not Code.SIGNATURE_MISSING
            answer.acceptable = not answer.signed  # what is not signed yet would be
            answer.problems.append(_problem("signature", refusal, blocking=not answer.acceptable))
        try:
            package = read(data)
        except Refusal:
            answer.acceptable = False
            return answer
        answer.kind = package.kind
        for written in package.recipient_codes:
            agency = world.directory.find(written)
            answer.recipients.append(
                check_pb2.CheckedRecipient(
                    written=written,
                    code=written if agency is None else agency.code,
                    name="" if agency is None else agency.name,
                    error=None if agency else common_pb2.RecipientError(code=Code.RECIPIENT_UNKNOWN),
                )
            )
        return answer


def _problem(step: str, refusal: Refusal, *, blocking: bool) -> check_pb2.Problem:
    return check_pb2.Problem(
        step=step,
        code=refusal.code,
        field=refusal.field or "",
        message_vi=refusal.message("vi"),
        message_en=refusal.message("en"),
        blocking=blocking,
    )
