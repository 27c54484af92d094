"""Who has which key in a state folder: the development authorities, and every key and profile they vouch for.

Everything is made once and kept: what is there is never made again, what is missing is added, and a folder or file
appears whole or not at all. Private files have mode 0600. An agency that brings its own keys needs none of this:
its certificate is bound with `lienthong certificates bind`.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import tomli_w
from cryptography import x509

from lienthong.cli.state import StateFolder
from lienthong.domain.agency import Agency
from lienthong.domain.directory_file import check_code
from lienthong.errors import Code, Refusal
from lienthong.signing.authority import Authority, KeyType, Use

AGENCY, INFRASTRUCTURE, TRANSPORT = "agency", "infrastructure", "transport"
AUTHORITIES = {
    AGENCY: "Lienthong development: agencies' signatures",
    INFRASTRUCTURE: "Lienthong development: hubs and relays",
    TRANSPORT: "Lienthong development: connections",
}
LEAF_DAYS = 3650
CRL_DAYS = 30
CRL_FRESH = timedelta(days=1)  # an older list is issued again

Progress = Callable[[int, int], None]  #: keys made, keys to make


@dataclass(frozen=True, slots=True)
class Bound:
    """A certificate that is to be bound in the store."""

    pem: bytes
    agency: str  #: canonical code, "" for the operators
    purpose: str
    role: str


class Provision:
    """Makes and keeps the keys of one state folder. `at` is the time certificates are made for."""

    def __init__(
        self,
        state: StateFolder,
        *,
        at: datetime,
        address: str,
        agency_keys: KeyType,
        hosts: Iterable[str] = (),
    ) -> None:
        self._state = state
        self._at = at
        self._address = address
        self._agency_keys = agency_keys
        self._hosts = tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", *hosts)))
        self.away = [
            name for name in AUTHORITIES if self._is_away(name)
        ]  #: authorities whose keys are elsewhere
        self._authorities = {name: self._authority(name) for name in AUTHORITIES if name not in self.away}

    def infrastructure(self, hub_name: str) -> Bound:
        """The hub's keys, the operator's profile, and current revocation lists."""
        self._hub(hub_name)
        self.refresh_lists()
        return self._operator()

    def agencies(self, agencies: Iterable[Agency], progress: Progress) -> list[Bound]:
        """Keys and profiles of every agency that has none, several at a time; returns all their certificates.

        What `progress` raises ends the work early; the next call goes on from there.
        """
        wanted = list(agencies)
        for agency in wanted:
            check_code(agency.code)
        missing = [agency for agency in wanted if not self._complete(agency)]
        for parent in (self._state.nodes, self._state.agencies):
            parent.mkdir(parents=True, exist_ok=True)
        # making RSA keys leaves the interpreter's lock: threads use every core
        pool = ThreadPoolExecutor(os.cpu_count() or 1)
        try:
            jobs = [pool.submit(self._agency, agency) for agency in missing]
            for done, job in enumerate(as_completed(jobs), start=1):
                job.result()
                progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)
        for agency in wanted:
            self._link_aliases(agency)
        return [bound for agency in wanted for bound in self._bound(agency)]

    def refresh_lists(self) -> None:
        """Issue the revocation lists that are missing or older than a day; what was revoked stays revoked.

        The list of an authority whose key is elsewhere is left alone: whoever has the key renews it.
        """
        for name in (AGENCY, INFRASTRUCTURE):
            if name in self.away:
                continue
            path = self._state.trust / f"{name}-ca.crl.pem"
            old = x509.load_pem_x509_crl(path.read_bytes()) if path.exists() else None
            if old is None or self._at - old.last_update_utc > CRL_FRESH:
                revoked = {entry.serial_number: entry.revocation_date_utc for entry in old or ()}
                number = int(self._at.timestamp())
                write(
                    path,
                    self._authorities[name].crl(at=self._at, days=CRL_DAYS, revoked=revoked, number=number),
                )

    def _is_away(self, name: str) -> bool:
        """Its certificate is trusted here and its key is not here: another key in its place would vouch for nobody."""
        file = f"{name}-ca.pem"
        return (self._state.trust / file).exists() and not (self._state.authority / file).exists()

    def _vouching(self, name: str) -> Authority:
        """Raises `Refusal` where the key is elsewhere."""
        if name in self.away:
            detail = (
                f"{self._state.authority / name}-ca.pem is not here, so it issues nothing: put it back, or bind "
                "certificates of your own with `lienthong certificates bind`"
            )
            raise Refusal(Code.ARGUMENT_INVALID, field="authority", detail=detail)
        return self._authorities[name]

    def _authority(self, name: str) -> Authority:
        path = self._state.authority / f"{name}-ca.pem"
        if path.exists():
            authority = Authority.from_pem(path.read_bytes())
        else:
            self._state.authority.mkdir(parents=True, exist_ok=True, mode=0o700)
            authority = Authority.create(AUTHORITIES[name], at=self._at)
            write(path, authority.to_pem(), private=True)
        anchor = self._state.trust / f"{name}-ca.pem"
        if not anchor.exists():
            write(anchor, authority.certificate_pem())
        return authority

    def _hub(self, name: str) -> None:
        folder = self._state.hub
        if not (folder / "signing.pem").exists():
            issued = self._vouching(INFRASTRUCTURE).issue(
                f"hub {name}", at=self._at, days=LEAF_DAYS, uris=[f"urn:lienthong:hub:{name}"]
            )
            write(folder / "signing.pem", issued.signing_key.to_pem(), private=True)
        if not (folder / "tls.pem").exists():
            ips = [host for host in self._hosts if _is_ip(host)]
            issued = self._vouching(TRANSPORT).issue(
                f"hub {name}",
                at=self._at,
                days=LEAF_DAYS,
                use=Use.SERVER,
                dns=[host for host in self._hosts if host not in ips],
                ips=ips,
            )
            write(folder / "tls.key", issued.signing_key.key_pem(), private=True)
            write(folder / "tls.pem", issued.signing_key.certificate_pem())

    def _operator(self) -> Bound:
        folder = self._state.operator_profile.parent
        if not (folder / "tls.pem").exists():
            self._connection(folder, "operator", uris=())
        if not self._state.operator_profile.exists():
            write(
                self._state.operator_profile,
                tomli_w.dumps({"hub": self._hub_section("..")}).encode(),
                private=True,
            )
        return Bound((folder / "tls.pem").read_bytes(), "", "transport", "operator")

    def _connection(self, folder: Path, name: str, *, uris: Iterable[str]) -> None:
        issued = self._vouching(TRANSPORT).issue(name, at=self._at, days=LEAF_DAYS, use=Use.CLIENT, uris=uris)
        write(folder / "tls.key", issued.signing_key.key_pem(), private=True)
        write(folder / "tls.pem", issued.signing_key.certificate_pem())

    def _complete(self, agency: Agency) -> bool:
        return self._node_key(agency).exists() and self._state.agency_profile(agency.code).exists()

    def _node_key(self, agency: Agency) -> Path:
        return self._state.nodes / f"{agency.code}.pem"

    def _agency(self, agency: Agency) -> None:
        if not self._node_key(agency).exists():
            node = self._vouching(INFRASTRUCTURE).issue(
                f"node {agency.code}", at=self._at, days=LEAF_DAYS, uris=[f"urn:lienthong:node:{agency.code}"]
            )
            write(self._node_key(agency), node.signing_key.to_pem(), private=True)
        if not self._state.agency_profile(agency.code).exists():
            self._agency_folder(agency)

    def _agency_folder(self, agency: Agency) -> None:
        folder = self._state.agencies / agency.code
        fresh = self._state.agencies / f".{agency.code}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        identity = f"urn:lienthong:agency:{agency.code}"
        signing = self._vouching(AGENCY).issue(
            agency.name,
            at=self._at,
            days=LEAF_DAYS,
            key_type=self._agency_keys,
            uris=[identity],
            organization=agency.name[:64],
        )
        password = secrets.token_urlsafe(12)
        write(
            fresh / "signing.p12", signing.signing_key.to_pkcs12(agency.code, password.encode()), private=True
        )
        write(fresh / "signing.pem", signing.signing_key.certificate_pem())
        self._connection(fresh, agency.code, uris=[identity])
        write(fresh / "profile.toml", self._profile(agency.code, password).encode(), private=True)
        shutil.rmtree(folder, ignore_errors=True)  # a half folder without its profile
        fresh.rename(folder)

    def _profile(self, code: str, password: str) -> str:
        trust = "../../trust"
        return tomli_w.dumps(
            {
                "agency": code,
                "hub": self._hub_section("../.."),
                "signing": {"pkcs12": "signing.p12", "password": password},
                "trust": {
                    "agencies": [f"{trust}/{AGENCY}-ca.pem"],
                    "infrastructure": [f"{trust}/{INFRASTRUCTURE}-ca.pem"],
                    "crls": [f"{trust}/{AGENCY}-ca.crl.pem", f"{trust}/{INFRASTRUCTURE}-ca.crl.pem"],
                },
            }
        )

    def _hub_section(self, up: str) -> dict[str, str]:
        return {
            "address": self._address,
            "ca": f"{up}/trust/{TRANSPORT}-ca.pem",
            "certificate": "tls.pem",
            "key": "tls.key",
        }

    def _link_aliases(self, agency: Agency) -> None:
        for alias in agency.aliases:
            link = self._state.agencies / check_code(alias)
            if not link.is_symlink() and not link.exists():
                link.symlink_to(agency.code, target_is_directory=True)

    def _bound(self, agency: Agency) -> list[Bound]:
        folder = self._state.agencies / agency.code
        return [
            Bound((folder / "signing.pem").read_bytes(), agency.code, "signature", "agency"),
            Bound((folder / "tls.pem").read_bytes(), agency.code, "transport", "agency"),
        ]


def write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a whole file or nothing; `private` ones only their owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644), "wb"
    ) as out:
        out.write(data)
    fresh.replace(path)


def _is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
