from lienthong.api.v1 import common_pb2 as _common_pb2
from lienthong.api.v1 import exchange_pb2 as _exchange_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: _exchange_pb2.SubmitHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[_exchange_pb2.SubmitHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("sha256", "acceptable", "signed", "signer", "kind", "problems", "recipients", "earlier_document_id", "pdfs")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    ACCEPTABLE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    EARLIER_DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PDFS_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    acceptable: bool
    signed: bool
    signer: str
    kind: str
    problems: _containers.RepeatedCompositeFieldContainer[Problem]
    recipients: _containers.RepeatedCompositeFieldContainer[CheckedRecipient]
    earlier_document_id: str
    pdfs: _containers.RepeatedCompositeFieldContainer[CheckedPdf]
    def __init__(self, sha256: _Optional[str] = ..., acceptable: _Optional[bool] = ..., signed: _Optional[bool] = ..., signer: _Optional[str] = ..., kind: _Optional[str] = ..., problems: _Optional[_Iterable[_Union[Problem, _Mapping]]] = ..., recipients: _Optional[_Iterable[_Union[CheckedRecipient, _Mapping]]] = ..., earlier_document_id: _Optional[str] = ..., pdfs: _Optional[_Iterable[_Union[CheckedPdf, _Mapping]]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("step", "code", "rule", "field", "message_vi", "message_en", "blocking")
    STEP_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_VI_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_EN_FIELD_NUMBER: _ClassVar[int]
    BLOCKING_FIELD_NUMBER: _ClassVar[int]
    step: str
    code: str
    rule: str
    field: str
    message_vi: str
    message_en: str
    blocking: bool
    def __init__(self, step: _Optional[str] = ..., code: _Optional[str] = ..., rule: _Optional[str] = ..., field: _Optional[str] = ..., message_vi: _Optional[str] = ..., message_en: _Optional[str] = ..., blocking: _Optional[bool] = ...) -> None: ...

class CheckedPdf(_message.Message):
    __slots__ = ("name", "signatures", "problem")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    name: str
    signatures: _containers.RepeatedCompositeFieldContainer[_common_pb2.PdfSignature]
    problem: str
    def __init__(self, name: _Optional[str] = ..., signatures: _Optional[_Iterable[_Union[_common_pb2.PdfSignature, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class CheckedRecipient(_message.Message):
    __slots__ = ("written", "code", "name", "road", "error")
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROAD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    written: str
    code: str
    name: str
    road: _containers.RepeatedScalarFieldContainer[str]
    error: _common_pb2.RecipientError
    def __init__(self, written: _Optional[str] = ..., code: _Optional[str] = ..., name: _Optional[str] = ..., road: _Optional[_Iterable[str]] = ..., error: _Optional[_Union[_common_pb2.RecipientError, _Mapping]] = ...) -> None: ...
