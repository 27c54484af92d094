"""Who may call which service, and which calls have no end of their own. A service not named here serves nobody."""

from __future__ import annotations

from typing import Final

from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from lienthong.api.v1 import (
    admin_pb2,
    business_pb2,
    check_pb2,
    content_pb2,
    directory_pb2,
    exchange_pb2,
    receipts_pb2,
)
from lienthong.hub.identity import Role

EXCHANGE: Final[str] = exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"].full_name
BUSINESS: Final[str] = business_pb2.DESCRIPTOR.services_by_name["BusinessService"].full_name
CHECK: Final[str] = check_pb2.DESCRIPTOR.services_by_name["CheckService"].full_name
CONTENT: Final[str] = content_pb2.DESCRIPTOR.services_by_name["ContentService"].full_name
DIRECTORY: Final[str] = directory_pb2.DESCRIPTOR.services_by_name["DirectoryService"].full_name
RECEIPTS: Final[str] = receipts_pb2.DESCRIPTOR.services_by_name["ReceiptService"].full_name
ADMIN: Final[str] = admin_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name
HEALTH: Final[str] = health.SERVICE_NAME
REFLECTION: Final[str] = reflection.SERVICE_NAME

#: service -> roles; None: any client with a certificate of the transport authority, bound to an agency or not
ACCESS: Final[dict[str, frozenset[Role] | None]] = {
    EXCHANGE: frozenset({Role.AGENCY}),
    BUSINESS: frozenset({Role.AGENCY}),
    CHECK: frozenset({Role.AGENCY}),
    CONTENT: frozenset({Role.AGENCY}),
    DIRECTORY: frozenset({Role.AGENCY, Role.OPERATOR}),
    RECEIPTS: frozenset({Role.AGENCY, Role.OPERATOR}),
    ADMIN: frozenset({Role.OPERATOR}),
    HEALTH: None,
    REFLECTION: None,
}

#: methods that run until the client leaves: a stopping server ends them first
ENDLESS: Final = frozenset(
    {
        f"{EXCHANGE}/WatchInbox",
        f"{BUSINESS}/WatchChanges",
        f"{HEALTH}/Watch",
        f"{REFLECTION}/ServerReflectionInfo",
    }
)


def roles_for(method: str) -> frozenset[Role] | None:
    """The roles that may call `package.Service/Method`; None where no role is needed; empty for unknown services."""
    return ACCESS.get(method.partition("/")[0], frozenset())
