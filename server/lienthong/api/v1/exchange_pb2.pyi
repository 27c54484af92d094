import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from lienthong.api.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubmitRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: SubmitHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[SubmitHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class SubmitHeader(_message.Message):
    __slots__ = ("size", "sha256")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    size: int
    sha256: str
    def __init__(self, size: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class SubmitManyRequest(_message.Message):
    __slots__ = ("tag", "header", "chunk")
    TAG_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    tag: int
    header: SubmitHeader
    chunk: bytes
    def __init__(self, tag: _Optional[int] = ..., header: _Optional[_Union[SubmitHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class SubmitManyResponse(_message.Message):
    __slots__ = ("tag", "accepted", "refused")
    TAG_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    tag: int
    accepted: SubmitResponse
    refused: bytes
    def __init__(self, tag: _Optional[int] = ..., accepted: _Optional[_Union[SubmitResponse, _Mapping]] = ..., refused: _Optional[bytes] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("document_id", "sha256", "recipients", "submission_acceptance", "repeated_submission", "warnings")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    SUBMISSION_ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    REPEATED_SUBMISSION_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    sha256: str
    recipients: _containers.RepeatedCompositeFieldContainer[RecipientResult]
    submission_acceptance: bytes
    repeated_submission: bool
    warnings: _containers.RepeatedCompositeFieldContainer[_common_pb2.Warning]
    def __init__(self, document_id: _Optional[str] = ..., sha256: _Optional[str] = ..., recipients: _Optional[_Iterable[_Union[RecipientResult, _Mapping]]] = ..., submission_acceptance: _Optional[bytes] = ..., repeated_submission: _Optional[bool] = ..., warnings: _Optional[_Iterable[_Union[_common_pb2.Warning, _Mapping]]] = ...) -> None: ...

class RecipientResult(_message.Message):
    __slots__ = ("code", "state", "error", "delivery_id")
    CODE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    code: str
    state: str
    error: _common_pb2.RecipientError
    delivery_id: str
    def __init__(self, code: _Optional[str] = ..., state: _Optional[str] = ..., error: _Optional[_Union[_common_pb2.RecipientError, _Mapping]] = ..., delivery_id: _Optional[str] = ...) -> None: ...

class ListInboxRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInboxResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[InboxItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[InboxItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class InboxItem(_message.Message):
    __slots__ = ("delivery_id", "document", "consigned_at")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    CONSIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    document: _common_pb2.DocumentSummary
    consigned_at: _timestamp_pb2.Timestamp
    def __init__(self, delivery_id: _Optional[str] = ..., document: _Optional[_Union[_common_pb2.DocumentSummary, _Mapping]] = ..., consigned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchInboxRequest(_message.Message):
    __slots__ = ("only_new",)
    ONLY_NEW_FIELD_NUMBER: _ClassVar[int]
    only_new: bool
    def __init__(self, only_new: _Optional[bool] = ...) -> None: ...

class WatchInboxResponse(_message.Message):
    __slots__ = ("item",)
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item: InboxItem
    def __init__(self, item: _Optional[_Union[InboxItem, _Mapping]] = ...) -> None: ...

class FetchRequest(_message.Message):
    __slots__ = ("delivery_id", "offset")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    offset: int
    def __init__(self, delivery_id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class FetchResponse(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: FetchHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[FetchHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class FetchHeader(_message.Message):
    __slots__ = ("delivery_id", "document")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    document: _common_pb2.DocumentSummary
    def __init__(self, delivery_id: _Optional[str] = ..., document: _Optional[_Union[_common_pb2.DocumentSummary, _Mapping]] = ...) -> None: ...

class AcknowledgeRequest(_message.Message):
    __slots__ = ("delivery_id", "content_handover")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HANDOVER_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    content_handover: bytes
    def __init__(self, delivery_id: _Optional[str] = ..., content_handover: _Optional[bytes] = ...) -> None: ...

class AcknowledgeResponse(_message.Message):
    __slots__ = ("delivery_id", "state", "handed_over_at")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_AT_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    state: str
    handed_over_at: _timestamp_pb2.Timestamp
    def __init__(self, delivery_id: _Optional[str] = ..., state: _Optional[str] = ..., handed_over_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TrackRequest(_message.Message):
    __slots__ = ("document",)
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    document: str
    def __init__(self, document: _Optional[str] = ...) -> None: ...

class TrackResponse(_message.Message):
    __slots__ = ("document", "deliveries")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    document: _common_pb2.DocumentSummary
    deliveries: _containers.RepeatedCompositeFieldContainer[_common_pb2.Delivery]
    def __init__(self, document: _Optional[_Union[_common_pb2.DocumentSummary, _Mapping]] = ..., deliveries: _Optional[_Iterable[_Union[_common_pb2.Delivery, _Mapping]]] = ...) -> None: ...

class GetEvidenceRequest(_message.Message):
    __slots__ = ("document",)
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    document: str
    def __init__(self, document: _Optional[str] = ...) -> None: ...

class GetEvidenceResponse(_message.Message):
    __slots__ = ("document_id", "evidence")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    evidence: _containers.RepeatedCompositeFieldContainer[_common_pb2.Evidence]
    def __init__(self, document_id: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[_common_pb2.Evidence, _Mapping]]] = ...) -> None: ...
