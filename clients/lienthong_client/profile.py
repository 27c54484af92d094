"""Who am I, where is the hub, which key signs and whom do I trust: the agency's profile.toml.

Paths in the file are relative to the file. A wrong profile raises `Refusal` ARGUMENT_INVALID whose `field` is
`FILE: [section] key`. Certificates and keys are read when first needed, so `verify` works without a signing key.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lienthong.errors import Code, Language, Refusal
from lienthong.signing.keys import SigningKey
from lienthong.signing.trust import Revocation, Trust
from lienthong_client.errors import Misuse
from lienthong_client.token import open_token

_SECTIONS: dict[str, tuple[str, ...]] = {
    "hub": ("address", "ca", "certificate", "key", "name"),
    "signing": ("pkcs12", "password", "password_file", "module", "token", "key"),
    "trust": ("agencies", "infrastructure", "crls", "revocation"),
    "sender": ("place", "signer", "position", "competence"),
}


class ProfileError(Misuse):
    """The profile or a file it names cannot be used. The command line treats it as wrong usage."""

    def remedy(self, language: Language) -> str:
        """Where a profile is looked for."""
        if language == "vi":
            return (
                "Sửa khóa được nêu, hoặc chỉ ra tệp profile bằng --profile hay LIENTHONG_PROFILE "
                "(lienthong up đặt ở DIR/agencies/CODE/profile.toml)"
            )
        return (
            "Correct the named key, or name the profile with --profile or LIENTHONG_PROFILE "
            "(lienthong up puts it at DIR/agencies/CODE/profile.toml)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAddress:
    """Where the hub is and how the two know each other (mutual TLS)."""

    address: str  #: host:port
    ca: Path  #: PEM: authorities of the hub's TLS certificate
    certificate: Path  #: PEM: our TLS certificate
    key: Path  #: PEM: its key
    name: str | None = None  #: the name in the hub's certificate, where it differs from the host


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderDefaults:
    """What `send` writes when nobody says otherwise."""

    place: str | None = None
    signer: str | None = None
    position: str | None = None
    competence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An agency's settings. Make it with `Profile.load`."""

    path: Path
    agency: str  #: canonical code
    hub: HubAddress
    pkcs12: Path | None = None
    password: bytes | None = field(default=None, repr=False)  #: of the PKCS#12 file; the token's PIN
    module: Path | None = None  #: the token vendor's PKCS#11 library, where the key is in a token
    token: str | None = None  #: the token's label, where several are plugged in
    token_key: str | None = None  #: the key's label, where the token holds several
    agency_anchors: tuple[Path, ...] = ()
    infrastructure_anchors: tuple[Path, ...] = ()
    crls: tuple[Path, ...] = ()
    revocation: Revocation = Revocation.REQUIRED
    sender: SenderDefaults = SenderDefaults()

    @classmethod
    def load(cls, path: Path | str) -> Profile:
        """Read a profile. Raises `ProfileError` naming file and key."""
        return _Reader(Path(path)).profile()

    def signing_key(self) -> SigningKey:
        """The agency's signing key out of its PKCS#12 file or its PKCS#11 token."""
        if self.module is not None:
            try:
                return open_token(self.module, token=self.token, key=self.token_key, pin=self.password)
            except Refusal as error:
                raise self.wrong("[signing] module", error.detail or str(error)) from error
        if self.pkcs12 is None:
            raise self.wrong("[signing] pkcs12", "missing: this profile cannot sign")
        data = self.read(self.pkcs12, "[signing] pkcs12")
        try:
            return SigningKey.from_pkcs12(data, self.password)
        except (ValueError, Refusal) as error:
            raise self.wrong("[signing] pkcs12", f"{self.pkcs12}: {error}") from error

    def agency_trust(self) -> Trust:
        """Whom we believe about documents and ContentHandover."""
        return self._trust(self.agency_anchors, "[trust] agencies")

    def infrastructure_trust(self) -> Trust:
        """Whom we believe about the hub's and the relays' records."""
        return self._trust(self.infrastructure_anchors, "[trust] infrastructure")

    def trust_state(self) -> tuple[object, ...]:
        """Changes when a file of the trust does."""
        files = (*self.agency_anchors, *self.infrastructure_anchors, *self.crls)
        return tuple((file, *_stamp(file)) for file in files)

    def _trust(self, anchors: tuple[Path, ...], key: str) -> Trust:
        if not anchors:
            raise self.wrong(key, "missing: nothing can be verified without anchors")
        pems = [self.read(anchor, key) for anchor in anchors]
        crls = [self.read(crl, "[trust] crls") for crl in self.crls]
        try:
            return Trust.from_pem(anchors=pems, crls=crls, revocation=self.revocation)
        except (ValueError, Refusal) as error:
            raise self.wrong(key, str(error)) from error

    def read(self, path: Path, key: str) -> bytes:
        """The bytes of a file the profile names."""
        try:
            return path.read_bytes()
        except OSError as error:
            raise self.wrong(key, f"cannot read {path}: {error.strerror}") from error

    def wrong(self, key: str, detail: str) -> ProfileError:
        """The error for a key of this profile."""
        return ProfileError(Code.ARGUMENT_INVALID, field=f"{self.path}: {key}", detail=detail)


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except OSError:
        return ()  # reading it will say why
    return (found.st_mtime_ns, found.st_size, found.st_ino)


class _Reader:
    """One reading of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ProfileError(
                Code.ARGUMENT_INVALID, field=str(path), detail=f"cannot read the profile: {error.strerror}"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProfileError(Code.ARGUMENT_INVALID, field=str(path), detail=f"not TOML: {error}") from error

    def profile(self) -> Profile:
        self._check_keys()
        self._check_signing()
        crls = self._files("trust", "crls")
        return Profile(
            path=self.path,
            agency=self._text(None, "agency"),
            hub=HubAddress(
                address=self._address(),
                ca=self._file("hub", "ca"),
                certificate=self._file("hub", "certificate"),
                key=self._file("hub", "key"),
                name=self._optional("hub", "name"),
            ),
            pkcs12=self._file("signing", "pkcs12") if self._optional("signing", "pkcs12") else None,
            password=self._password(),
            module=self._file("signing", "module") if self._optional("signing", "module") else None,
            token=self._optional("signing", "token"),
            token_key=self._optional("signing", "key"),
            agency_anchors=self._files("trust", "agencies"),
            infrastructure_anchors=self._files("trust", "infrastructure"),
            crls=crls,
            revocation=self._revocation(),
            sender=SenderDefaults(**{key: self._optional("sender", key) for key in _SECTIONS["sender"]}),
        )

    def _check_signing(self) -> None:
        if self._optional("signing", "pkcs12") and self._optional("signing", "module"):
            raise self._wrong("signing", "module", "either pkcs12 (a file) or module (a token), not both")

    def _check_keys(self) -> None:
        for name, value in self.table.items():
            if name == "agency":
                continue
            if name not in _SECTIONS or not isinstance(value, dict):
                raise self._wrong(
                    None, name, "unknown; known are agency, [hub], [signing], [trust], [sender]"
                )
            for key in value:
                if key not in _SECTIONS[name]:
                    raise self._wrong(name, key, f"unknown; known are {', '.join(_SECTIONS[name])}")

    def _address(self) -> str:
        address = self._text("hub", "address")
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise self._wrong("hub", "address", f"{address!r} is not host:port")
        return address

    def _password(self) -> bytes | None:
        if self._optional("signing", "password_file"):
            file = self._file("signing", "password_file")
            try:
                return file.read_text("utf-8").rstrip("\r\n").encode()
            except OSError as error:
                raise self._wrong("signing", "password_file", f"{file}: {error.strerror}") from error
        password = self._optional("signing", "password")
        return password.encode() if password else None

    def _revocation(self) -> Revocation:
        text = self._optional("trust", "revocation")
        if text is None:
            return Revocation.REQUIRED
        try:
            return Revocation(text)
        except ValueError:
            known = ", ".join(Revocation)
            raise self._wrong("trust", "revocation", f"{text!r}; known are {known}") from None

    def _get(self, section: str | None, key: str) -> Any:  # noqa: ANN401 - whatever TOML holds
        table = self.table if section is None else self.table.get(section, {})
        return table.get(key)

    def _optional(self, section: str | None, key: str) -> str | None:
        value = self._get(section, key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(section, key, "must be text in quotes")
        return value or None

    def _text(self, section: str | None, key: str) -> str:
        value = self._optional(section, key)
        if value is None:
            raise self._wrong(section, key, "missing")
        return value

    def _file(self, section: str, key: str) -> Path:
        return self._resolve(self._text(section, key))

    def _files(self, section: str, key: str) -> tuple[Path, ...]:
        value = self._get(section, key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(section, key, "must be a list of file names")
        return tuple(self._resolve(item) for item in value)

    def _resolve(self, name: str) -> Path:
        return self.path.parent / Path(name).expanduser()

    def _wrong(self, section: str | None, key: str, detail: str) -> ProfileError:
        where = key if section is None else f"[{section}] {key}"
        return ProfileError(Code.ARGUMENT_INVALID, field=f"{self.path}: {where}", detail=detail)
