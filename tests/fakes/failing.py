"""How a fake fails when a test wants it to: before its work, or after it with the answer lost."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
Fake = TypeVar("Fake", bound="Failing")


class Failing:
    """A fake with `fail_next`."""

    def __init__(self) -> None:
        self.failures: dict[str, list[tuple[BaseException, bool]]] = {}

    def fail_next(self, method: str, error: BaseException, *, after: bool = False) -> None:
        """Make the next call of `method` raise `error`; `after` its work when wanted. Calls may queue up."""
        self.failures.setdefault(method, []).append((error, after))


def may_fail(
    method: Callable[Concatenate[Fake, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Fake, P], Coroutine[Any, Any, T]]:
    """Let `fail_next` reach this method."""

    @functools.wraps(method)
    async def run(self: Fake, *args: P.args, **kw: P.kwargs) -> T:
        planned = self.failures.get(method.__name__)
        if not planned:
            return await method(self, *args, **kw)
        error, after = planned.pop(0)
        if after:
            await method(self, *args, **kw)
        raise error

    return cast("Callable[Concatenate[Fake, P], Coroutine[Any, Any, T]]", run)  # still a plain method
