"""How does a write that every document makes cost little more than the database's own work?

SQLAlchemy spends some 120 microseconds around each statement, several times what the driver needs. A `Prepared`
statement is compiled once for each dialect, with the conversions of its columns, and then given to the driver as it
is, on the connection and in the transaction of whoever runs it. For the few statements of the busiest paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One dialect's text, and how its parameters are made of values by name."""

    text: str
    names: tuple[str, ...]  #: in the order of the text where the driver counts places
    fixed: dict[str, Any]  #: parameters that are part of the statement
    converts: dict[str, Convert]
    positional: bool

    def parameters(self, values: Values) -> Any:  # noqa: ANN401 - a tuple or a dict, as the driver likes
        converts, fixed = self.converts, self.fixed
        made = []
        for name in self.names:
            value = values[name] if name in values else fixed[name]
            convert = converts.get(name)
            made.append(value if convert is None else convert(value))
        return tuple(made) if self.positional else dict(zip(self.names, made, strict=True))


class Prepared:
    """A statement with bound parameters; for an INSERT, `columns` are those that are given."""

    def __init__(self, make: Callable[[str], sa.Executable], *, columns: Sequence[str] | None = None) -> None:
        """`make` builds the statement for a dialect by its name."""
        self._make = make
        self._columns = None if columns is None else list(columns)
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: sa.Connection, values: Values) -> Any:  # noqa: ANN401 - the driver's cursor
        """Run it once; the driver's cursor, with its rows and its count of rows."""
        compiled = self._for(connection)
        cursor = _driver(connection).cursor()
        cursor.execute(compiled.text, compiled.parameters(values))
        return cursor

    def run_many(self, connection: sa.Connection, many: Sequence[Values]) -> None:
        """Run it for each of `many`."""
        compiled = self._for(connection)
        cursor = _driver(connection).cursor()
        if len(many) == 1:
            cursor.execute(compiled.text, compiled.parameters(many[0]))
        else:
            cursor.executemany(compiled.text, [compiled.parameters(values) for values in many])
        cursor.close()

    def _for(self, connection: sa.Connection) -> _Compiled:
        name = connection.dialect.name
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = _compile(self._make(name), connection.dialect, self._columns)
        return found


def say(connection: sa.Connection, words: str) -> None:
    """Give the driver a command without parameters, SAVEPOINT for example."""
    cursor = _driver(connection).cursor()
    cursor.execute(words)
    cursor.close()


def _driver(connection: sa.Connection) -> Any:  # noqa: ANN401 - sqlite3's or psycopg's connection
    return connection.connection.driver_connection


def _compile(statement: sa.Executable, dialect: sa.Dialect, columns: list[str] | None) -> _Compiled:
    made = statement.compile(dialect=dialect, column_keys=columns)  # type: ignore[attr-defined]
    converts = {}
    for name, bind in made.binds.items():
        convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None:
            converts[name] = convert
    return _Compiled(
        text=str(made),
        names=tuple(made.positiontup if made.positional else made.binds),
        fixed={name: bind.value for name, bind in made.binds.items() if not bind.required},
        converts=converts,
        positional=made.positional,
    )
