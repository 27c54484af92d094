"""A hub for client tests: its services over mTLS, whole evidence, and faults on demand.

    with FakeExchange.running(World(at=now)) as hub:
        profile = hub.write_profile(folder, "H48.31.05")      # profile.toml, keys and anchors, as `lienthong init` does
        hub.cut_fetch_after = [1000]                          # the next Fetch breaks after 1,000 bytes

Documents arrive at once: each submission makes every hop record and consignment with the world's own keys. The
server is grpc's threaded one, so that clients under test may run event loops of their own in the same process.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509

from lienthong.api.v1 import business_pb2, common_pb2, exchange_pb2, receipts_pb2
from lienthong.api.v1 import business_pb2_grpc as business_grpc
from lienthong.api.v1 import check_pb2_grpc as check_grpc
from lienthong.api.v1 import content_pb2_grpc as content_grpc
from lienthong.api.v1 import directory_pb2_grpc as directory_grpc
from lienthong.api.v1 import exchange_pb2_grpc as exchange_grpc
from lienthong.api.v1 import receipts_pb2_grpc as receipts_grpc
from lienthong.domain.document import Document, StatusPackage
from lienthong.domain.evidence import (
    Branch,
    ContentConsignment,
    HopRecord,
    SubmissionAcceptance,
    Verdict,
)
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.edxml.reader import read
from lienthong.errors import Code, Refusal
from lienthong.signing.authority import Use
from lienthong.signing.sign import sign_record
from lienthong.signing.verify import verify_package
from lienthong.transit import records
from tests.fakes.exchange_business import BusinessServicer, ReceiptServicer, Said, say
from tests.fakes.exchange_content import CheckServicer, ContentServicer
from tests.fakes.exchange_services import DirectoryServicer, ExchangeServicer, delivery_of, stamp
from tests.pki.world import World

PASSWORD = "chỉ để thử"


@dataclass(kw_only=True)
class Stored:
    """One document the fake holds."""

    id: str
    data: bytes
    sender: str
    package: Document
    accepted: SubmissionAcceptance
    acceptance: bytes
    hops: list[tuple[HopRecord, bytes]] = field(default_factory=list)
    consignments: dict[str, tuple[ContentConsignment, bytes]] = field(default_factory=dict)
    handovers: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    deliveries: dict[str, str] = field(default_factory=dict)  # recipient -> delivery id
    said: Said = field(default_factory=Said)

    def way(self, recipient: str) -> list[tuple[HopRecord, bytes]]:
        """The hops that serve one recipient."""
        return [
            (hop, xml)
            for hop, xml in self.hops
            if (hop.delivered and hop.node == recipient) or any(recipient in b.recipients for b in hop.next)
        ]


class FakeExchange:
    """State, switches and the services."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.documents: dict[str, Stored] = {}
        self.calls: Counter[str] = Counter()
        self.languages: list[str] = []
        self.failures: dict[str, list[Exception]] = {}  # method -> raised by its next calls, one each
        self.cut_fetch_after: list[int] = []  # bytes; one entry breaks one Fetch
        self.fetch_offsets: list[int] = []
        self.tamper: Callable[[bytes], bytes] = lambda data: data  # what Fetch gives instead of the bytes
        self.announce: Callable[[bytes], str] = sha256_hex  # the SHA-256 Fetch's header names
        self.evidence: Callable[[list[common_pb2.Evidence]], list[common_pb2.Evidence]] = lambda items: items
        self.acceptance: Callable[[bytes], bytes] = lambda xml: xml  # what Submit gives back
        self.changes: list[tuple[Stored, business_pb2.Change]] = []
        self.watch_ends = False  # True: WatchChanges gives what there is and is then refused
        self.contents: dict[str, bytearray] = {}  # what was uploaded, by the SHA-256 of the whole
        self.cut_upload_after: list[int] = []  # bytes; one entry breaks one Upload
        self.seen: set[str] = set()  # deliveries whose notices were acknowledged
        self.figures: list[receipts_pb2.Figures] = []
        self.asked_overdue: list[receipts_pb2.ListOverdueRequest] = []
        self.page_size = 500
        self.port = 0
        self._changed = threading.Condition()
        self._watch_epoch = 0

    # --- running ----------------------------------------------------------------------------------------

    @classmethod
    @contextmanager
    def running(cls, world: World, *, port: int = 0) -> Iterator[FakeExchange]:
        """Serve on a free loopback port (or `port`) until the block ends."""
        hub = cls(world)
        with hub.serving(port=port):
            yield hub

    @contextmanager
    def serving(self, *, port: int = 0) -> Iterator[None]:
        """Serve what is held; may be entered again after an end, as a hub that was restarted."""
        server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        exchange_grpc.add_ExchangeServiceServicer_to_server(ExchangeServicer(self), server)  # type: ignore[no-untyped-call]
        directory_grpc.add_DirectoryServiceServicer_to_server(DirectoryServicer(self), server)  # type: ignore[no-untyped-call]
        content_grpc.add_ContentServiceServicer_to_server(ContentServicer(self), server)  # type: ignore[no-untyped-call]
        check_grpc.add_CheckServiceServicer_to_server(CheckServicer(self), server)  # type: ignore[no-untyped-call]
        business_grpc.add_BusinessServiceServicer_to_server(BusinessServicer(self), server)  # type: ignore[no-untyped-call]
        receipts_grpc.add_ReceiptServiceServicer_to_server(ReceiptServicer(self), server)  # type: ignore[no-untyped-call]
        tls = self.world.transport("H48", use=Use.SERVER).signing_key
        credentials = grpc.ssl_server_credentials(
            [(tls.key_pem(), tls.certificate_pem())],
            root_certificates=self.world.transport_ca.certificate_pem(),
            require_client_auth=True,
        )
        self.port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
        server.start()
        try:
            yield
        finally:
            self.end_streams()
            server.stop(grace=None).wait(10)

    def end_streams(self) -> None:
        """Break every WatchInbox and WatchChanges stream."""
        with self._changed:
            self._watch_epoch += 1
            self._changed.notify_all()

    def write_profile(self, folder: Path, agency: str, *, address: str | None = None) -> Path:
        """The files of an agency as an installation makes them; returns profile.toml."""
        world = self.world
        folder.mkdir(parents=True, exist_ok=True)
        trust = folder.parent / "trust"
        trust.mkdir(exist_ok=True)
        for name, ca in (
            ("agency", world.agency_ca),
            ("infrastructure", world.infrastructure_ca),
            ("transport", world.transport_ca),
        ):
            (trust / f"{name}-ca.pem").write_bytes(ca.certificate_pem())
            (trust / f"{name}-ca.crl.pem").write_bytes(ca.crl(at=world.at))
        tls = world.transport(agency).signing_key
        (folder / "tls.pem").write_bytes(tls.certificate_pem())
        (folder / "tls.key").write_bytes(tls.key_pem())
        (folder / "signing.p12").write_bytes(world.key(agency).to_pkcs12(agency, PASSWORD.encode()))
        profile = folder / "profile.toml"
        profile.write_text(
            f"""agency = "{agency}"
[hub]
address = "{address or f"127.0.0.1:{self.port}"}"
ca = "../trust/transport-ca.pem"
certificate = "tls.pem"
key = "tls.key"
[signing]
pkcs12 = "signing.p12"
password = "{PASSWORD}"
[trust]
agencies = ["../trust/agency-ca.pem"]
infrastructure = ["../trust/infrastructure-ca.pem"]
crls = ["../trust/agency-ca.crl.pem", "../trust/infrastructure-ca.crl.pem"]
""",
            "utf-8",
        )
        return profile

    # --- documents --------------------------------------------------------------------------------------

    def put(self, data: bytes) -> Stored:
        """Accept and deliver a signed package; the same bytes again give the same answer."""
        for stored in self.documents.values():
            if stored.data == data:
                return stored
        world = self.world
        now = datetime.now(UTC)
        verified = verify_package(
            data, trust=world.trust, bindings=world.bindings, directory=world.directory, at=now
        )
        assert isinstance(verified.package, Document)
        refused = {}
        recipients = []
        for code in verified.package.recipient_codes:
            agency = world.directory.find(code)
            if agency is None:
                refused[code] = Refusal(Code.RECIPIENT_UNKNOWN, detail=code)
            else:
                recipients.append(agency.code)
        if not recipients:
            raise next(iter(refused.values()))
        accepted = SubmissionAcceptance(
            document_id=new_id(),
            document_sha256=verified.sha256,
            sender=verified.sender,
            first_node=verified.sender,
            recipients=tuple(sorted(recipients)),
            accepted_at=now,
        )
        stored = Stored(
            id=accepted.document_id,
            data=data,
            sender=verified.sender,
            package=verified.package,
            accepted=accepted,
            acceptance=sign_record(records.write(accepted), world.hub_key, at=now),
            refused=refused,
            deliveries={code: new_id() for code in (*recipients, *refused)},
        )
        self._hop(
            stored,
            stored.sender,
            accepted.recipients,
            1,
            sha256_hex(stored.acceptance),
            verified.signer.sha256,
        )
        with self._changed:
            self.documents[stored.id] = stored
            self._changed.notify_all()
        return stored

    def said(self, data: bytes) -> exchange_pb2.SubmitResponse | None:
        """Take in a status package; None when `data` is a document."""
        package = read(data)
        if not isinstance(package, StatusPackage):
            return None
        world, now = self.world, datetime.now(UTC)
        verified = verify_package(
            data, trust=world.trust, bindings=world.bindings, directory=world.directory, at=now
        )
        return say(self, data, package, verified.sender)

    def change(self, stored: Stored, recipient: str, kind: str, value: str, *, detail: str) -> None:
        """Tell everybody who watches changes."""
        made = business_pb2.Change(
            at=stamp(datetime.now(UTC)),
            kind=kind,
            value=value,
            detail=detail,
            document=self.summary(stored),
            delivery=delivery_of(self, stored, recipient),
        )
        with self._changed:
            self.changes.append((stored, made))
            self._changed.notify_all()

    def _hop(
        self, stored: Stored, node: str, recipients: Sequence[str], sequence: int, previous: str, signer: str
    ) -> None:
        behind: dict[str, list[str]] = {}
        for recipient in recipients:
            if recipient != node:
                behind.setdefault(self.world.directory.route(node, recipient)[1], []).append(recipient)
        now = datetime.now(UTC)
        hop = HopRecord(
            document_id=stored.id,
            document_sha256=stored.accepted.document_sha256,
            node=node,
            sequence=sequence,
            received_at=now,
            verdict=Verdict.PASSED,
            signer_sha256=signer,
            next=tuple(Branch(node=n, recipients=tuple(sorted(behind[n]))) for n in sorted(behind)),
            delivered=node in recipients,
            previous_digest=previous,
        )
        xml = sign_record(records.write(hop), self.world.node_key(node), at=now)
        stored.hops.append((hop, xml))
        if hop.delivered:
            consigned = ContentConsignment(
                document_id=stored.id,
                document_sha256=hop.document_sha256,
                recipient=node,
                consigned_at=now,
                hop_digest=sha256_hex(xml),
            )
            signed = sign_record(records.write(consigned), self.world.node_key(node), at=now)
            stored.consignments[node] = (consigned, signed)
        for branch in hop.next:
            self._hop(stored, branch.node, branch.recipients, sequence + 1, sha256_hex(xml), signer)

    def find(self, reference: str) -> tuple[Stored, str | None]:
        """A document by any of its names, with the recipient when it was named by a delivery."""
        for stored in self.documents.values():
            if reference in (stored.id, stored.accepted.document_sha256, stored.package.document_id):
                return stored, None
            for recipient, delivery in stored.deliveries.items():
                if delivery == reference:
                    return stored, recipient
        raise Refusal(Code.NOT_FOUND, field="document", detail=reference)

    def waiting(self, agency: str) -> list[exchange_pb2.InboxItem]:
        """The inbox of an agency, oldest first."""
        return [
            exchange_pb2.InboxItem(
                delivery_id=stored.deliveries[agency],
                document=self.summary(stored),
                consigned_at=stamp(stored.consignments[agency][0].consigned_at),
            )
            for stored in self.documents.values()
            if agency in stored.consignments
            and agency not in stored.handovers
            and agency not in stored.said.requests
        ]

    def wait_for_news(self, epoch: int, known: int) -> bool:
        """Wait until there are more than `known` documents; False when the streams were ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._watch_epoch != epoch or len(self.documents) > known, 60)
            return self._watch_epoch == epoch

    def wait_for_changes(self, epoch: int, known: int) -> bool:
        """Wait until there are more than `known` changes; False when the streams were ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._watch_epoch != epoch or len(self.changes) > known, 60)
            return self._watch_epoch == epoch

    @property
    def epoch(self) -> int:
        """Rises when the streams are ended."""
        return self._watch_epoch

    def summary(self, stored: Stored) -> common_pb2.DocumentSummary:
        """What the hub says of a document."""
        package = stored.package
        sender = self.world.directory.find(stored.sender)
        return common_pb2.DocumentSummary(
            document_id=stored.id,
            sha256=stored.accepted.document_sha256,
            size=len(stored.data),
            kind="edoc",
            sender=stored.sender,
            sender_name=sender.name if sender else "",
            edxml_document_id=package.document_id,
            code_number=package.code_number,
            code_notation=package.code_notation,
            subject=package.subject,
            lane=package.lane,
            priority=int(package.other.priority or 0),
            promulgation_date=package.promulgation_date.isoformat(),
            accepted_at=stamp(stored.accepted.accepted_at),
        )

    def enter(self, method: str, context: Any) -> str:
        """Count the call, raise what was ordered, and say who calls."""
        self.calls[method] += 1
        self.languages += [value for key, value in context.invocation_metadata() if key == "accept-language"]
        if self.failures.get(method):
            raise self.failures[method].pop(0)
        pem = context.auth_context()["x509_pem_cert"][0]
        names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        uri = names.value.get_values_for_type(x509.UniformResourceIdentifier)[0]
        return uri.removeprefix("urn:lienthong:agency:")
