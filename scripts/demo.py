"""What does Lienthong do? The story of a few documents in a province of four tiers, on this machine, for real.

Starts `lienthong up` with the directory of Quảng Ngãi, then acts as the agencies' own systems through the client
library: every document below is signed, carried over RabbitMQ, verified at every hop, fetched, verified again by
its recipient and acknowledged with a signed receipt. Ends with one line of figures; exit code 0 only when every
delivery was handed over, every hop passed, and the forgery was refused.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta, timezone
from io import BytesIO
from pathlib import Path

import psutil
import yaml
from reportlab.pdfgen.canvas import Canvas
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.tree import Tree

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Priority
from lienthong.domain.evidence import ContentConsignmentFailure, EvidenceKind, Verdict
from lienthong.edxml.reader import parse
from lienthong.transit import records
from lienthong_client import Accepted, AgencyClient, Delivery, Draft, File, Refusal, Tracking

ROOT = Path(__file__).resolve().parent.parent
DIRECTORY = ROOT / "directory" / "quang-ngai.yaml"
VIETNAM = timezone(timedelta(hours=7))

COMMUNE = "H48.31.05"  # UBND xã Bình Thạnh
DEPARTMENT = "H48.11"  # Sở Thông tin và Truyền thông
NEIGHBOURS = ("H48.36.01", "H48.36.02")  # two communes of another district
PROVINCE = "H48"
READY_WITHIN = 180.0  # seconds, on a slow machine
ARRIVED_WITHIN = 120.0  # seconds
CLIENTS = 12  # agencies that fetch at the same time

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


class DemoFailed(Exception):
    """The story did not go as it should; the text says where."""


@dataclass(slots=True)
class Figures:
    """What the last line reports."""

    documents: int = 0
    handed_over: int = 0
    hops: int = 0
    failed: int = 0


class Province:
    """The running system, and a client for each agency as its own eOffice would have one."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Province:
        console.print("[bold]1. lienthong up[/]: a private RabbitMQ, the hub, a relay for every node")
        program = Path(sys.executable).with_name("lienthong")
        self._process = await asyncio.create_subprocess_exec(
            str(program),
            "up",
            "--state",
            str(self._state),
            "--directory",
            str(DIRECTORY),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            line = await asyncio.wait_for(self._lines().readline(), READY_WITHIN)
        except TimeoutError as error:
            raise DemoFailed(f"`lienthong up` was not ready within {READY_WITHIN:.0f} s") from error
        if not line.startswith(b"ready "):
            raise DemoFailed("`lienthong up` ended before it was ready; its messages are above")
        console.print(f"   [dim]{line.decode().strip()}[/]")
        return self

    def _lines(self) -> asyncio.StreamReader:
        if self._process is None or self._process.stdout is None:
            raise DemoFailed("`lienthong up` was not started")
        return self._process.stdout

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), 30)

    @contextmanager
    def relays_held(self) -> Iterator[None]:
        """The relay processes stopped in the middle of whatever they do but a write, and let go again."""
        if self._process is None:
            raise DemoFailed("`lienthong up` was not started")
        children = psutil.Process(self._process.pid).children(recursive=True)
        relays = [child for child in children if "relay" in child.cmdline()]
        for _ in range(100):
            for relay in relays:
                relay.suspend()
            if self._store_is_free():
                break
            for relay in relays:
                relay.resume()
            time.sleep(0.05)
        else:
            raise DemoFailed("the relays never stop writing")
        try:
            yield
        finally:
            for relay in relays:
                relay.resume()

    def _store_is_free(self) -> bool:
        """Whether the turn to write can be had: a relay stopped while it has it would hold up the hub as well."""
        deadline = time.monotonic() + 0.5
        with (self._state / "store.sqlite-turn").open("ab") as turn:
            while True:
                try:
                    fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.01)
                else:
                    return True

    def client(self, code: str) -> AgencyClient:
        """The agency's own client, from the profile `lienthong up` made for it."""
        return AgencyClient.from_profile(self._state / "agencies" / code / "profile.toml")


def pdf(title: str, lines: Iterable[str]) -> bytes:
    """A one-page PDF to send along."""
    out = BytesIO()
    canvas = Canvas(out)
    canvas.setFont("Helvetica-Bold", 14)
    canvas.drawString(72, 770, title)
    canvas.setFont("Helvetica", 11)
    for row, line in enumerate(lines):
        canvas.drawString(72, 740 - 16 * row, line)
    canvas.save()
    return out.getvalue()


async def commune_sends(province: Province) -> Accepted:
    """A commune's report, with a PDF, to a department and to two communes of another district."""
    console.print(
        "\n[bold]2. A commune sends[/] a report with a PDF to a department and two communes of another district"
    )
    attachment = File(
        name="05_BC-UBND.signed.pdf",
        content=pdf("BAO CAO", ["So: 05/BC-UBND", "Xa Binh Thanh, huyen Binh Son"]),
    )
    draft = Draft(
        to=(DEPARTMENT, *NEIGHBOURS),
        subject="Báo cáo kết quả gửi, nhận văn bản điện tử liên thông 4 cấp",
        code="05/BC-UBND",
        type="BC",
        files=(attachment,),
    )
    async with province.client(COMMUNE) as client:
        accepted = await client.send(draft)
    console.print(f"   accepted as [cyan]{accepted.document_id}[/], SHA-256 {accepted.sha256[:16]}…")
    return accepted


async def forgery_is_refused(province: Province) -> None:
    """One letter of a signed document is changed on the way to the hub."""
    console.print("\n[bold]3. A tampered copy[/]: one letter of the subject is changed after signing")
    draft = Draft(to=(DEPARTMENT,), subject="Báo cáo kết quả kiểm tra", code="06/BC-UBND", type="BC")
    async with province.client(COMMUNE) as client:
        await submit_forgery(client, await client.compose(draft))


async def submit_forgery(client: AgencyClient, signed: bytes) -> None:
    """Change the letter, submit, and expect SIGNATURE_INVALID."""
    forged = signed.replace("Báo cáo kết quả".encode(), "Báo cáo kết quà".encode(), 1)
    if forged == signed:
        raise DemoFailed("the forgery is not one")
    try:
        await client.submit(forged)
    except Refusal as refusal:
        console.print(f"   refused: [red]{refusal.code}[/] {refusal.message('en')}")
        console.print(f"   [dim]{refusal.message('vi')}. {refusal.remedy('vi')}[/]")
        if refusal.code != "SIGNATURE_INVALID":
            raise DemoFailed(f"the forgery was refused as {refusal.code}") from refusal
    else:
        raise DemoFailed("the forgery was accepted")


async def province_directs(province: Province, communes: Sequence[str]) -> Accepted:
    """A directive of the province to every commune, express."""
    console.print(f"\n[bold]4. The province sends[/] an urgent directive to all {len(communes)} communes")
    draft = Draft(
        to=communes,
        subject="V/v đẩy mạnh gửi, nhận văn bản điện tử liên thông 4 cấp trên địa bàn tỉnh",
        code="212/UBND-KGVX",
        priority=Priority.URGENT,
        files=(File(name="212_UBND-KGVX.signed.pdf", content=pdf("CONG VAN", ["So: 212/UBND-KGVX"])),),
    )
    async with province.client(PROVINCE) as client:
        accepted = await client.send(draft)
    console.print(
        f"   accepted as [cyan]{accepted.document_id}[/]: one copy per next node, not {len(communes)}"
    )
    return accepted


async def receive(province: Province, accepted: Accepted, recipients: Sequence[str]) -> None:
    """Each recipient's system waits for the document, verifies document and chain, and signs the receipt."""
    gate = asyncio.Semaphore(CLIENTS)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("   fetched, verified, acknowledged", total=len(recipients))

        async def one(code: str) -> None:
            async with gate, province.client(code) as client:
                async for item in client.watch_inbox():
                    if item.document.document_id == accepted.document_id:
                        break
                received = await client.fetch(item.delivery_id)
                await client.acknowledge(received)
            progress.advance(task)

        try:
            async with asyncio.timeout(ARRIVED_WITHIN):
                await asyncio.gather(*(one(code) for code in recipients))
        except TimeoutError as error:
            raise DemoFailed(f"not everybody had the document within {ARRIVED_WITHIN:.0f} s") from error
    who = "the recipient" if len(recipients) == 1 else f"{len(recipients)} recipients"
    console.print(f"   {who} fetched it, verified it and signed a receipt")


async def clerks_answer(province: Province, report: Accepted) -> None:
    """What the recipients' clerks say travels back as signed status packages, and the sender is told at once."""
    console.print(
        "\n[bold]5. The clerks answer[/]: the department registers the report, a commune refuses it"
    )
    seen: list[str] = []
    async with province.client(COMMUNE) as sender, asyncio.timeout(ARRIVED_WITHIN):
        changes = sender.watch_changes()
        first = asyncio.ensure_future(anext(changes))
        async with province.client(DEPARTMENT) as department:
            await department.set_status(report.document_id, "03", description="Vào sổ văn bản đến, số đến 87")
        async with province.client(NEIGHBOURS[1]) as neighbour:
            await neighbour.set_status(report.document_id, "02", description="Gửi nhầm nơi nhận")
        change = await first
        while True:
            if change.kind == "status" and change.document.document_id == report.document_id:
                seen.append(change.value)
                console.print(
                    f"   pushed: {change.delivery.recipient_name}: [cyan]{change.value}[/] {change.detail or ''}"
                )
            if {"02", "03"} <= set(seen):
                break
            change = await anext(changes)
        await changes.aclose()


async def recall_in_transit(province: Province) -> Accepted:
    """The commune takes a document back while the relays still have it: it never reaches the department."""
    console.print(
        "\n[bold]6. A recall on the way[/]: the relays are held for a moment, the commune changes its mind"
    )
    draft = Draft(to=(DEPARTMENT,), subject="Tờ trình (gửi nhầm)", code="07/TTr-UBND", type="TTr")
    async with province.client(COMMUNE) as client:
        with province.relays_held():
            accepted = await client.send(draft)
            recalled = await client.recall(accepted.document_id, "Nhầm phụ lục, sẽ gửi lại")
        if [one.delivery.state for one in recalled] != [DeliveryState.WITHDRAWN]:
            raise DemoFailed(f"the recall did not withdraw the document: {recalled}")
        evidence = await client.evidence(accepted.document_id)
    proof = [item for item in evidence.items if item.kind is EvidenceKind.CONTENT_CONSIGNMENT_FAILURE]
    if not proof:
        raise DemoFailed("no evidence tells that the document was stopped")
    failure = records.read(parse(proof[-1].xml))
    if not isinstance(failure, ContentConsignmentFailure):
        raise DemoFailed("the evidence is of another kind")
    console.print(
        f"   withdrawn before it arrived; signed evidence: stopped at [cyan]{failure.node}[/], {failure.reason}"
    )
    return accepted


async def update_of_the_report(province: Province, report: Accepted) -> Accepted:
    """The report is corrected: an update package that names it, answered by the department."""
    console.print("\n[bold]7. An update[/]: the commune corrects its report, the department agrees (15)")
    corrected = File(name="05_BC-UBND.v2.signed.pdf", content=pdf("BAO CAO (sua)", ["So: 05/BC-UBND"]))
    draft = Draft(
        to=(DEPARTMENT,),
        subject="Báo cáo kết quả gửi, nhận văn bản điện tử liên thông 4 cấp (đã sửa)",
        code="05/BC-UBND",
        type="BC",
        files=(corrected,),
    )
    async with province.client(COMMUNE) as client:
        update = await client.update(report.document_id, draft, "Sửa số liệu bảng 2")
    await receive(province, update, (DEPARTMENT,))
    async with province.client(DEPARTMENT) as department:
        await department.set_status(report.document_id, "15", description="Đồng ý cập nhật")
    return update


async def trace(
    province: Province,
    sender: str,
    accepted: Accepted,
    figures: Figures,
    *,
    wanted: DeliveryState = DeliveryState.HANDED_OVER,
) -> Tracking:
    """The sender's own view, counted into the figures; a delivery that ended otherwise than `wanted` has failed."""
    async with province.client(sender) as client:
        tracking = await client.track(accepted.document_id)
    figures.documents += 1
    nodes = {hop.node: hop.verdict for delivery in tracking.deliveries for hop in delivery.hops}
    figures.hops += sum(verdict is Verdict.PASSED for verdict in nodes.values())
    figures.failed += sum(verdict is not Verdict.PASSED for verdict in nodes.values())
    for delivery in tracking.deliveries:
        figures.handed_over += delivery.state is DeliveryState.HANDED_OVER
        figures.failed += delivery.state is not wanted
    return tracking


def show_trace(tracking: Tracking) -> None:
    """Hop by hop, as a tree: who received it when, and what its verification said."""
    document = tracking.document
    tree = Tree(f"[bold]{document.code_number}/{document.code_notation}[/] {document.subject}")
    for delivery in tracking.deliveries:
        add_delivery(tree, delivery)
    console.print(tree)


def add_delivery(tree: Tree, delivery: Delivery) -> None:
    """One recipient's branch."""
    status = f", status {delivery.status}" if delivery.status else ""
    branch = tree.add(f"{delivery.recipient} {delivery.recipient_name}: [green]{delivery.state}[/]{status}")
    for hop in delivery.hops:
        at = hop.received_at.astimezone(VIETNAM).strftime("%H:%M:%S.%f")[:-3] if hop.received_at else "?"
        branch.add(
            f"{hop.sequence}. {at}  [green]{hop.verdict}[/]  {hop.tier:<10} {hop.node:<10} {hop.node_name}"
        )


def show_fan_out(tracking: Tracking) -> None:
    """The directive by district: too many branches for a tree."""
    districts: Counter[str] = Counter()
    times: dict[str, float] = {}
    for delivery in tracking.deliveries:
        district = delivery.hops[1]
        districts[f"{district.node} {district.node_name}"] += 1
        start, end = delivery.hops[0].received_at, delivery.hops[-1].received_at
        if start and end:
            key = f"{district.node} {district.node_name}"
            times[key] = max(times.get(key, 0.0), (end - start).total_seconds())
    table = Table(title=f"{tracking.document.code_number}/{tracking.document.code_notation}, by district")
    table.add_column("district")
    table.add_column("communes", justify="right")
    table.add_column("last arrival after", justify="right")
    for name, count in sorted(districts.items()):
        table.add_row(name, str(count), f"{times.get(name, 0.0):.2f} s")
    console.print(table)


def communes_of(file: Path) -> list[str]:
    """Every active commune of the directory, test agencies left out."""
    agencies = yaml.safe_load(file.read_text("utf-8"))["agencies"]
    return [
        agency["code"]
        for agency in agencies
        if agency["tier"] == "commune"
        and agency.get("status", "active") == "active"
        and agency.get("environment", "production") == "production"
    ]


async def story(state: Path) -> Figures:
    """The whole of it."""
    figures = Figures()
    communes = communes_of(DIRECTORY)
    async with Province(state) as province:
        report = await commune_sends(province)
        await receive(province, report, (DEPARTMENT, *NEIGHBOURS))
        await forgery_is_refused(province)
        directive = await province_directs(province, communes)
        await receive(province, directive, communes)
        await clerks_answer(province, report)
        recalled = await recall_in_transit(province)
        update = await update_of_the_report(province, report)
        console.print("\n[bold]8. Where each document is[/], as its sender sees it (times +07:00)")
        show_trace(await trace(province, COMMUNE, report, figures))
        show_trace(await trace(province, COMMUNE, recalled, figures, wanted=DeliveryState.WITHDRAWN))
        show_trace(await trace(province, COMMUNE, update, figures))
        show_fan_out(await trace(province, PROVINCE, directive, figures))
    return figures


def main() -> int:
    """Run the story; 0 when all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=ROOT / "state" / "demo", help="made anew by each run")
    state: Path = parser.parse_args().state
    if state.exists():
        shutil.rmtree(state)
    began = time.monotonic()
    try:
        figures = asyncio.run(story(state))
    except (DemoFailed, Refusal) as error:
        console.print(f"[bold red]demo failed:[/] {error}")
        return 1
    console.print(
        f"[dim]{time.monotonic() - began:.0f} s; look around: lienthong up --state {relative(state)}[/]"
    )
    print(  # noqa: T201 - the line that programs read
        f"demo: {figures.documents} documents, {figures.handed_over} deliveries handed over, "
        f"{figures.hops} hops verified, {figures.failed} failed"
    )
    return 1 if figures.failed else 0


def relative(path: Path) -> str:
    """As a person at the repository's root would type it."""
    return re.sub(rf"^{re.escape(str(Path.cwd()))}/", "", str(path))


if __name__ == "__main__":
    sys.exit(main())
