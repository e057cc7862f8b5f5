"""Every fault of a catalogue folder, with file, row and how to fix it; nothing is changed or dropped."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.errors
from tqdm import tqdm

from mmrec.data import media, schema
from mmrec.errors import MediaError

UNDECODED = "\ufffd"
"""Stands where bytes are no UTF-8; cells with it cannot be compared."""
MOST_BROKEN = 100
"""Lines with broken quotes after which the rest of a file is not read."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        file: name within the folder.
        row: line of the file on which the row begins (the header is line 1); None for the whole file.
        column: which column, or ''.
        code: short name of the kind of fault.
        problem: what is wrong.
        fix: how to fix it.
    """

    file: str
    row: int | None
    column: str
    code: str
    problem: str
    fix: str

    def __str__(self) -> str:
        place = self.file + (f", row {self.row}" if self.row else "") + (f", {self.column}" if self.column else "")
        return f"{place}: {self.problem}; {self.fix}"


@dataclass
class Table:
    """A CSV file as text, with the line on which each row begins and whether the row is usable."""

    frame: pd.DataFrame
    lines: np.ndarray
    good: np.ndarray


@dataclass
class Report:
    """What ``validate`` found, and the tables as they were read."""

    folder: Path
    faults: list[Fault] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the catalogue is sound."""
        return not self.faults

    def as_text(self, most: int | None = None) -> str:
        """A line a fault, the first ``most`` of them."""
        lines = [str(fault) for fault in self.faults[:most]]
        if most is not None and len(self.faults) > most:
            lines.append(f"... and {len(self.faults) - most} more: 'mmrec validate {self.folder}' lists all")
        return "\n".join(lines)

    def as_json(self) -> str:
        """The same for programs."""
        faults = [asdict(fault) for fault in self.faults]
        return json.dumps({"folder": str(self.folder), "ok": self.ok, "faults": faults}, ensure_ascii=False, indent=2)

    def add(self, file: str, rows: Iterable[int], column: str, code: str, problem: str, fix: str) -> None:
        """Note a fault for each of the given positions in a table, and mark those rows as unusable."""
        table = self.tables[file]
        for row in rows:
            table.good[row] = False
            value = str(table.frame[column].iat[row]) if column in table.frame else ""
            said = f"{value[:60]!r} {problem}"
            self.faults.append(Fault(file, int(table.lines[row]), column, code, said, fix))


def validate(folder: Path | str, *, decode: bool = True, progress: bool = False) -> Report:
    """Check a catalogue folder.

    Args:
        folder: what should be a catalogue.
        decode: decode every picture and sound in full; otherwise read only their headers.
        progress: show a bar while media are checked.
    """
    folder = Path(folder)
    report = Report(folder)
    if not folder.is_dir():
        report.faults.append(Fault(str(folder), None, "", "folder", "no such folder", "give the catalogue's folder"))
        return report
    for name in schema.SCHEMAS:
        if (folder / name).is_file():
            _read_table(report, name)
        elif name in schema.REQUIRED:
            report.faults.append(Fault(name, None, "", "file", "the file is missing", "a catalogue needs it"))
    for name in report.tables:
        _check_columns(report, name)
        _check_keys(report, name)
    _check_references(report)
    _check_media(report, decode, progress)
    report.faults.sort(key=lambda fault: (list(schema.SCHEMAS).index(fault.file), fault.row or 0))
    return report


def _read_table(report: Report, name: str) -> None:
    """Read a CSV as text, noting encoding, quotes and rows of the wrong length; what can be read is checked further."""
    data = (report.folder / name).read_bytes()

    def whole(code: str, problem: str, fix: str, row: int | None = None) -> None:
        report.faults.append(Fault(name, row, "", code, problem, fix))

    if data.startswith(b"\xef\xbb\xbf"):
        whole("bom", "begins with a byte order mark", "save it as UTF-8 without BOM", 1)
        data = data[3:]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        whole("encoding", f"is not UTF-8 (byte {error.start})", "save it as UTF-8", line)
        text = data.decode("utf-8", errors="replace")
    rows, lines, broken = _parse(text)
    for line, problem in broken:
        whole("quotes", f"broken quotes ({problem})", "close every quote, and double quotes inside a cell", line)
    if (broken and broken[0][0] == 1) or (rows and UNDECODED in "".join(rows[0])):
        return  # without its header nothing can be said of the rows
    if not rows or not any(rows[0]):
        whole("empty", "the file is empty", "give it a header and rows")
        return
    header = rows[0]
    repeated = sorted({column for column in header if header.count(column) > 1})
    missing = [column for column in schema.SCHEMAS[name].columns if column not in header]
    for column in missing:
        report.faults.append(Fault(name, 1, column, "column", "the column is missing", "add it to the header and rows"))
    if repeated:
        whole("column", f"columns stand twice: {', '.join(repeated)}", "keep one of each", 1)
        return
    right = [at for at in range(1, len(rows)) if len(rows[at]) == len(header)]
    for at in range(1, len(rows)):
        if rows[at] and len(rows[at]) != len(header):
            whole("cells", f"{len(rows[at])} cells under {len(header)} columns", "quote cells with commas", lines[at])
    frame = pd.DataFrame([rows[at] for at in right], columns=header, dtype=str)
    report.tables[name] = Table(frame, np.array([lines[at] for at in right], int), np.ones(len(right), bool))
    if not right and name in schema.REQUIRED:
        whole("empty", "there is no row", "add rows below the header")


def _parse(text: str) -> tuple[list[list[str]], list[int], list[tuple[int, str]]]:
    """Rows of a CSV, the line on which each begins, and the lines whose quotes are broken.

    A broken line is passed over and reading starts again on the next, so that one fault does not hide the others.
    """
    physical = list(io.StringIO(text, newline=""))
    rows: list[list[str]] = []
    lines: list[int] = []
    broken: list[tuple[int, str]] = []
    limit = csv.field_size_limit(max(len(text), 1))  # a long text is allowed
    begin = 0
    try:
        while begin < len(physical) and len(broken) < MOST_BROKEN:
            start, reader = begin, csv.reader(physical[begin:], strict=True)
            try:
                for row in reader:
                    rows.append(row)
                    lines.append(begin + 1)
                    begin = start + reader.line_num
            except csv.Error as error:
                broken.append((begin + 1, str(error)))
                begin += 1
    finally:
        csv.field_size_limit(limit)
    return rows, lines, broken


def _check_columns(report: Report, name: str) -> None:
    """The declared checks of each column, by pandera."""
    frame = report.tables[name].frame
    declared = schema.SCHEMAS[name]
    present = declared.remove_columns([column for column in declared.columns if column not in frame])
    try:
        present.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        for (column, check), failed in error.failure_cases.groupby(["column", "check"], sort=False):
            problem, fix = schema.FIXES.get(str(check), (f"fails {check}", "see the data contract"))
            report.add(name, failed["index"].astype(int), str(column), str(check), problem, fix)


def _check_keys(report: Report, name: str) -> None:
    frame, key = report.tables[name].frame, schema.KEYS[name]
    if all(column in frame for column in key):
        group = frame.groupby(key, sort=False).ngroup().to_numpy()
        first = np.unique(group, return_index=True)[1][group]  # where each row's key first occurs
        unread = frame[key].apply(lambda column: column.str.contains(UNDECODED)).any(axis=1).to_numpy()
        for row in np.flatnonzero((first != np.arange(len(frame))) & ~unread):
            problem = f"repeats row {report.tables[name].lines[first[row]]} ({', '.join(key)})"
            report.add(name, [int(row)], key[0], "duplicate", problem, "keep one of the rows")


def _check_references(report: Report) -> None:
    """Items and users that are named but not declared."""
    tables = report.tables

    def known(file: str, column: str) -> pd.Series | None:
        return tables[file].frame[column] if file in tables and column in tables[file].frame else None

    items, users = known("product_data.csv", "item_id"), known("users.csv", "user_id")
    checks = [("user_data.csv", "item_id", items, "product_data.csv")]
    if users is not None:
        checks += [(file, "user_id", users, "users.csv") for file in ("user_data.csv", "social.csv")]
        checks += [("social.csv", "friend_id", users, "users.csv")]
    for file, column, allowed, where in checks:
        given = known(file, column)
        if given is not None and allowed is not None:
            unread = bool(allowed.str.contains(UNDECODED).any()) | given.str.contains(UNDECODED)
            stranger = np.flatnonzero((given != "") & ~given.isin(set(allowed)) & ~unread)
            report.add(file, stranger, column, "unknown", f"is not in {where}", f"add it to {where} or remove the row")


def _check_media(report: Report, decode: bool, progress: bool) -> None:
    """Open every picture and sound, two at a time."""
    table = report.tables.get("product_data.csv")
    if table is None:
        return
    root = report.folder.resolve()
    checks: dict[str, Callable[[Path], None]] = {
        "image": media.check_image if decode else media.check_image_header,
        "audio": media.check_audio if decode else media.check_audio_header,
    }

    def look(job: tuple[int, str, str]) -> str:
        _, column, value = job
        path = root / value
        try:
            if not path.resolve().is_relative_to(root):
                return "is a link out of the folder"
            checks[column](path)
        except MediaError as error:
            return str(error).removeprefix(f"{path}: ")
        except (OSError, ValueError, RuntimeError):  # a zero byte in the name, a loop of links
            return "no file can have this name or be reached by it"
        return ""

    inside = {column: schema._is_relative(table.frame[column]) for column in checks if column in table.frame}
    jobs = [
        (row, column, value)
        for column, allowed in inside.items()
        for row, (value, fine) in enumerate(zip(table.frame[column], allowed, strict=True))
        if value and fine
    ]
    with ThreadPoolExecutor(2) as pool:
        bar = tqdm(pool.map(look, jobs), total=len(jobs), desc="media", disable=None if progress else True)
        for (row, column, _), problem in zip(jobs, bar, strict=True):
            if problem:
                fix = "fix or replace the file, or empty the cell"
                report.add("product_data.csv", [row], column, "media", problem, fix)
