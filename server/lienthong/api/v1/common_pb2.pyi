import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Hop(_message.Message):
    __slots__ = ("node", "tier", "received_at", "verdict", "node_name", "sequence")
    NODE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    NODE_NAME_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    node: str
    tier: str
    received_at: _timestamp_pb2.Timestamp
    verdict: str
    node_name: str
    sequence: int
    def __init__(self, node: _Optional[str] = ..., tier: _Optional[str] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verdict: _Optional[str] = ..., node_name: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class RecipientError(_message.Message):
    __slots__ = ("code", "message", "field")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    field: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., field: _Optional[str] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("delivery_id", "recipient", "recipient_name", "state", "status", "error", "hops", "updated_at", "consigned_at", "handed_over_at", "expires_at", "receipt_due_at", "statuses", "requests", "reason", "node")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    CONSIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_DUE_AT_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    recipient: str
    recipient_name: str
    state: str
    status: str
    error: RecipientError
    hops: _containers.RepeatedCompositeFieldContainer[Hop]
    updated_at: _timestamp_pb2.Timestamp
    consigned_at: _timestamp_pb2.Timestamp
    handed_over_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    receipt_due_at: _timestamp_pb2.Timestamp
    statuses: _containers.RepeatedCompositeFieldContainer[StatusEntry]
    requests: _containers.RepeatedCompositeFieldContainer[DeliveryRequest]
    reason: str
    node: str
    def __init__(self, delivery_id: _Optional[str] = ..., recipient: _Optional[str] = ..., recipient_name: _Optional[str] = ..., state: _Optional[str] = ..., status: _Optional[str] = ..., error: _Optional[_Union[RecipientError, _Mapping]] = ..., hops: _Optional[_Iterable[_Union[Hop, _Mapping]]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., consigned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., handed_over_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., receipt_due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., statuses: _Optional[_Iterable[_Union[StatusEntry, _Mapping]]] = ..., requests: _Optional[_Iterable[_Union[DeliveryRequest, _Mapping]]] = ..., reason: _Optional[str] = ..., node: _Optional[str] = ...) -> None: ...

class StatusEntry(_message.Message):
    __slots__ = ("package_id", "code", "written", "sender", "said_at", "accepted_at", "step", "description", "department", "staff")
    PACKAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    SAID_AT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_AT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    STAFF_FIELD_NUMBER: _ClassVar[int]
    package_id: str
    code: str
    written: str
    sender: str
    said_at: _timestamp_pb2.Timestamp
    accepted_at: _timestamp_pb2.Timestamp
    step: str
    description: str
    department: str
    staff: str
    def __init__(self, package_id: _Optional[str] = ..., code: _Optional[str] = ..., written: _Optional[str] = ..., sender: _Optional[str] = ..., said_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., accepted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., step: _Optional[str] = ..., description: _Optional[str] = ..., department: _Optional[str] = ..., staff: _Optional[str] = ...) -> None: ...

class DeliveryRequest(_message.Message):
    __slots__ = ("package_id", "kind", "state", "reason", "asked_at", "settled_at", "answer_package_id", "answer")
    PACKAGE_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ASKED_AT_FIELD_NUMBER: _ClassVar[int]
    SETTLED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_PACKAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    package_id: str
    kind: str
    state: str
    reason: str
    asked_at: _timestamp_pb2.Timestamp
    settled_at: _timestamp_pb2.Timestamp
    answer_package_id: str
    answer: str
    def __init__(self, package_id: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., asked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., settled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answer_package_id: _Optional[str] = ..., answer: _Optional[str] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("rule", "field", "message")
    RULE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    rule: str
    field: str
    message: str
    def __init__(self, rule: _Optional[str] = ..., field: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class DocumentSummary(_message.Message):
    __slots__ = ("document_id", "sha256", "size", "kind", "business_type", "sender", "sender_name", "edxml_document_id", "code_number", "code_notation", "subject", "lane", "priority", "promulgation_date", "accepted_at")
    DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BUSINESS_TYPE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    SENDER_NAME_FIELD_NUMBER: _ClassVar[int]
    EDXML_DOCUMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CODE_NOTATION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PROMULGATION_DATE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_AT_FIELD_NUMBER: _ClassVar[int]
    document_id: str
    sha256: str
    size: int
    kind: str
    business_type: int
    sender: str
    sender_name: str
    edxml_document_id: str
    code_number: str
    code_notation: str
    subject: str
    lane: str
    priority: int
    promulgation_date: str
    accepted_at: _timestamp_pb2.Timestamp
    def __init__(self, document_id: _Optional[str] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ..., kind: _Optional[str] = ..., business_type: _Optional[int] = ..., sender: _Optional[str] = ..., sender_name: _Optional[str] = ..., edxml_document_id: _Optional[str] = ..., code_number: _Optional[str] = ..., code_notation: _Optional[str] = ..., subject: _Optional[str] = ..., lane: _Optional[str] = ..., priority: _Optional[int] = ..., promulgation_date: _Optional[str] = ..., accepted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Agency(_message.Message):
    __slots__ = ("code", "name", "tier", "parent", "aliases", "status", "successors", "valid_from", "valid_to", "environment", "changes")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUCCESSORS_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    VALID_TO_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    tier: str
    parent: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    status: str
    successors: _containers.RepeatedScalarFieldContainer[str]
    valid_from: str
    valid_to: str
    environment: str
    changes: _containers.RepeatedCompositeFieldContainer[AgencyChange]
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., tier: _Optional[str] = ..., parent: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., status: _Optional[str] = ..., successors: _Optional[_Iterable[str]] = ..., valid_from: _Optional[str] = ..., valid_to: _Optional[str] = ..., environment: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[AgencyChange, _Mapping]]] = ...) -> None: ...

class AgencyChange(_message.Message):
    __slots__ = ("on", "name", "tier", "parent", "status", "root")
    ON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    on: str
    name: str
    tier: str
    parent: str
    status: str
    root: bool
    def __init__(self, on: _Optional[str] = ..., name: _Optional[str] = ..., tier: _Optional[str] = ..., parent: _Optional[str] = ..., status: _Optional[str] = ..., root: _Optional[bool] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("kind", "recipient", "node", "at", "xml")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    XML_FIELD_NUMBER: _ClassVar[int]
    kind: str
    recipient: str
    node: str
    at: _timestamp_pb2.Timestamp
    xml: bytes
    def __init__(self, kind: _Optional[str] = ..., recipient: _Optional[str] = ..., node: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., xml: _Optional[bytes] = ...) -> None: ...

class PdfSignature(_message.Message):
    __slots__ = ("field", "signer", "organization", "certificate_sha256", "signed_at", "intact", "trusted", "last", "problem")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_SHA256_FIELD_NUMBER: _ClassVar[int]
    SIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    INTACT_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    field: str
    signer: str
    organization: str
    certificate_sha256: str
    signed_at: _timestamp_pb2.Timestamp
    intact: bool
    trusted: bool
    last: bool
    problem: str
    def __init__(self, field: _Optional[str] = ..., signer: _Optional[str] = ..., organization: _Optional[str] = ..., certificate_sha256: _Optional[str] = ..., signed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., intact: _Optional[bool] = ..., trusted: _Optional[bool] = ..., last: _Optional[bool] = ..., problem: _Optional[str] = ...) -> None: ...
