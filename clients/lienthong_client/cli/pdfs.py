"""How the signatures inside PDFs are shown: `fetch` and `verify` alike."""

from __future__ import annotations

from collections.abc import Iterable

from lienthong.signing.pdf import PdfReport, PdfSignature
from lienthong_client.cli import shapes
from lienthong_client.cli.output import Output, clean, local_time, styled


def shape(reports: Iterable[PdfReport]) -> list[shapes.Json]:
    """`pdfs` in the answers."""
    return [
        {
            "name": report.name,
            "problem": report.problem,
            "signatures": [
                {
                    "field": one.field,
                    "signer": one.signer,
                    "organization": one.organization,
                    "certificate_sha256": one.certificate_sha256,
                    "signed_at": shapes.moment(one.signed_at),
                    "intact": one.intact,
                    "trusted": one.trusted,
                    "last": one.last,
                    "problem": one.problem,
                }
                for one in report.signatures
            ],
        }
        for report in reports
    ]


def tell(reports: Iterable[PdfReport], output: Output) -> None:
    """A line for each PDF and each of its signatures."""
    words = output.words
    for report in reports:
        if report.problem is not None:
            text = clean(report.problem)
        else:
            text = words("pdf_signatures", count=len(report.signatures))
        output.show(f"  {clean(report.name)}: {text}")
        for one in report.signatures:
            _tell_signature(one, output)


def _tell_signature(one: PdfSignature, output: Output) -> None:
    words = output.words
    verdict = "PASSED" if one.trusted else "INDETERMINATE" if one.intact else "FAILED"
    mark = {"PASSED": "✓", "INDETERMINATE": "?", "FAILED": "✗"}[verdict]
    key = {"PASSED": "pdf_good", "INDETERMINATE": "pdf_untrusted", "FAILED": "pdf_broken"}[verdict]
    signer = f"{one.signer} ({one.organization})" if one.organization else one.signer
    text = words(key, signer=clean(signer), at=local_time(one.signed_at) or "-")
    line = styled(f"    {mark} ", verdict).append(text, style="default not bold")
    if one.problem:
        line.append(f"  {clean(one.problem)}", style="default not bold dim")
    output.show(line)
