"""Agencies ask before they send: CheckService over the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from lienthong.api.v1 import check_pb2 as pb
from lienthong.api.v1 import check_pb2_grpc, common_pb2
from lienthong.errors import Language
from lienthong.hub.check import Checked, CheckedRecipient
from lienthong.hub.inspection import Problem
from lienthong.rpc import mapping_files
from lienthong.rpc.call import Context, caller, current
from lienthong.rpc.uploads import Uploads

if TYPE_CHECKING:
    from lienthong.hub.application import Hub


class CheckService(check_pb2_grpc.CheckServiceServicer):
    """See proto/lienthong/api/v1/check.proto."""

    def __init__(self, hub: Hub, uploads: Uploads) -> None:
        self._hub = hub
        self._uploads = uploads

    async def Check(
        self, request_iterator: AsyncIterator[pb.CheckRequest], context: Context
    ) -> pb.CheckResponse:
        """Read one package whole, then let the hub say what it would."""
        sender = caller()
        async with self._uploads.receive(sender, request_iterator) as data:
            checked = await self._hub.check(sender, data)
        return response(checked, current().language)


def response(checked: Checked, language: Language) -> pb.CheckResponse:
    """What was found, as protobuf."""
    return pb.CheckResponse(
        sha256=checked.sha256,
        acceptable=checked.acceptable,
        signed=checked.signed,
        signer=checked.signer.subject if checked.signer else "",
        kind=checked.package.kind if checked.package else "",
        problems=[_problem(each) for each in checked.problems],
        recipients=[_recipient(each, language) for each in checked.recipients],
        earlier_document_id=checked.earlier.id if checked.earlier else "",
        pdfs=[mapping_files.checked_pdf(each) for each in checked.pdfs],
    )


def _problem(problem: Problem) -> pb.Problem:
    return pb.Problem(
        step=problem.step,
        code=problem.code,
        rule=problem.rule or "",
        field=problem.field or "",
        message_vi=problem.vi,
        message_en=problem.en,
        blocking=problem.blocking,
    )


def _recipient(checked: CheckedRecipient, language: Language) -> pb.CheckedRecipient:
    refusal = checked.recipient.refusal
    return pb.CheckedRecipient(
        written=checked.recipient.written,
        code=checked.recipient.code,
        name=checked.name,
        road=checked.road,
        error=None
        if refusal is None
        else common_pb2.RecipientError(
            code=refusal.code, message=refusal.message(language), field=refusal.field or ""
        ),
    )
