"""What did a verification find, step by step? For people: the command line, the console and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from cryptography import x509

from lienthong.domain.evidence import Verdict
from lienthong.errors import Code, Refusal

#: number -> name of each step, the same numbers as in verify.py and docs/verification.md
STEPS: dict[int, str] = {
    0: "bounds",
    1: "parse",
    2: "root",
    3: "place",
    4: "coverage",
    5: "algorithms",
    6: "certificate",
    7: "revocation",
    8: "cryptography",
    9: "signing certificate",
    10: "sender",
    11: "package",
}

#: what an exception from below means when it is not a Refusal yet
_FALLBACK: dict[int, Code] = {
    0: Code.XML_MALFORMED,
    1: Code.XML_MALFORMED,
    2: Code.XML_NOT_EDXML,
    3: Code.SIGNATURE_COVERAGE,
    4: Code.SIGNATURE_COVERAGE,
    5: Code.SIGNATURE_ALGORITHM_REFUSED,
    6: Code.CERTIFICATE_UNTRUSTED,
    7: Code.REVOCATION_UNKNOWN,
    8: Code.SIGNATURE_INVALID,
    9: Code.SIGNATURE_INVALID,
    10: Code.SIGNER_NOT_SENDER,
    11: Code.SCHEMA_INVALID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed, by the certificate; `signing_time` is the signer's claim, proven by nobody."""

    certificate: x509.Certificate
    sha256: str  #: of the certificate's DER, lower-case hex
    subject: str
    signing_time: datetime | None
    identity: str | None  #: the SAN URI urn:lienthong:…


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One numbered step: outcome None means it was not reached."""

    number: int
    name: str
    outcome: Verdict | None
    code: Code | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict in the words of ETSI EN 319 102-1, every step, and the refusal where there is one."""

    verdict: Verdict
    steps: tuple[Step, ...]
    signer: Signer | None
    refusal: Refusal | None


_OPEN: dict[int, Step] = {
    number: Step(number=number, name=name, outcome=None) for number, name in STEPS.items()
}
_PASSED: dict[int, Step] = {
    number: Step(number=number, name=name, outcome=Verdict.PASSED) for number, name in STEPS.items()
}


class Trail:
    """Notes each step's outcome while a verification runs, and is its one exception boundary.

    Whatever is raised inside a `step` leaves it as a `Refusal`, all but MemoryError: lxml and cryptography answer
    hostile input with TypeError, ValueError, AttributeError, NotImplementedError and more, and none of them may pass
    as a fault of ours.
    """

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self.signer: Signer | None = None
        self._numbers = numbers
        self._running = numbers[0]
        self._noted: dict[int, Step] = {}
        self._refusal: Refusal | None = None

    def step(self, number: int) -> Trail:
        """Run step `number` in a `with` block, one at a time. Raises `Refusal` only."""
        self._running = number
        return self

    def __enter__(self) -> None:
        """Nothing is noted before the step has ended."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note how the step ended; what is no refusal yet becomes one."""
        number = self._running
        if error is None:
            self._noted.setdefault(number, _PASSED[number])
        elif isinstance(error, Refusal):
            self._fail(number, error)
        elif isinstance(error, Exception) and not isinstance(
            error, MemoryError
        ):  # that is this machine's trouble
            typed = Refusal(_FALLBACK[number], field="Signature", detail=f"step {number}, {STEPS[number]}")
            self._fail(number, typed)
            raise typed from error

    def leave_open(self, number: int, detail: str) -> None:
        """Step `number` cannot be decided with what is known here: INDETERMINATE, and no refusal."""
        self._note(number, Verdict.INDETERMINATE, detail=detail)

    def _fail(self, number: int, refusal: Refusal) -> None:
        verdict = Verdict.INDETERMINATE if refusal.retryable else Verdict.FAILED
        self._note(number, verdict, refusal.code, refusal.detail)
        self._refusal = refusal

    def _note(
        self, number: int, verdict: Verdict, code: Code | None = None, detail: str | None = None
    ) -> None:
        self._noted[number] = Step(
            number=number, name=STEPS[number], outcome=verdict, code=code, detail=detail
        )

    def report(self) -> Report:
        """What was found so far."""
        steps = tuple(self._noted.get(number) or _OPEN[number] for number in self._numbers)
        outcomes = {step.outcome for step in steps}
        if Verdict.FAILED in outcomes:
            verdict = Verdict.FAILED
        elif outcomes == {Verdict.PASSED}:
            verdict = Verdict.PASSED
        else:
            verdict = Verdict.INDETERMINATE
        return Report(verdict=verdict, steps=steps, signer=self.signer, refusal=self._refusal)
