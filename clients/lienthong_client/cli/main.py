"""The program `lienthong-agency`: its global options and the list of its commands."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lienthong_client.cli import (
    ack,
    agencies,
    agent,
    check,
    evidence,
    fetch,
    figures,
    inbox,
    late,
    recall,
    send,
    sign,
    status,
    submit,
    track,
    upload,
    verify,
    watch,
)
from lienthong_client.cli.output import Output
from lienthong_client.cli.program import ListCommand, Program, fold
from lienthong_client.cli.session import Session
from lienthong_client.cli.words import Words, default_language

HELP = """\
Send and receive signed official documents over Lienthong.

A [b]profile[/b] says who you are, where the hub is, which key signs and whom you trust. Global options may stand
before or after the command.
"""

EPILOG = """[b]Examples[/b]

  lienthong-agency send --to H48.31.05 --subject "Mời họp" --attach a.pdf --code 12/UBND-VP

  lienthong-agency inbox

  lienthong-agency fetch DELIVERY in/   &&   lienthong-agency ack DELIVERY

  lienthong-agency verify in/           (offline)

[b]Exit codes[/b]: 0 done, 2 wrong usage, 3 refused or not verified, 4 hub unreachable.
"""

app = typer.Typer(
    name="lienthong-agency",
    cls=Program,
    help=fold(HELP),
    epilog=fold(EPILOG),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback()
def program(
    context: typer.Context,
    profile: Annotated[
        Path,
        typer.Option(
            envvar="LIENTHONG_PROFILE",
            metavar="FILE",
            help="The agency's profile.",
            show_default="./profile.toml",
        ),
    ] = Path("profile.toml"),
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (lists: one per line) for programs.")
    ] = False,
    lang: Annotated[
        str,
        typer.Option(
            metavar="vi|en",
            envvar="LIENTHONG_LANG",
            help="Language of the messages.",
            show_default="from the locale",
        ),
    ] = "",
) -> None:
    """Make the session the command works with."""
    if lang and lang not in ("vi", "en"):
        raise typer.BadParameter(f"{lang!r} is not vi or en", param_hint="'--lang'")
    words = Words("vi" if lang == "vi" else "en" if lang == "en" else default_language())
    context.obj = Session(profile, Output(as_json=json, words=words))


app.command("sign", epilog=fold(sign.EPILOG))(sign.sign)
app.command("submit", cls=ListCommand, epilog=fold(submit.EPILOG))(submit.submit)
app.command("upload", epilog=fold(upload.EPILOG))(upload.upload)
app.command("check", epilog=fold(check.EPILOG))(check.check)
app.command("send", cls=ListCommand, epilog=fold(send.EPILOG))(send.send)
app.command("inbox", epilog=fold(inbox.EPILOG))(inbox.inbox)
app.command("fetch", epilog=fold(fetch.EPILOG))(fetch.fetch)
app.command("ack", epilog=fold(ack.EPILOG))(ack.ack)
app.command("track", epilog=fold(track.EPILOG))(track.track)
app.command("late", epilog=fold(late.EPILOG))(late.late)
app.command("figures", epilog=fold(figures.EPILOG))(figures.figures)
app.command("status", epilog=fold(status.EPILOG))(status.status)
app.command("recall", cls=ListCommand, epilog=fold(recall.EPILOG))(recall.recall)
app.command("watch", epilog=fold(watch.EPILOG))(watch.watch)
app.command("verify", epilog=fold(verify.EPILOG))(verify.verify)
app.command("evidence", cls=ListCommand, epilog=fold(evidence.EPILOG))(evidence.evidence)
app.command("agent", epilog=fold(agent.EPILOG))(agent.agent)
app.add_typer(agencies.app, name="agencies")


def main() -> None:
    """Entry point. Arguments and output are UTF-8 whatever the locale says: names of agencies need it."""
    if sys.getfilesystemencoding() != "utf-8" and os.name == "posix":
        command = [sys.executable, "-X", "utf8", "-m", "lienthong_client.cli.main", *sys.argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - ourselves again, in UTF-8 mode
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    app(prog_name="lienthong-agency")


if __name__ == "__main__":
    main()
