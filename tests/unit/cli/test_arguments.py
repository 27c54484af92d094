"""Are arguments judged before a hub is looked for? None runs here, and none is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lienthong.cli import arguments as forms
from lienthong.rpc.admin import MAX_PEM
from tests.fakes.ports import free_port
from tests.fakes.transport_pki import TransportAuthority
from tests.unit.cli.test_operators_commands import invoke

WRONG = [
    (["figures", "--month", "nonsense"], "month"),
    (["figures", "--month", "2026-13"], "month"),
    (["documents", "late", "--sender", "H48..31"], "sender"),
    (["documents", "unfetched", "--recipient", "../H48"], "recipient"),
    (["documents", "find", "--delivery-state", "LOST"], "delivery_state"),
    (["documents", "find", "--since", "yesterday"], "date"),
    (["documents", "find", "--since", "2026-03-02", "--until", "2026-03-01"], "since"),
    (["documents", "show", " "], "document"),
    (["events", "--document", " "], "document"),
    (["quarantine", "release", "1", "--reason", " "], "reason"),
    (["dead-letters", "show", "1", "--message", "no/such/folder/message"], "message"),
    (["agencies", "list", "--on", "2026-02-30"], "on"),
    (["agencies", "add", "a/b", "--name", "x", "--tier", "commune", "--reason", "x"], "code"),
    (["agencies", "add", "H1", "--name", "x", "--tier", "t", "--valid-from", "1.7.2025", "--reason", "x"],
     "valid_from"),
    (["agencies", "import", "directory.yaml", "--on", "20250701"], "on"),
    (["agencies", "import", "latin.csv"], "file"),
    (["agencies", "close", "H48.31", "--successor", "?", "--reason", "x"], "successor"),
    (["agencies", "lock", "H48.31", "--until", "soon", "--reason", "x"], "until"),
    (["agencies", "merge", "H48.31", "H48 32", "--into", "H48.107", "--reason", "x"], "codes"),
    (["agencies", "move", "H48.31", "--root", "--on", "2025-W27-2", "--reason", "x"], "on"),
    (["agencies", "plans", "list", "--on", "July"], "on"),
    (["agencies", "plans", "withdraw", "--all", "--on", "July", "--reason", "x"], "on"),
    (["agencies", "groups", "put", "Ven Bien", "H48.31"], "name"),
    (["agencies", "groups", "put", "ven-bien", "@"], "members"),
    (["agencies", "groups", "show", "@a:b:c:d"], "expression"),
    (["agencies", "groups", "delete", "Ven Bien"], "name"),
    (["certificates", "list", "a b"], "agency"),
    (["certificates", "bind", "directory.yaml", "--agency", "H48.31"], "file"),
    (["certificates", "bind", "tls.pem", "--agency", "H48.31", "--purpose", "both"], "purpose"),
    (["certificates", "revoke", "3f9a", "--reason", "x"], "sha256"),
    (["evidence", "export", "1", "no/such/folder/evidence.zip"], "OUT"),
]  # fmt: skip


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's profile for a hub that is down, beside some files."""
    for name in ("LIENTHONG_STATE", "LIENTHONG_OPERATOR_PROFILE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    authority = TransportAuthority()
    operator = authority.issue("operator")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "tls.pem").write_bytes(operator.certificate)
    (tmp_path / "tls.key").write_bytes(operator.key)
    (tmp_path / "directory.yaml").write_text("agencies: [{code: H48, name: UBND, tier: province}]")
    (tmp_path / "latin.csv").write_bytes("code,name,tier\nH1,Xã,commune\n".encode("latin-1"))
    made = tmp_path / "profile.toml"
    made.write_text(
        f'[hub]\naddress = "127.0.0.1:{free_port()}"\nca = "ca.pem"\ncertificate = "tls.pem"\nkey = "tls.key"\n'
    )
    monkeypatch.chdir(tmp_path)
    return made


@pytest.mark.parametrize(
    ("arguments", "field"), WRONG, ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None
)
async def test_judged_before_the_hub_is_looked_for(profile: Path, arguments: list[str], field: str) -> None:
    answer = await invoke("--profile", str(profile), "--json", *arguments)
    assert answer.code == 2, answer
    (row,) = answer.rows
    assert (row["error"]["code"], row["error"]["field"]) == ("ARGUMENT_INVALID", field)


@pytest.mark.parametrize("days", ["-1", "99999999999"])
async def test_days_have_bounds(profile: Path, days: str) -> None:
    assert (await invoke("--profile", str(profile), "documents", "late", "--days", days)).code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["figures", "--month", "2026-03"],
        ["documents", "find", "--delivery-state", "consigned", "--sender", "000.00.31.H48"],
        ["agencies", "close", "H48.31", "--on", "2025-07-01", "--reason", "x"],
        ["certificates", "revoke", ":".join(["3F"] * 32), "--reason", "token lost"],
        ["certificates", "bind", "tls.pem", "--agency", "H48.31"],
    ],
)
async def test_right_arguments_wait_for_the_hub(profile: Path, arguments: list[str]) -> None:
    answer = await invoke("--profile", str(profile), "--json", *arguments)
    assert answer.code == 4, answer
    assert answer.rows[0]["error"]["code"] == "UNAVAILABLE"


def test_the_hubs_own_bounds_are_the_ones_judged_by() -> None:
    assert forms.MAX_PEM == MAX_PEM
