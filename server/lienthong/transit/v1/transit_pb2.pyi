from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class TransitMessage(_message.Message):
    __slots__ = ("document_id", "document", "blob", "acceptance", "hop_records", "recipients")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    ACCEPTANCE_FIELD_NUMBER: _ClassVar[int]
    HOP_RECORDS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    document: bytes
    blob: str
    acceptance: bytes
    hop_records: _containers.RepeatedScalarFieldContainer[bytes]
    recipients: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, document_id: _Optional[str] = ..., document: _Optional[bytes] = ..., blob: _Optional[str] = ..., acceptance: _Optional[bytes] = ..., hop_records: _Optional[_Iterable[bytes]] = ..., recipients: _Optional[_Iterable[str]] = ...) -> None: ...
