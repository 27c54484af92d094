"""Two other engines that sign and verify XML signatures: libxmlsec1's command line and the JDK's javax.xml.crypto.

Both must be installed (apt-get install xmlsec1 openjdk-17-jdk-headless): a test without them fails and says so.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lienthong.signing.keys import SigningKey

_JAVA = Path(__file__).with_name("XmlSignatures.java")
_PACKAGES = {"xmlsec1": "xmlsec1", "java": "openjdk-17-jdk-headless"}
_PROPERTIES = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not installed: apt-get install {_PACKAGES[name]}"
    return found


def _run(*command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def xmlsec1_verdicts(files: Iterable[Path], anchor: Path) -> dict[str, bool]:
    """File name -> valid, by libxmlsec1, which also builds the certificate's path to `anchor`."""
    program = _program("xmlsec1")
    verdicts = {}
    for file in files:
        done = _run(
            program, "--verify", "--enabled-key-data", "x509", "--trusted-pem", str(anchor),
            "--verification-gmt-time", "2026-03-02 02:30:00", "--id-attr:Id", _PROPERTIES, str(file),
        )  # fmt: skip
        verdicts[file.name] = done.returncode == 0
    return verdicts


def xmlsec1_sign(template: Path, out: Path, key: SigningKey, folder: Path) -> None:
    """Fill in the signature template that stands in `template`."""
    private, certificate = folder / "xmlsec-key.pem", folder / "xmlsec-certificate.pem"
    private.write_bytes(key.key_pem())
    certificate.write_bytes(key.certificate_pem())
    done = _run(
        _program("xmlsec1"), "--sign", "--privkey-pem", f"{private},{certificate}",
        "--id-attr:Id", _PROPERTIES, "--output", str(out), str(template),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def jdk_verdicts(files: Iterable[Path]) -> dict[str, str]:
    """File name -> "valid" or "invalid …", by the JDK."""
    listed = {str(file): file.name for file in files}
    done = _run(_program("java"), str(_JAVA), "verify", *listed)
    assert done.returncode == 0, done.stderr
    verdicts = {}
    for line in done.stdout.splitlines():
        file, _, verdict = line.partition(" ")
        verdicts[listed[file]] = verdict
    return verdicts


def jdk_sign(orders: Iterable[tuple[SigningKey, str, str, Path, Path]], folder: Path) -> None:
    """Sign each (key, algorithm such as ecdsa-sha256, form plain or xades, file, out file)."""
    arguments: list[str] = []
    for index, (key, algorithm, form, source, out) in enumerate(orders):
        keystore = folder / f"jdk-{index}.p12"
        keystore.write_bytes(key.to_pkcs12("key", b"password"))
        arguments += [str(keystore), "password", algorithm, form, str(source), str(out)]
    done = _run(_program("java"), str(_JAVA), "sign", *arguments)
    assert done.returncode == 0, done.stderr
