"""A file of rows, read as a stream: each row with its line and its text as it stands there.

A row that cannot be read is handed on with the reason, and reading goes on with the next.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Literal, NamedTuple

from careline_cli.json_lines import Steps, read_line, steps

Format = Literal["csv", "tsv", "whitespace", "jsonl"]

MAX_LINE_CHARACTERS = 1_000_000
"""A longer line is cut there, so that a file without line ends cannot fill the memory."""
FOREIGN_BYTES = "not written in the mapping's encoding"
Cells = dict[str, str]


class Row(NamedTuple):
    """One row: its first line's number, its text, and either its cells or what is wrong."""

    line: int
    text: str
    cells: Cells
    flaw: str = ""


class Layout(NamedTuple):
    """How a file is written."""

    format: Format
    columns: tuple[str, ...] = ()
    """The columns' names, where the file has no header."""
    delimiter: str = ""
    encoding: str = "utf-8-sig"


class UnreadableFile(Exception):
    """The file as a whole cannot be read as the mapping says."""


class Rows:
    """The rows of one file, and how far into it they have been read."""

    def __init__(self, path: Path, layout: Layout, *, needs: Collection[str] = ()) -> None:
        self.path = path
        self.layout = layout
        self._needs = needs
        self.unseen = set(needs) if layout.format == "jsonl" else set()
        """Columns that no row has had so far; only JSON lines may leave one out."""
        self.total_bytes = path.stat().st_size
        self._file: IO[bytes] | None = None

    @property
    def read_bytes(self) -> int:
        """Bytes of the file (as it lies on the disk) read so far."""
        if self._file is None:
            return 0
        return self.total_bytes if self._file.closed else self._file.tell()

    def __iter__(self) -> Iterator[Row]:
        with self.path.open("rb") as self._file:
            raw: IO[bytes] = self._file
            if self.path.suffix == ".gz":
                raw = gzip.GzipFile(fileobj=self._file)  # type: ignore[assignment]
            read = self._json_rows if self.layout.format == "jsonl" else self._rows
            try:
                yield from read(_Lines(_decoded(raw, self.layout.encoding)))
            except (OSError, EOFError, zlib.error, UnicodeError) as error:
                raise UnreadableFile(f"{self.path.name}: {error}") from error

    def _rows(self, lines: "_Lines") -> Iterator[Row]:
        cells_of_rows = self._cells(lines)
        columns = self.layout.columns
        if columns:
            self._check_columns(columns)
        while True:
            lines.start_row()
            try:
                cells = next(cells_of_rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(lines.first, lines.text, {}, f"not readable as a row: {error}")
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = self._header(cells)
                continue
            yield _row(lines, columns, cells)

    def _json_rows(self, lines: "_Lines") -> Iterator[Row]:
        places = {column: steps(column) for column in self._needs}
        lines.start_row()
        for line in lines:
            if line.strip():
                yield self._json_row(lines, places)
            lines.start_row()

    def _json_row(self, lines: "_Lines", places: Mapping[str, Steps]) -> Row:
        if lines.has_foreign_bytes:
            return Row(lines.first, lines.text, {}, FOREIGN_BYTES)
        try:
            found = read_line(lines.text, places)
        except ValueError as error:
            return Row(lines.first, lines.text, {}, str(error))
        self.unseen.difference_update(found)
        return Row(lines.first, lines.text, dict.fromkeys(places, "") | found)

    def _header(self, cells: list[str]) -> tuple[str, ...]:
        names = tuple(cell.strip() for cell in cells)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UnreadableFile(f"{self.path.name}: two columns are called {twice[0]!r}")
        self._check_columns(names)
        return names

    def _check_columns(self, names: tuple[str, ...]) -> None:
        missing = sorted(set(self._needs) - set(names))
        if missing:
            has = ", ".join(names)
            # of another kind of file, its bytes: a terminal would obey them
            has = f"it has {has}" if has.isprintable() else "its first line is no text"
            raise UnreadableFile(f"{self.path.name} has no column {', '.join(missing)}; {has}")

    def _cells(self, lines: "_Lines") -> Iterator[list[str]]:
        if self.layout.format == "whitespace":
            return (line.split() for line in lines)
        delimiter = self.layout.delimiter or {"csv": ",", "tsv": "\t"}[self.layout.format]
        return csv.reader(lines, delimiter=delimiter)


def _row(lines: "_Lines", columns: tuple[str, ...], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        flaw = f"{len(columns)} columns expected, {len(cells)} found"
    elif lines.has_foreign_bytes:
        flaw = FOREIGN_BYTES
    else:
        stripped = (cell.strip() for cell in cells)
        return Row(lines.first, lines.text, dict(zip(columns, stripped, strict=True)))
    return Row(lines.first, lines.text, {}, flaw)


class _Lines:
    """Lines counted, with the text of the row being read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._number = 0
        self._texts: list[str] = []
        self.first = 0

    def start_row(self) -> None:
        self.first = self._number + 1
        self._texts.clear()

    @property
    def text(self) -> str:
        return "".join(self._texts).rstrip("\r\n")

    @property
    def has_foreign_bytes(self) -> bool:
        return not self.text.isascii() and any("\udc80" <= char <= "\udcff" for char in self.text)

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self._texts.append(line)
        return line


def _decoded(raw: IO[bytes], encoding: str) -> Iterator[str]:
    """Text lines; bytes that are not of the encoding stay as lone surrogates, to be refused."""
    with io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="") as text:
        while line := text.readline(MAX_LINE_CHARACTERS):
            yield line
