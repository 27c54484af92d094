"""Who is calling: the agency or operator whose certificate opened the connection.

The certificate is looked up by the SHA-256 of its DER bytes. Its subject and SAN are never read to decide:
grpcio cuts a common name at NUL, and any authority could issue a second certificate with the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lienthong.errors import Code, Refusal


class Role(StrEnum):
    """What a connection may do."""

    AGENCY = "agency"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The other end of a connection."""

    agency: str | None  #: canonical code; None for an operator
    role: str
    subject: str  #: for the event log
    certificate_sha256: str

    @property
    def actor(self) -> str:
        """How the event log names the caller."""
        return self.agency or f"operator:{self.subject}"

    def require_agency(self) -> str:
        """The caller's agency code; NOT_PERMITTED for an operator."""
        if self.agency is None:
            raise Refusal(Code.NOT_PERMITTED, detail="an agency's certificate is needed")
        return self.agency

    def require_operator(self) -> None:
        """NOT_PERMITTED for anyone but an operator."""
        if self.role != Role.OPERATOR:
            raise Refusal(Code.NOT_PERMITTED, detail="an operator's certificate is needed")
