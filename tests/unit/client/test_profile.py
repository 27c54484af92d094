"""Does a wrong profile say which file and which key, and does a right one find its files?"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lienthong.errors import Code
from lienthong_client import Profile, ProfileError

SENDER = "H48.31.05"
ProfileOf = Callable[[str], Path]


def test_paths_are_relative_to_the_profile(profile_of: ProfileOf, monkeypatch: pytest.MonkeyPatch) -> None:
    path = profile_of(SENDER)
    monkeypatch.chdir(path.parent.parent)
    profile = Profile.load(os.path.relpath(path))
    assert profile.agency == SENDER
    assert profile.signing_key().certificate.subject.rfc4514_string() == "CN=UBND xã Bình Chánh,C=VN"
    assert len(profile.agency_trust().anchors) == 1
    assert len(profile.infrastructure_trust().crls) == 2


def test_password_from_a_file(profile_of: ProfileOf) -> None:
    path = profile_of(SENDER)
    (path.parent / "password").write_text("chỉ để thử\n", "utf-8")
    text = path.read_text("utf-8").replace('password = "chỉ để thử"', 'password_file = "password"')
    path.write_text(text, "utf-8")
    assert Profile.load(path).signing_key().certificate_sha256


def test_secrets_stay_out_of_the_repr(profile_of: ProfileOf) -> None:
    assert "chỉ để thử" not in repr(Profile.load(profile_of(SENDER)))


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('agency = "H48.31.05"', "", "agency"),
        ('agency = "H48.31.05"', "agency = 5", "agency"),
        ("[hub]", '[hub]\ncolour = "red"', "[hub] colour"),
        ("[hub]", "[hubb]", "hubb"),
        ('address = "127.0.0.1:', 'address = "127.0.0.1;', "[hub] address"),
        ('key = "tls.key"', "", "[hub] key"),
        ('crls = ["', 'crls = "', None),
        ("[trust]", '[trust]\nrevocation = "sometimes"', "[trust] revocation"),
    ],
)
def test_wrong_profile_names_file_and_key(profile_of: ProfileOf, old: str, new: str, key: str | None) -> None:
    path = profile_of(SENDER)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ProfileError) as caught:
        Profile.load(path)
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert caught.value.field == (f"{path}: {key}" if key else str(path))


def test_missing_files_are_named_when_they_are_needed(profile_of: ProfileOf) -> None:
    path = profile_of(SENDER)
    (path.parent / "signing.p12").unlink()
    (path.parent.parent / "trust" / "agency-ca.pem").write_text("not a certificate")
    profile = Profile.load(path)
    with pytest.raises(ProfileError, match=r"signing\.p12"):
        profile.signing_key()
    with pytest.raises(ProfileError) as caught:
        profile.agency_trust()
    assert caught.value.field == f"{path}: [trust] agencies"


def test_wrong_password_is_an_error_of_the_profile(profile_of: ProfileOf) -> None:
    path = profile_of(SENDER)
    path.write_text(path.read_text("utf-8").replace("chỉ để thử", "sai"), "utf-8")
    with pytest.raises(ProfileError, match="wrong password"):
        Profile.load(path).signing_key()
