"""The gRPC server: its services behind mutual TLS, its limits, its start and its stop.

server = RpcServer(hub, administration, address="127.0.0.1:50051", tls=tls)
port = await server.start()
…
await server.stop(grace=10)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection
from prometheus_client import REGISTRY, CollectorRegistry

from lienthong.api.v1 import (
    admin_pb2_grpc,
    business_pb2_grpc,
    check_pb2_grpc,
    content_pb2_grpc,
    directory_pb2_grpc,
    exchange_pb2_grpc,
    receipts_pb2_grpc,
)
from lienthong.errors import HubFault
from lienthong.rpc.access import ACCESS
from lienthong.rpc.admin import AdminService
from lienthong.rpc.business import BusinessService
from lienthong.rpc.check import CheckService
from lienthong.rpc.content import ContentService
from lienthong.rpc.directory import DirectoryService
from lienthong.rpc.exchange import ExchangeService
from lienthong.rpc.interceptors import Stages
from lienthong.rpc.limits import RpcLimits, core_options
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.pipeline import Pipeline
from lienthong.rpc.receipts import ReceiptService
from lienthong.rpc.uploads import Uploads

if TYPE_CHECKING:
    from lienthong.hub.administration import Administration
    from lienthong.hub.application import Hub


DEFAULT_LIMITS = RpcLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What mutual TLS needs, as PEM bytes."""

    certificate: bytes  #: the server's chain, leaf first
    key: bytes = field(repr=False)
    client_authority: bytes  #: the transport authority that issues client certificates

    def credentials(self) -> grpc.ServerCredentials:
        """Server credentials that refuse every client without a certificate of the authority."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.client_authority,
            require_client_auth=True,
        )


class RpcServer:
    """Every service that `access.py` names, on one port."""

    def __init__(
        self,
        hub: Hub,
        administration: Administration,
        *,
        address: str,
        tls: TlsFiles,
        limits: RpcLimits = DEFAULT_LIMITS,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """`address` is host:port; port 0 picks a free one."""
        metrics = RpcMetrics(registry)
        self._address = address
        self._tls = tls
        self._stages = Stages(hub, limits, metrics)
        self._health = health.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=[Pipeline(self._stages, idle=limits.idle)],
            options=core_options(limits),
            maximum_concurrent_rpcs=limits.max_calls,
            compression=grpc.Compression.NoCompression,
        )
        uploads = Uploads(limits, metrics, max_package=hub.max_package)
        exchange, directory = (
            ExchangeService(hub, uploads, metrics, limits, self._stages.spend),
            DirectoryService(hub),
        )
        admin = AdminService(administration, hub, patience=uploads.patience)
        # grpcio's generated module is untyped
        exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(exchange, self._server)  # type: ignore[no-untyped-call]
        content = ContentService(hub, limits, metrics)
        content_pb2_grpc.add_ContentServiceServicer_to_server(content, self._server)  # type: ignore[no-untyped-call]
        directory_pb2_grpc.add_DirectoryServiceServicer_to_server(directory, self._server)  # type: ignore[no-untyped-call]
        receipts_pb2_grpc.add_ReceiptServiceServicer_to_server(ReceiptService(hub), self._server)  # type: ignore[no-untyped-call]
        business_pb2_grpc.add_BusinessServiceServicer_to_server(BusinessService(hub), self._server)  # type: ignore[no-untyped-call]
        check_pb2_grpc.add_CheckServiceServicer_to_server(CheckService(hub, uploads), self._server)  # type: ignore[no-untyped-call]
        admin_pb2_grpc.add_AdminServiceServicer_to_server(admin, self._server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(sorted(ACCESS), self._server)

    async def start(self) -> int:
        """Bind and serve; returns the bound port. Raises `HubFault` when the address cannot be bound."""
        try:
            port = self._server.add_secure_port(self._address, self._tls.credentials())
        except RuntimeError as error:
            raise HubFault(f"cannot listen on {self._address}") from error
        await self._server.start()
        for service in ACCESS:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return port

    async def set_serving(self, serving: bool) -> None:
        """Tell balancers whether new calls are welcome, for example while the store is out of reach."""
        status = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in ("", *ACCESS):
            await self._health.set(service, status)

    async def stop(self, grace: float) -> None:
        """Take no new calls, end the watching ones, let the others finish for `grace` seconds, then cut them."""
        await self._health.enter_graceful_shutdown()
        self._stages.drain()
        await self._server.stop(grace)

    async def wait(self) -> None:
        """Until the server has stopped."""
        await self._server.wait_for_termination()
