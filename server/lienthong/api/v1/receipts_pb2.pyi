import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from lienthong.api.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListOverdueRequest(_message.Message):
    __slots__ = ("kind", "side", "sender", "recipient", "since", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: str
    side: str
    sender: str
    recipient: str
    since: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[str] = ..., side: _Optional[str] = ..., sender: _Optional[str] = ..., recipient: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOverdueResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OverdueItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[OverdueItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class OverdueItem(_message.Message):
    __slots__ = ("document", "delivery")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    document: _common_pb2.DocumentSummary
    delivery: _common_pb2.Delivery
    def __init__(self, document: _Optional[_Union[_common_pb2.DocumentSummary, _Mapping]] = ..., delivery: _Optional[_Union[_common_pb2.Delivery, _Mapping]] = ...) -> None: ...

class GetFiguresRequest(_message.Message):
    __slots__ = ("month",)
    MONTH_FIELD_NUMBER: _ClassVar[int]
    month: str
    def __init__(self, month: _Optional[str] = ...) -> None: ...

class GetFiguresResponse(_message.Message):
    __slots__ = ("figures",)
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    figures: _containers.RepeatedCompositeFieldContainer[Figures]
    def __init__(self, figures: _Optional[_Iterable[_Union[Figures, _Mapping]]] = ...) -> None: ...

class Figures(_message.Message):
    __slots__ = ("agency", "name", "sent", "received", "on_time", "late", "waiting", "withdrawn")
    AGENCY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    ON_TIME_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    agency: str
    name: str
    sent: int
    received: int
    on_time: int
    late: int
    waiting: int
    withdrawn: int
    def __init__(self, agency: _Optional[str] = ..., name: _Optional[str] = ..., sent: _Optional[int] = ..., received: _Optional[int] = ..., on_time: _Optional[int] = ..., late: _Optional[int] = ..., waiting: _Optional[int] = ..., withdrawn: _Optional[int] = ...) -> None: ...
