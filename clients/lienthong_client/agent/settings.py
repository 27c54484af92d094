"""What can be set for an agent: one frozen object from a TOML file. Paths are relative to the file; times are seconds.

Unknown keys are refused. A wrong file raises `SettingsError`, which names the file and the key.
"""

from __future__ import annotations

import base64
import binascii
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from lienthong.errors import Code, Language
from lienthong_client.errors import Misuse

HostPort = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.*_-]+):\d{1,5}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Seconds = Annotated[float, Field(gt=0)]
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the Standard Webhooks way of writing a secret
_SHORTEST_SECRET = 24  # bytes, as Standard Webhooks asks


class SettingsError(Misuse):
    """The agent's settings cannot be used."""


class Sign(StrEnum):
    """Which edXML files the agent signs with the agency's key."""

    UNSIGNED = "unsigned"  #: those without a Signature; the others go as they are
    ALWAYS = "always"  #: all: for systems whose own Signature means nothing
    NEVER = "never"  #: none


class EventKind(StrEnum):
    """What a webhook can be called for."""

    SENT = "document.sent"
    FAILED = "document.failed"
    RECEIVED = "document.received"
    REFUSED = "delivery.refused"
    CHANGED = "delivery.changed"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class OutboxSettings(_Section):
    """[outbox]: what is taken, and when."""

    sign: Sign = Sign.UNSIGNED
    """Which edXML files the agent signs: "unsigned", "always", "never"."""
    poll: Seconds = 1.0
    """Seconds between two looks at the outbox. Shares (SMB, NFS) tell nobody about new files, so it looks."""
    settle: Seconds = 2.0
    """Seconds a file must not change before it is taken."""
    hesitate: Seconds = 60.0
    """The same for a file that looks cut off: XML without its last tag, PDF without its end mark."""
    patience: Seconds = 900.0
    """Seconds until a PDF without YAML, or a YAML without its files, fails; edXML then goes without its files."""


class InboxSettings(_Section):
    """[inbox]: how documents come in."""

    parallel: Annotated[int, Field(ge=1, le=32)] = 4
    """Documents fetched at the same time; express ones have as many places of their own."""
    notices: bool = True
    """Whether notices (recalled, replaced, asked back) become files in notices/ and then count as seen."""


class StatusSettings(_Section):
    """[status]: where the agent tells how it is."""

    listen: HostPort | None = None
    """Address and port of /health and /metrics; absent: none."""
    patience: Seconds = 600.0
    """Seconds the hub may be away before /health says so with 503."""


class WebhookSettings(_Section):
    """[[webhooks]]: a system that wants a call."""

    name: Name
    """Folder and label of this webhook."""
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    """Where events are posted to."""
    secret: str | None = Field(default=None, repr=False)
    """The shared secret: `whsec_` and base64 of at least 24 random bytes."""
    secret_file: Path | None = None
    """The file that holds it, instead of `secret`."""
    events: tuple[EventKind, ...] = tuple(EventKind)
    """Which events; all when absent."""
    ca: Path | None = None
    """Authorities of the server's certificate, PEM; the system's when absent."""
    timeout: Seconds = 15.0
    """Seconds one call may take."""
    give_up: Seconds = 7 * 86_400.0
    """Seconds until a call nobody accepts is put aside."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("give secret or secret_file")
        return self

    def key(self) -> bytes:
        """The secret's bytes. Raises `SettingsError`, OSError."""
        text = self.secret if self.secret_file is None else self.secret_file.read_text("utf-8").strip()
        assert text is not None  # noqa: S101 - the validator saw to it
        try:
            key = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not text.startswith(_SECRET_PREFIX) or len(key) < _SHORTEST_SECRET:
            raise SettingsError(
                Code.ARGUMENT_INVALID,
                field=f"[[webhooks]] {self.name}: secret",
                detail=f"must be {_SECRET_PREFIX} and base64 of at least {_SHORTEST_SECRET} random bytes, "
                f"e.g. of: echo {_SECRET_PREFIX}$(openssl rand -base64 32)",
            )
        return key


class AgentSettings(_Section):
    """All of it. Make it with `load`."""

    profile: Path = Path("profile.toml")
    """The agency's profile: key, hub, trust."""
    folder: Path
    """Root of outbox/, sent/, inbox/ …"""
    language: Language = "vi"
    """Language of reason.txt."""
    outbox: OutboxSettings = OutboxSettings()
    inbox: InboxSettings = InboxSettings()
    status: StatusSettings = StatusSettings()
    webhooks: tuple[WebhookSettings, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len({hook.name for hook in self.webhooks}) < len(self.webhooks):
            raise ValueError("two webhooks have the same name")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file. Raises `SettingsError`."""
        try:
            table = tomllib.loads(path.read_text("utf-8"))
            return cls.model_validate(table).resolved(path.parent)
        except OSError as error:
            raise SettingsError(
                Code.ARGUMENT_INVALID, field=str(path), detail=f"cannot be read: {error.strerror}"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(
                Code.ARGUMENT_INVALID, field=str(path), detail=f"not TOML: {error}"
            ) from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise SettingsError(
                Code.ARGUMENT_INVALID, field=f"{path}: {where}", detail=str(first["msg"])
            ) from error

    def resolved(self, base: Path) -> Self:
        """The same with every path taken from `base`."""
        hooks = tuple(
            hook.model_copy(update={"secret_file": _at(base, hook.secret_file), "ca": _at(base, hook.ca)})
            for hook in self.webhooks
        )
        return self.model_copy(
            update={"profile": _at(base, self.profile), "folder": _at(base, self.folder), "webhooks": hooks}
        )


def _at(base: Path, path: Path | None) -> Path | None:
    return None if path is None else base / path.expanduser()
