import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from lienthong.api.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Queue(_message.Message):
    __slots__ = ("node", "node_name", "tier", "lane", "ready", "unacked", "consumers", "oldest", "documents")
    NODE_FIELD_NUMBER: _ClassVar[int]
    NODE_NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    UNACKED_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    node: str
    node_name: str
    tier: str
    lane: str
    ready: int
    unacked: int
    consumers: int
    oldest: _timestamp_pb2.Timestamp
    documents: int
    def __init__(self, node: _Optional[str] = ..., node_name: _Optional[str] = ..., tier: _Optional[str] = ..., lane: _Optional[str] = ..., ready: _Optional[int] = ..., unacked: _Optional[int] = ..., consumers: _Optional[int] = ..., oldest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., documents: _Optional[int] = ...) -> None: ...

class ListQueuesRequest(_message.Message):
    __slots__ = ("all",)
    ALL_FIELD_NUMBER: _ClassVar[int]
    all: bool
    def __init__(self, all: _Optional[bool] = ...) -> None: ...

class ListQueuesResponse(_message.Message):
    __slots__ = ("queues", "publishing_blocked", "broker")
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    PUBLISHING_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    BROKER_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedCompositeFieldContainer[Queue]
    publishing_blocked: bool
    broker: _common_pb2.RecipientError
    def __init__(self, queues: _Optional[_Iterable[_Union[Queue, _Mapping]]] = ..., publishing_blocked: _Optional[bool] = ..., broker: _Optional[_Union[_common_pb2.RecipientError, _Mapping]] = ...) -> None: ...

class Held(_message.Message):
    __slots__ = ("id", "kind", "at", "node", "lane", "document_id", "code", "detail", "message", "remedy", "resolved_at", "resolution", "reason", "resolved_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: str
    at: _timestamp_pb2.Timestamp
    node: str
    lane: str
    document_id: str
    code: str
    detail: str
    message: str
    remedy: str
    resolved_at: _timestamp_pb2.Timestamp
    resolution: str
    reason: str
    resolved_by: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., node: _Optional[str] = ..., lane: _Optional[str] = ..., document_id: _Optional[str] = ..., code: _Optional[str] = ..., detail: _Optional[str] = ..., message: _Optional[str] = ..., remedy: _Optional[str] = ..., resolved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolution: _Optional[str] = ..., reason: _Optional[str] = ..., resolved_by: _Optional[str] = ...) -> None: ...

class ListHeldRequest(_message.Message):
    __slots__ = ("kind", "include_resolved", "limit")
    KIND_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RESOLVED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    include_resolved: bool
    limit: int
    def __init__(self, kind: _Optional[str] = ..., include_resolved: _Optional[bool] = ..., limit: _Optional[int] = ...) -> None: ...

class ListHeldResponse(_message.Message):
    __slots__ = ("held",)
    HELD_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedCompositeFieldContainer[Held]
    def __init__(self, held: _Optional[_Iterable[_Union[Held, _Mapping]]] = ...) -> None: ...

class GetHeldRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetHeldResponse(_message.Message):
    __slots__ = ("held", "document", "transit_message", "events")
    HELD_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    TRANSIT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    held: Held
    document: _common_pb2.DocumentSummary
    transit_message: bytes
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, held: _Optional[_Union[Held, _Mapping]] = ..., document: _Optional[_Union[_common_pb2.DocumentSummary, _Mapping]] = ..., transit_message: _Optional[bytes] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class ResolveHeldRequest(_message.Message):
    __slots__ = ("id", "resolution", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    resolution: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., resolution: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ResolveHeldResponse(_message.Message):
    __slots__ = ("held",)
    HELD_FIELD_NUMBER: _ClassVar[int]
    held: Held
    def __init__(self, held: _Optional[_Union[Held, _Mapping]] = ...) -> None: ...

class FindDocumentsRequest(_message.Message):
    __slots__ = ("text", "sender", "recipient", "state", "since", "until", "limit", "before_id")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_ID_FIELD_NUMBER: _ClassVar[int]
    text: str
    sender: str
    recipient: str
    state: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    limit: int
    before_id: str
    def __init__(self, text: _Optional[str] = ..., sender: _Optional[str] = ..., recipient: _Optional[str] = ..., state: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., before_id: _Optional[str] = ...) -> None: ...

class FindDocumentsResponse(_message.Message):
    __slots__ = ("documents",)
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    documents: _containers.RepeatedCompositeFieldContainer[_common_pb2.DocumentSummary]
    def __init__(self, documents: _Optional[_Iterable[_Union[_common_pb2.DocumentSummary, _Mapping]]] = ...) -> None: ...

class GetDocumentRequest(_message.Message):
    __slots__ = ("document",)
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    document: str
    def __init__(self, document: _Optional[str] = ...) -> None: ...

class GetDocumentResponse(_message.Message):
    __slots__ = ("document", "deliveries", "events", "files")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    document: _common_pb2.DocumentSummary
    deliveries: _containers.RepeatedCompositeFieldContainer[_common_pb2.Delivery]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    files: _containers.RepeatedCompositeFieldContainer[FileReport]
    def __init__(self, document: _Optional[_Union[_common_pb2.DocumentSummary, _Mapping]] = ..., deliveries: _Optional[_Iterable[_Union[_common_pb2.Delivery, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., files: _Optional[_Iterable[_Union[FileReport, _Mapping]]] = ...) -> None: ...

class FileReport(_message.Message):
    __slots__ = ("name", "size", "sha256", "media_type", "external", "pdf", "signatures", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    PDF_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    sha256: str
    media_type: str
    external: bool
    pdf: bool
    signatures: _containers.RepeatedCompositeFieldContainer[_common_pb2.PdfSignature]
    problem: str
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., external: _Optional[bool] = ..., pdf: _Optional[bool] = ..., signatures: _Optional[_Iterable[_Union[_common_pb2.PdfSignature, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class ExportEvidenceRequest(_message.Message):
    __slots__ = ("document", "without_content")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_CONTENT_FIELD_NUMBER: _ClassVar[int]
    document: str
    without_content: bool
    def __init__(self, document: _Optional[str] = ..., without_content: _Optional[bool] = ...) -> None: ...

class ExportEvidenceResponse(_message.Message):
    __slots__ = ("name", "chunk")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    name: str
    chunk: bytes
    def __init__(self, name: _Optional[str] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("at", "actor", "kind", "document_id", "subject", "detail")
    class DetailEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    actor: str
    kind: str
    document_id: str
    subject: str
    detail: _containers.ScalarMap[str, str]
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., kind: _Optional[str] = ..., document_id: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ListAgenciesRequest(_message.Message):
    __slots__ = ("text", "tier", "include_test", "on", "page_size", "page_token")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_TEST_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    text: str
    tier: str
    include_test: bool
    on: str
    page_size: int
    page_token: str
    def __init__(self, text: _Optional[str] = ..., tier: _Optional[str] = ..., include_test: _Optional[bool] = ..., on: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAgenciesResponse(_message.Message):
    __slots__ = ("agencies", "version", "next_page_token")
    AGENCIES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    agencies: _containers.RepeatedCompositeFieldContainer[_common_pb2.Agency]
    version: int
    next_page_token: str
    def __init__(self, agencies: _Optional[_Iterable[_Union[_common_pb2.Agency, _Mapping]]] = ..., version: _Optional[int] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PutAgenciesRequest(_message.Message):
    __slots__ = ("agencies", "reason")
    AGENCIES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    agencies: _containers.RepeatedCompositeFieldContainer[_common_pb2.Agency]
    reason: str
    def __init__(self, agencies: _Optional[_Iterable[_Union[_common_pb2.Agency, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class PutAgenciesResponse(_message.Message):
    __slots__ = ("version",)
    VERSION_FIELD_NUMBER: _ClassVar[int]
    version: int
    def __init__(self, version: _Optional[int] = ...) -> None: ...

class ImportAgenciesRequest(_message.Message):
    __slots__ = ("agencies", "reason")
    AGENCIES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    agencies: _containers.RepeatedCompositeFieldContainer[_common_pb2.Agency]
    reason: str
    def __init__(self, agencies: _Optional[_Iterable[_Union[_common_pb2.Agency, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class ImportAgenciesResponse(_message.Message):
    __slots__ = ("version", "agencies")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENCIES_FIELD_NUMBER: _ClassVar[int]
    version: int
    agencies: int
    def __init__(self, version: _Optional[int] = ..., agencies: _Optional[int] = ...) -> None: ...

class ReformAgenciesRequest(_message.Message):
    __slots__ = ("kind", "codes", "into", "on", "until", "reason", "dry_run", "root")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    INTO_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    codes: _containers.RepeatedScalarFieldContainer[str]
    into: _containers.RepeatedScalarFieldContainer[str]
    on: str
    until: str
    reason: str
    dry_run: bool
    root: bool
    def __init__(self, kind: _Optional[str] = ..., codes: _Optional[_Iterable[str]] = ..., into: _Optional[_Iterable[str]] = ..., on: _Optional[str] = ..., until: _Optional[str] = ..., reason: _Optional[str] = ..., dry_run: _Optional[bool] = ..., root: _Optional[bool] = ...) -> None: ...

class ReformAgenciesResponse(_message.Message):
    __slots__ = ("agencies", "version")
    AGENCIES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    agencies: _containers.RepeatedCompositeFieldContainer[_common_pb2.Agency]
    version: int
    def __init__(self, agencies: _Optional[_Iterable[_Union[_common_pb2.Agency, _Mapping]]] = ..., version: _Optional[int] = ...) -> None: ...

class ListPlansRequest(_message.Message):
    __slots__ = ("on", "code", "page_size", "page_token")
    ON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    on: str
    code: str
    page_size: int
    page_token: str
    def __init__(self, on: _Optional[str] = ..., code: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPlansResponse(_message.Message):
    __slots__ = ("plans", "next_page_token")
    PLANS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    plans: _containers.RepeatedCompositeFieldContainer[Plan]
    next_page_token: str
    def __init__(self, plans: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("on", "code", "name", "kind", "change", "successors")
    ON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    SUCCESSORS_FIELD_NUMBER: _ClassVar[int]
    on: str
    code: str
    name: str
    kind: str
    change: _common_pb2.AgencyChange
    successors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, on: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., kind: _Optional[str] = ..., change: _Optional[_Union[_common_pb2.AgencyChange, _Mapping]] = ..., successors: _Optional[_Iterable[str]] = ...) -> None: ...

class CloseAgencyRequest(_message.Message):
    __slots__ = ("code", "successors", "reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SUCCESSORS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: str
    successors: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, code: _Optional[str] = ..., successors: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class CloseAgencyResponse(_message.Message):
    __slots__ = ("agency",)
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    agency: _common_pb2.Agency
    def __init__(self, agency: _Optional[_Union[_common_pb2.Agency, _Mapping]] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("sha256", "agency", "purpose", "role", "subject", "not_before", "not_after", "bound_at", "revoked_at", "revoke_reason")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NOT_AFTER_FIELD_NUMBER: _ClassVar[int]
    BOUND_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKE_REASON_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    agency: str
    purpose: str
    role: str
    subject: str
    not_before: _timestamp_pb2.Timestamp
    not_after: _timestamp_pb2.Timestamp
    bound_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    revoke_reason: str
    def __init__(self, sha256: _Optional[str] = ..., agency: _Optional[str] = ..., purpose: _Optional[str] = ..., role: _Optional[str] = ..., subject: _Optional[str] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., not_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., bound_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoke_reason: _Optional[str] = ...) -> None: ...

class ListCertificatesRequest(_message.Message):
    __slots__ = ("agency",)
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    agency: str
    def __init__(self, agency: _Optional[str] = ...) -> None: ...

class ListCertificatesResponse(_message.Message):
    __slots__ = ("certificates",)
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    certificates: _containers.RepeatedCompositeFieldContainer[Certificate]
    def __init__(self, certificates: _Optional[_Iterable[_Union[Certificate, _Mapping]]] = ...) -> None: ...

class BindCertificateRequest(_message.Message):
    __slots__ = ("pem", "agency", "purpose", "role")
    PEM_FIELD_NUMBER: _ClassVar[int]
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    pem: bytes
    agency: str
    purpose: str
    role: str
    def __init__(self, pem: _Optional[bytes] = ..., agency: _Optional[str] = ..., purpose: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class BindCertificateResponse(_message.Message):
    __slots__ = ("certificate",)
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    certificate: Certificate
    def __init__(self, certificate: _Optional[_Union[Certificate, _Mapping]] = ...) -> None: ...

class RevokeCertificateRequest(_message.Message):
    __slots__ = ("sha256", "reason")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    reason: str
    def __init__(self, sha256: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RevokeCertificateResponse(_message.Message):
    __slots__ = ("certificate",)
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    certificate: Certificate
    def __init__(self, certificate: _Optional[_Union[Certificate, _Mapping]] = ...) -> None: ...

class ReconcileRequest(_message.Message):
    __slots__ = ("all",)
    ALL_FIELD_NUMBER: _ClassVar[int]
    all: bool
    def __init__(self, all: _Optional[bool] = ...) -> None: ...

class ReconcileResponse(_message.Message):
    __slots__ = ("published",)
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    published: int
    def __init__(self, published: _Optional[int] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("document", "limit")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    document: str
    limit: int
    def __init__(self, document: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...
