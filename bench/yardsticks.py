"""What can one core of this machine do, now? Plain work to hold Lienthong's figures against.

`openssl speed` for RSA, and verification of the very documents of the run by signxml, libxmlsec1 and our own
`verify_package`, each alone on one core.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from bench.documents import Signed
from bench.measures import Findings
from lienthong.signing.keys import SigningKey
from lienthong_client.profile import Profile

PROPERTIES = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"


def rsa2048_signs(seconds: int) -> float:
    """RSA-2048 signatures per second by OpenSSL on one core."""
    command = ["openssl", "speed", "-mr", "-seconds", str(seconds), "rsa2048"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"^\+F2:\d+:2048:([0-9.]+):", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"openssl speed answered: {done.stdout!r}")
    figure = float(found[1])  # seconds per signature, or signatures per second, as OpenSSL's version likes
    return figure if figure > 1 else 1 / figure


def signxml_verifier(certificate: x509.Certificate) -> Callable[[bytes], None]:
    """Plain signxml: one file, one pinned certificate. Nothing of what the hub checks besides."""
    from signxml.verifier import SignatureConfiguration, XMLVerifier

    # two References: the document and XAdES' SignedProperties
    config = SignatureConfiguration(expect_references=2)

    def verify(data: bytes) -> None:
        XMLVerifier().verify(data, x509_cert=certificate, validate_schema=False, expect_config=config)

    return verify


def add_verification(
    findings: Findings, name: str, document: Signed, profile: Profile, *, seconds: float
) -> None:
    """`verify.<engine>.<name>`: verifications per second and core of this document."""
    key = profile.signing_key()
    findings.add(
        f"verify.signxml.{name}",
        "1/s",
        [_per_second(signxml_verifier(key.certificate), document.data, seconds)],
    )
    findings.add(f"verify.lienthong.{name}", "1/s", [_per_second(_ours(profile), document.data, seconds)])
    if shutil.which("xmlsec1"):
        findings.add(f"verify.xmlsec1.{name}", "1/s", [_xmlsec1(document.data, key, seconds)])
    else:
        findings.notes.append("xmlsec1 is not installed: not measured")


def _per_second(verify: Callable[[bytes], None], data: bytes, seconds: float) -> float:
    verify(data)
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        verify(data)
        done += 1
    return done / spent


def _ours(profile: Profile) -> Callable[[bytes], None]:
    from datetime import UTC, datetime

    from lienthong.domain.agency import Agency, Directory
    from lienthong.signing.trust import Binding
    from lienthong.signing.verify import verify_package

    bindings = {profile.signing_key().certificate_sha256: Binding(agency=profile.agency, revoked_at=None)}
    directory = Directory.of([Agency(code=profile.agency, name="sender", tier="commune")])
    trust = profile.agency_trust()

    def verify(data: bytes) -> None:
        at = datetime.now(UTC)
        verify_package(data, trust=trust, bindings=bindings, directory=directory, at=at)

    return verify


def _xmlsec1(data: bytes, key: SigningKey, seconds: float) -> float:
    """Repeats inside one process; what starting the process costs is taken off."""
    with tempfile.TemporaryDirectory() as folder:
        document, certificate = Path(folder, "document.xml"), Path(folder, "certificate.pem")
        document.write_bytes(data)
        certificate.write_bytes(key.certificate_pem())

        def run(times: int) -> float:
            command = ["xmlsec1", "--verify", "--repeat", str(times), "--pubkey-cert-pem", str(certificate)]
            began = time.perf_counter()
            subprocess.run(
                [*command, "--id-attr:Id", PROPERTIES, str(document)], capture_output=True, check=True
            )
            return time.perf_counter() - began

        once = run(1)
        more = max(10, int(100 * seconds * 10_000 / max(10_000, len(data))))
        return (more - 1) / max(1e-6, run(more) - once)
