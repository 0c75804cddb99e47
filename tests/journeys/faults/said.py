"""What services have said, kept on disk: a million events lead to some gigabytes of it."""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import orjson
from aiokafka import ConsumerRecord


class Said(NamedTuple):
    """A record of a service, as a subscriber sees it."""

    key: str
    packed_headers: bytes
    value: bytes

    @classmethod
    def of(cls, record: ConsumerRecord) -> "Said":
        return cls((record.key or b"").decode(), msgpack.packb(record.headers), record.value or b"")

    @property
    def payload(self) -> dict[str, Any]:
        loaded: dict[str, Any] = orjson.loads(self.value)
        return loaded

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return bytes(dict(msgpack.unpackb(self.packed_headers))["ce_type"]).decode()

    @property
    def is_by_time(self) -> bool:
        """Whether time alone brought it about, and no event."""
        return "ce_causationid" not in dict(msgpack.unpackb(self.packed_headers))


class Topics(Mapping[str, "Records"]):
    """All that was said in a run, by topic, in one file."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        # nobody opens it again: what a crash of this process leaves is worth nothing
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("BEGIN")  # one transaction for all, which nobody commits
        self._topics: dict[str, Records] = {}

    def __getitem__(self, name: str) -> "Records":
        """A topic on which nothing was said is empty."""
        if name not in self._topics:
            self._topics[name] = Records(self._database, name)
        return self._topics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._topics)

    def __len__(self) -> int:
        return len(self._topics)

    def close(self) -> None:
        self._database.close()


class Records(Mapping[str, Said]):
    """Those of one topic, by id, in the order in which they were first said (per partition)."""

    def __init__(self, database: sqlite3.Connection, name: str) -> None:
        self._database = database
        self._table = f'"{name}"'
        self._last: dict[str, str] = {}
        database.execute(
            f"CREATE TABLE {self._table} (id TEXT UNIQUE, key TEXT, headers BLOB, value BLOB)"
        )

    def keep(self, id: str, said: Said) -> Said:
        """Called in order of offset; returns what was said first under this id."""
        self._last[said.key] = id
        insert = f"INSERT OR IGNORE INTO {self._table} VALUES (?, ?, ?, ?)"  # noqa: S608 (the catalogue's names)
        is_first = self._database.execute(insert, (id, *said)).rowcount == 1
        return said if is_first else self[id]

    def present(self) -> Iterator[tuple[str, Said]]:
        """The last record of each key: what a subscriber of a state topic is left with."""
        return ((key, self[id]) for key, id in self._last.items())

    def __getitem__(self, id: str) -> Said:
        for row in self._select("key, headers, value", "WHERE id = ?", id):
            return Said(*row)
        raise KeyError(id)

    def __iter__(self) -> Iterator[str]:
        return (id for (id,) in self._select("id", "ORDER BY rowid"))

    def __len__(self) -> int:
        [(count,)] = self._select("count(*)", "")
        return int(count)

    def _select(self, columns: str, which: str, *values: str) -> sqlite3.Cursor:
        return self._database.execute(f"SELECT {columns} FROM {self._table} {which}", values)  # noqa: S608 (no value)
