"""How a handler is put inside the stages, and how its messages move.

Requests are decoded inside the stages, so that bytes which are no protobuf are refused like any other request. Each
message of a stream has to arrive, or be taken by the client, within the idle limit. Responses are written here rather
than yielded to grpcio: it leaves the generator of a cancelled call to the garbage collector, we close it at once.

A client that takes nothing keeps its stream, one message and the final status in grpc core until it reads, leaves or
its connection ages; what the hub holds for the call (an open blob, a subscription) is given back at the idle limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError

from lienthong.errors import Code, Refusal
from lienthong.rpc.call import Call, Context, enter, language_of
from lienthong.rpc.interceptors import Stages

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]
else:  # not subscriptable at run time
    Handler: TypeAlias = grpc.RpcMethodHandler
Decode = Callable[[bytes], Any]
_Item = TypeVar("_Item")


class Pipeline(grpc.aio.ServerInterceptor):
    """Runs every method of the server inside `stages`. `idle` is in seconds."""

    def __init__(self, stages: Stages, *, idle: float) -> None:
        self._stages = stages
        self._idle = idle
        self._known: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """The handler inside its stages; None (UNIMPLEMENTED) for a method nobody serves."""
        method = handler_call_details.method.lstrip("/")
        found = self._known.get(method)
        if found is None:
            handler = await continuation(handler_call_details)
            if handler is not None:
                found = self._known[method] = self._around(handler, method)
        return found

    def _around(self, handler: Handler, method: str) -> Handler:
        inner: Any = (
            handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        )
        decode: Decode = handler.request_deserializer or bytes
        streaming = handler.request_streaming

        async def serve(source: Any, context: Context) -> Any:  # noqa: ANN401 - any message type
            async def work() -> Any:  # noqa: ANN401
                request = self._requests(source, decode) if streaming else _decoded(source, decode)
                result = inner(request, context)
                if not hasattr(result, "__aiter__"):
                    return await result
                async with closing(result) as responses:
                    async for response in responses:
                        await self._write(context, response)
                return None

            language = language_of(context.invocation_metadata() or ())
            call = Call(method=method, context=context, language=language)
            enter(call)
            return await self._stages.run(call, work)

        kind = (
            f"{_stream(handler.request_streaming)}_{_stream(handler.response_streaming)}_rpc_method_handler"
        )
        made: Handler = getattr(grpc, kind)(serve, None, handler.response_serializer)
        return made

    async def _requests(self, source: AsyncIterator[bytes], decode: Decode) -> AsyncIterator[Any]:
        messages = aiter(source)
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    message = await anext(messages)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Refusal(Code.UNAVAILABLE, detail=f"nothing came for {self._idle:g} s") from error
            yield _decoded(message, decode)

    async def _write(self, context: Context, response: object) -> None:
        try:
            async with asyncio.timeout(self._idle):
                await context.write(response)
        except TimeoutError as error:
            raise Refusal(Code.UNAVAILABLE, detail=f"nothing was taken for {self._idle:g} s") from error


@asynccontextmanager
async def closing(items: AsyncIterator[_Item]) -> AsyncIterator[AsyncIterator[_Item]]:
    """Close `items` with the block, if it can be closed: a file or a subscription must not wait for the collector."""
    try:
        yield items
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


def _stream(streaming: bool) -> str:
    return "stream" if streaming else "unary"


def _decoded(message: bytes, decode: Decode) -> Any:  # noqa: ANN401 - any message type
    try:
        return decode(message)
    except DecodeError as error:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="request", detail="not a message of this method"
        ) from error
