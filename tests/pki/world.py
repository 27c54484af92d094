"""A small province in memory: agencies, authorities, keys, bindings and signed packages for every test.

    from tests.pki.world import world
    w = world()                                    # made once per process
    data = w.signed("H48.31.05", ["H48.33.02"])    # strict edXML, signed by the sender's own key
    document = verify_package(data, trust=w.trust, bindings=w.bindings, directory=w.directory, at=w.at)
    record = sign_record(xml, w.node_key("H48.31"), at=w.at)      # relay key, SAN urn:lienthong:node:H48.31
    verify_record(record, trust=w.infrastructure_trust, at=w.at, root="{urn:lienthong:transit:1}RelayAcceptance")

Agencies (tier): H48 (province); H48.11 (department); H48.31 Bình Sơn, H48.33 (district); H48.31.05, H48.31.06,
H48.33.02, H48.33.03 (commune). Each has its old-form alias (000.05.31.H48). `w.at` is a Monday morning; every
certificate and list is valid then. Keys are P-256; `w.rsa_key` is an RSA-2048 key bound to H48.31.
A `World()` of your own is cheap (about 30 ms) when a test wants to change something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from lienthong.domain.agency import Agency, Directory
from lienthong.domain.document import (
    Attachment,
    Document,
    DocumentType,
    ManifestEntry,
    Organization,
    SignerInfo,
)
from lienthong.edxml.writer import write
from lienthong.signing.authority import Authority, Issued, Use
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_package
from lienthong.signing.trust import Binding, Revocation, Trust

#: 2026-03-02 09:30 in Vietnam
AT = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)

AGENCIES: tuple[tuple[str, str, str, str | None], ...] = (
    ("H48", "UBND tỉnh Quảng Ngãi", "province", None),
    ("H48.11", "Sở Nội vụ tỉnh Quảng Ngãi", "department", "H48"),
    ("H48.31", "UBND huyện Bình Sơn", "district", "H48"),
    ("H48.33", "UBND huyện Sơn Tịnh", "district", "H48"),
    ("H48.31.05", "UBND xã Bình Chánh", "commune", "H48.31"),
    ("H48.31.06", "UBND xã Bình Dương", "commune", "H48.31"),
    ("H48.33.02", "UBND xã Tịnh Bắc", "commune", "H48.33"),
    ("H48.33.03", "UBND xã Tịnh Bình", "commune", "H48.33"),
)


def old_form(code: str) -> str:
    """The code's form in QCVN 102:2016: H48.31.05 -> 000.05.31.H48."""
    parts = code.split(".")
    province, district, commune = (*parts, "00", "00")[0], (*parts[1:], "00")[0], (*parts[2:], "00")[0]
    return f"000.{commune}.{district}.{province}"


class World:
    """The province. Attributes are made when first asked for and then kept."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at
        made = at - timedelta(days=100)
        self.agency_ca = Authority.create("Lienthong test agency CA", at=made)
        self.infrastructure_ca = Authority.create("Lienthong test infrastructure CA", at=made)
        self.transport_ca = Authority.create("Lienthong test transport CA", at=made)
        self.directory = Directory.of(
            Agency(code=code, name=name, tier=tier, parent=parent, aliases=(old_form(code),))
            for code, name, tier, parent in AGENCIES
        )
        self._issued: dict[str, SigningKey] = {}

    # -- keys

    def key(self, code: str) -> SigningKey:
        """The agency's signing key (P-256, SAN urn:lienthong:agency:CODE); any form of the code."""
        agency = self.directory.find(code)
        assert agency, f"{code} is not in the test province"
        return self._key(f"urn:lienthong:agency:{agency.code}", self.agency_ca, agency.name)

    def node_key(self, code: str) -> SigningKey:
        """The relay key of the agency's node."""
        return self._key(f"urn:lienthong:node:{code}", self.infrastructure_ca, f"node {code}")

    @property
    def hub_key(self) -> SigningKey:
        """The hub's signing key."""
        return self._key("urn:lienthong:hub:test", self.infrastructure_ca, "hub test")

    @cached_property
    def rsa_key(self) -> SigningKey:
        """An RSA-2048 key bound to H48.31."""
        uri = "urn:lienthong:agency:H48.31"
        return self.issue("UBND huyện Bình Sơn (RSA)", key_type="rsa2048", uris=[uri]).signing_key

    def issue(self, name: str, *, ca: Authority | None = None, **options: Any) -> Issued:
        """A leaf of the agency CA (or `ca`), issued the day before `at`."""
        at = options.pop("at", self.at - timedelta(days=1))
        return (ca or self.agency_ca).issue(name, at=at, **options)

    def transport(self, code: str, *, use: Use = Use.CLIENT) -> Issued:
        """A TLS certificate of the transport CA for the agency; SERVER and PEER for localhost and 127.0.0.1."""
        hosts: dict[str, Any] = {} if use is Use.CLIENT else {"dns": ["localhost"], "ips": ["127.0.0.1"]}
        return self.issue(code, ca=self.transport_ca, use=use, uris=[f"urn:lienthong:agency:{code}"], **hosts)

    def _key(self, uri: str, ca: Authority, name: str) -> SigningKey:
        if uri not in self._issued:
            self._issued[uri] = self.issue(name, ca=ca, uris=[uri]).signing_key
        return self._issued[uri]

    # -- trust

    @cached_property
    def trust(self) -> Trust:
        """Anchors and list for agencies' signatures."""
        return self.trust_in(self.agency_ca)

    @cached_property
    def infrastructure_trust(self) -> Trust:
        """Anchors and list for the hub's and the relays' records."""
        return self.trust_in(self.infrastructure_ca)

    def trust_in(
        self,
        *authorities: Authority,
        revoked: Iterable[SigningKey] = (),
        revocation: Revocation = Revocation.REQUIRED,
    ) -> Trust:
        """A Trust in the authorities, with fresh lists that name `revoked` (since an hour before `at`)."""
        since = self.at - timedelta(hours=1)
        serials = {key.certificate.serial_number: since for key in revoked}
        return Trust.from_pem(
            anchors=[ca.certificate_pem() for ca in authorities],
            crls=[ca.crl(at=since, revoked=serials) for ca in authorities],
            revocation=revocation,
        )

    @property
    def bindings(self) -> dict[str, Binding]:
        """Certificate fingerprint -> agency, for every agency of the directory and the RSA key."""
        bound = {self.key(code).certificate_sha256: Binding(agency=code) for code in self.directory.agencies}
        bound[self.rsa_key.certificate_sha256] = Binding(agency="H48.31")
        return bound

    # -- packages

    def document(self, sender: str, recipients: Sequence[str], **fields: Any) -> Document:
        """A plausible Document; `fields` replace any of its values."""
        name = {agency.code: agency.name for agency in self.directory}
        number = fields.pop("code_number", "212")
        made = Document(
            sender=Organization(organ_id=sender, organ_name=name.get(sender)),
            recipients=tuple(Organization(organ_id=code, organ_name=name.get(code)) for code in recipients),
            document_id=f"{sender},2026/03/02,{number}/UBND-VX",
            code_number=number,
            code_notation="UBND-VX",
            promulgation_place="Quảng Ngãi",
            promulgation_date=date(2026, 3, 2),
            document_type=DocumentType(type=1, type_detail=16, type_name="Công văn"),
            subject="V/v triển khai gửi, nhận văn bản điện tử",
            content="V/v triển khai gửi, nhận văn bản điện tử",
            signer=SignerInfo(full_name="Nguyễn Văn A", competence="CT", position="Chủ tịch"),
        )
        return replace(made, **fields)

    def package(
        self, sender: str, recipients: Sequence[str], *, files: dict[str, bytes] | None = None, **fields: Any
    ) -> bytes:
        """Strict, unsigned edXML. `files`: attachment name -> content; by default one small PDF."""
        contents = {"212_UBND-VX.pdf": b"%PDF-1.4\n%test\n"} if files is None else files
        attachments = tuple(
            Attachment(content_id=f"cid:{index}", attachment_name=name, content=content)
            for index, (name, content) in enumerate(contents.items(), 1)
        )
        manifest = tuple(
            ManifestEntry(
                content_id=a.content_id, attachment_name=a.attachment_name, content_type="application/zip"
            )
            for a in attachments
        )
        fields.setdefault("manifest", manifest)
        return write(self.document(sender, recipients, **fields), attachments)

    def signed(
        self,
        sender: str,
        recipients: Sequence[str],
        *,
        key: SigningKey | None = None,
        at: datetime | None = None,
        **fields: Any,
    ) -> bytes:
        """`package`, signed with the sender's own key or `key`, at `at` (the world's time)."""
        return sign_package(
            self.package(sender, recipients, **fields), key or self.key(sender), at=at or self.at
        )


@cache
def world() -> World:
    """The one World of this process. Do not change it."""
    return World()
