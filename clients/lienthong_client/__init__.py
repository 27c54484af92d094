"""How does an agency's own system talk to the hub? Through `AgencyClient`, or the program `lienthong-agency`."""

from __future__ import annotations

from lienthong.errors import Code, Refusal
from lienthong_client.client import AgencyClient
from lienthong_client.compose import Draft, File, read_files
from lienthong_client.content import BigFile
from lienthong_client.errors import Unreachable
from lienthong_client.files import save_evidence, save_files
from lienthong_client.profile import Profile, ProfileError
from lienthong_client.proof import Proof
from lienthong_client.results import (
    Accepted,
    Acknowledged,
    Delivery,
    DocumentSummary,
    EvidenceItem,
    EvidenceSet,
    Hop,
    InboxItem,
    Received,
    RecipientError,
    RecipientResult,
    Tracking,
)
from lienthong_client.retry import Retry

__all__ = [
    "Accepted",
    "Acknowledged",
    "AgencyClient",
    "BigFile",
    "Code",
    "Delivery",
    "DocumentSummary",
    "Draft",
    "EvidenceItem",
    "EvidenceSet",
    "File",
    "Hop",
    "InboxItem",
    "Profile",
    "ProfileError",
    "Proof",
    "Received",
    "RecipientError",
    "RecipientResult",
    "Refusal",
    "Retry",
    "Tracking",
    "Unreachable",
    "read_files",
    "save_evidence",
    "save_files",
]
