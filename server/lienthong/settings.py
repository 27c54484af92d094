"""What can be set, in which unit, with which default: one frozen object from a TOML file and the environment.

`load(path)` reads the file; an environment variable `LIENTHONG__<SECTION>__<FIELD>` wins over it (lists as
JSON). Unknown keys are refused in both. Relative paths are relative to the file's folder. Times are seconds,
sizes bytes. An empty section means its defaults.
"""

from __future__ import annotations

import os
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from lienthong.errors import LienthongError

ENVIRONMENT_PREFIX = "LIENTHONG__"

HostPort = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.*_-]+):\d{1,5}$")]
Seconds = Annotated[float, Field(gt=0)]
Bytes = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Term = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,3}[dh]$")]


class SettingsError(LienthongError):
    """The settings cannot be used; the text names the file and every wrong key."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class HubSettings(_Section):
    """[hub]: the gRPC server."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,63}$")] = "hub"
    """Name in logs, events and this hub's certificate (urn:lienthong:hub:NAME)."""
    listen: HostPort = "127.0.0.1:50051"
    """Address and port of the gRPC server."""
    certificate: Path = Path("hub/tls.pem")
    """TLS server certificate, PEM, leaf first."""
    key: Path = Path("hub/tls.key")
    """Its private key, PEM."""
    client_ca: Path = Path("trust/transport-ca.pem")
    """Authorities that issue client certificates of agencies and operators, PEM."""
    signing_key: Path = Path("hub/signing.pem")
    """Key and certificate that sign SubmissionAcceptance, PEM."""
    metrics_listen: HostPort | Literal[""] = ""
    """Address and port of the operations page (/metrics); empty: none."""
    stop_grace: Seconds = 10.0
    """Seconds that calls in hand may take when the hub stops."""
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Hub processes that share the port; `lienthong up` starts so many. Limits of calls hold for each by itself."""


class StoreSettings(_Section):
    """[store]: the database."""

    url: str = Field(default="sqlite:///store.sqlite", repr=False)
    """SQLAlchemy URL: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."""
    payload_bytes: Annotated[int, Field(ge=0, le=1_048_576)] = 65_536
    """Packages up to this size, 1 MiB at most, lie in the database, in one commit with their document; 0: none does."""


class BlobSettings(_Section):
    """[blobs]: the bytes of documents that are larger than `store.payload_bytes`, and of files beside packages."""

    url: str = Field(default="blobs", repr=False)
    """A folder, or s3://BUCKET/PREFIX."""


class BrokerSettings(_Section):
    """[broker]: RabbitMQ."""

    urls: tuple[Annotated[str, StringConstraints(pattern=r"^amqps?://")], ...] = Field(default=(), repr=False)
    """AMQP URLs, one per cluster member, tried in order; empty only with `private`."""
    private: bool = False
    """`lienthong up` starts a RabbitMQ node of its own and fills in `urls`."""
    data: Path = Path("rabbitmq")
    """Folder of the private node's data."""
    management_url: str = Field(default="", repr=False)
    """HTTP URL of the management interface, for queue details; empty: none."""
    confirm_seconds: Seconds = 15.0
    """A publish that RabbitMQ has not confirmed in this time is taken for lost and done again."""
    retry_delays: Annotated[tuple[Count, ...], Field(min_length=1)] = (30, 60, 120, 240, 480)
    """Seconds before each further try; after the last one the message is a dead letter."""


class TrustSettings(_Section):
    """[trust]: whose certificates count, for what. Files are read again when they change."""

    agencies: tuple[Path, ...] = (Path("trust/agency-ca.pem"),)
    """Anchors of the agencies' signing certificates, PEM."""
    infrastructure: tuple[Path, ...] = (Path("trust/infrastructure-ca.pem"),)
    """Anchors of the hubs' and relays' signing certificates, PEM."""
    intermediates: tuple[Path, ...] = ()
    """Further certificates that may stand in a path, PEM."""
    crls: tuple[Path, ...] = ()
    """Revocation lists of all the authorities above, PEM."""
    revocation: Literal["required", "when_present"] = "required"
    """required: a certificate whose authority has no current CRL here is refused (retryable)."""
    refresh_every: Seconds = 2.0
    """Seconds between looks for changed files and for a changed directory."""


class LimitSettings(_Section):
    """[limits]: what one caller may ask for."""

    max_package: Bytes = 104_857_600
    """Bytes of one edXML package."""
    inline_bytes: Bytes = 262_144
    """Up to this size, all copies of a hop together, a document's bytes travel in the message; else by reference."""
    rate: Annotated[float, Field(gt=0)] = 100.0
    """Calls per second and caller, kept up."""
    burst: Count = 400
    """Calls a caller may make at once before `rate` holds."""


class ContentSettings(_Section):
    """[content]: files that travel beside their package."""

    max_size: Bytes = 10_737_418_240
    """Bytes of one file."""
    max_pending: Bytes = 53_687_091_200
    """Bytes one agency may keep here that no accepted document names yet."""
    abandoned_after: Seconds = 604_800.0
    """Age in seconds at which an upload that did not go on, or that no document names, is deleted."""
    pdf_signatures: Literal["report", "intact", "trusted"] = "report"
    """Signatures inside PDFs: report: none blocks; intact: broken ones refuse; trusted: each must have a good one."""


class RelaySettings(_Section):
    """[relay]: the workers that do the nodes' hops."""

    keys: Path = Path("nodes")
    """Folder of the relay keys: NODE.pem with key and certificate."""
    express_concurrency: Count = 16
    """Messages of express lanes in work at once in one process."""
    normal_concurrency: Count = 32
    """Messages of normal lanes in work at once in one process: while some are proved, others are synced and sent."""
    metrics_listen: HostPort | Literal[""] = ""
    """Address and port of the relay's /metrics; empty: none."""


class ReconcileSettings(_Section):
    """[reconcile]: making sure that what was accepted arrives."""

    every: Seconds = 5.0
    """Seconds between two looks."""
    unpublished_after: Seconds = 10.0
    """Age in seconds at which an accepted document no broker has confirmed is published again."""
    stalled_after: Seconds = 1800.0
    """Age in seconds of the last movement at which an undelivered document is published again."""


class CalendarSettings(_Section):
    """[calendar]: which days count. Public holidays and exchanged weekends are known without it."""

    cut_off: time = time(17)
    """What comes at this hour (Vietnam's time) or later counts for the next working day."""
    days_off: tuple[date, ...] = ()
    """Days off besides the public holidays."""
    working_days: tuple[date, ...] = ()
    """Weekends or holidays that are worked, in exchange for others."""

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        both = sorted(set(self.days_off) & set(self.working_days))
        if both:
            raise ValueError(f"{both[0]} stands in days_off and in working_days")
        return self


class DeadlineSettings(_Section):
    """[deadlines]: how long a delivery may take until it ends as EXPIRED: working days (10d) or hours (24h)."""

    normal: Term = "10d"
    """Of ordinary documents and statuses."""
    urgent: Term = "5d"
    """Khẩn."""
    very_urgent: Term = "3d"
    """Thượng khẩn."""
    express: Term = "1d"
    """Hỏa tốc."""
    express_timed: Term = "1d"
    """Hỏa tốc hẹn giờ, where the document names no DueDate."""
    every: Seconds = 30.0
    """Seconds between two looks for deliveries whose deadline is over."""


class DirectorySettings(_Section):
    """[directory]: who takes part."""

    redirect_closed: bool = False
    """Documents to a closed agency go to its successor where there is exactly one; else they are refused, naming it."""


class LogSettings(_Section):
    """[log]: the programs' own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least grave level that is written."""
    format: Literal["json", "console"] = "json"
    """json: one object per line; console: for a person at a terminal."""


class Settings(BaseSettings):
    """Everything that can be set. Make it with `load`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__"
    )

    hub: HubSettings = HubSettings()
    store: StoreSettings = StoreSettings()
    blobs: BlobSettings = BlobSettings()
    broker: BrokerSettings = BrokerSettings()
    trust: TrustSettings = TrustSettings()
    limits: LimitSettings = LimitSettings()
    content: ContentSettings = ContentSettings()
    relay: RelaySettings = RelaySettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    calendar: CalendarSettings = CalendarSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    directory: DirectorySettings = DirectorySettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file (which comes in as arguments); nothing else is looked at."""
        return (env_settings, init_settings)


def load(path: Path) -> Settings:
    """Read `path` and the environment. Raises `SettingsError`, whose text a person can act on."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML ({error})") from error
    _check_environment()
    try:
        settings = Settings(**content)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_explain(error)}") from error
    except (
        ValueError
    ) as error:  # pydantic-settings: an environment variable that is not JSON where it must be
        raise SettingsError(f"{path}: {error}") from error
    return anchored(settings, path.resolve().parent)


def anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings, every relative path (in store and blob URLs too) made absolute from `folder`."""
    sections = {name: _anchored(getattr(settings, name), folder) for name in Settings.model_fields}
    sections["store"] = settings.store.model_copy(update={"url": _database(settings.store.url, folder)})
    sections["blobs"] = settings.blobs.model_copy(update={"url": _folder(settings.blobs.url, folder)})
    return settings.model_copy(update=sections)


_S = TypeVar("_S", bound=_Section)


def _anchored(section: _S, folder: Path) -> _S:
    return section.model_copy(update={name: _absolute(value, folder) for name, value in section})


def _absolute(value: object, folder: Path) -> object:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, tuple):
        return tuple(_absolute(item, folder) for item in value)
    return value


def _database(url: str, folder: Path) -> str:
    scheme, separator, file = url.partition(":///")
    if not scheme.startswith("sqlite") or not separator or not file or file == ":memory:":
        return url
    return f"{scheme}:///{folder / file}"


def _folder(url: str, folder: Path) -> str:
    return url if "://" in url else str(folder / url)


def _check_environment() -> None:
    """An unknown section in a variable's name would otherwise be passed over in silence."""
    for name in os.environ:
        section = name.removeprefix(ENVIRONMENT_PREFIX).partition("__")[0].lower()
        if name.startswith(ENVIRONMENT_PREFIX) and section not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise SettingsError(f"environment variable {name}: unknown section; known are {known}")


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_context=False):
        key = ".".join(str(part) for part in problem["loc"])
        text = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(f"{key}: {text}")
    return "; ".join(lines)
