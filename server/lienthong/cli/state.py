"""Where everything of one machine's linkage is: the state folder's layout, and which folder is the current one.

`lienthong up` notes its folder in a per-user file, so that operators' commands find it without `--state`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lienthong.errors import Code, Refusal

STATE_VARIABLE = "LIENTHONG_STATE"
PROFILE_VARIABLE = "LIENTHONG_OPERATOR_PROFILE"


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The paths inside a state folder; `root` is absolute."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> StateFolder:
        """The state folder at `path`, which may not exist yet."""
        return cls(path.expanduser().resolve())

    @property
    def settings(self) -> Path:
        """Settings of hub and relay, made by `init`, editable afterwards."""
        return self.root / "lienthong.toml"

    @property
    def directory(self) -> Path:
        """Copy of the directory file imported last."""
        return self.root / "directory.yaml"

    @property
    def trust(self) -> Path:
        """Anchors and revocation lists: public."""
        return self.root / "trust"

    @property
    def authority(self) -> Path:
        """The development authorities' private keys."""
        return self.root / "authority"

    @property
    def hub(self) -> Path:
        """The hub's TLS and signing keys."""
        return self.root / "hub"

    @property
    def nodes(self) -> Path:
        """The relay keys, one file per node."""
        return self.root / "nodes"

    @property
    def agencies(self) -> Path:
        """One folder per agency: profile, signing key, TLS key."""
        return self.root / "agencies"

    @property
    def operator_profile(self) -> Path:
        """How operators' commands reach the hub."""
        return self.root / "operator" / "profile.toml"

    @property
    def logs(self) -> Path:
        """What the child processes say."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Lock and process list of the running `up`."""
        return self.root / "run"

    def agency_profile(self, code: str) -> Path:
        """The profile of one agency, by any of its codes."""
        return self.agencies / code / "profile.toml"


def remember(state: StateFolder) -> None:
    """Make `state` the folder that commands without `--state` use. Not being able to is no reason to fail."""
    pointer = _pointer()
    try:
        pointer.parent.mkdir(parents=True, exist_ok=True)
        fresh = pointer.with_suffix(f".{os.getpid()}")
        fresh.write_text(f"{state.root}\n", "utf-8")
        fresh.replace(pointer)
    except OSError:
        return


def remembered() -> StateFolder | None:
    """The folder `up` used last on this account, if it is still there."""
    try:
        root = Path(_pointer().read_text("utf-8").rstrip("\n"))
    except OSError:
        return None
    return StateFolder(root) if root.is_dir() else None


def required_state(state: Path | None) -> StateFolder:
    """The state folder asked for, by option or environment. Raises `Refusal` ARGUMENT_INVALID without either."""
    if state is None and (from_environment := os.environ.get(STATE_VARIABLE)):
        state = Path(from_environment)
    if state is None:
        raise Refusal(Code.ARGUMENT_INVALID, field="state", detail="give the state folder: --state DIR")
    return StateFolder.at(state)


def operator_profile(profile: Path | None, state: Path | None) -> Path | None:
    """The operator's profile: from the options, else the environment, else the remembered state folder."""
    if profile is not None:
        return profile.expanduser()
    if state is not None:
        return StateFolder.at(state).operator_profile
    if from_environment := os.environ.get(PROFILE_VARIABLE):
        return Path(from_environment).expanduser()
    if from_environment := os.environ.get(STATE_VARIABLE):
        return StateFolder.at(Path(from_environment)).operator_profile
    last = remembered()
    return None if last is None else last.operator_profile


def _pointer() -> Path:
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(home) / "lienthong" / "current"
