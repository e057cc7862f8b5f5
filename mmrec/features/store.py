"""Where extracted rows are kept: found again by content, so nothing is computed twice.

One SQLite database for each (encoder, version, parameters); in it a row is found by the SHA-256 of the
bytes that it was made from. A changed file is a new key, a changed encoder a new database. Rows are
committed by the batch, so a killed run loses one batch at most, and several processes may share a database.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import FileLock

from mmrec.cache import cache_root
from mmrec.errors import IntegrityError, MmrecError
from mmrec.files import sha256_json

_LOOK_UP = 500  # SQLite allows 999 variables in a statement on old builds
_WAIT_SECONDS = 120.0


class FeatureStore:
    """Rows of one encoder, by content hash. Use it as a context manager, from one thread.

    Args:
        identity: a JSON value that names the encoder, its version and its parameters.
        size: length d of a row.
        folder: where the databases lie; the default is ``features`` in the cache.
    """

    def __init__(self, identity: Mapping[str, object], size: int, folder: Path | None = None) -> None:
        folder = folder or cache_root() / "features"
        folder.mkdir(parents=True, exist_ok=True)
        self.size = size
        self.path = folder / f"{identity.get('encoder', 'rows')}-{sha256_json(dict(identity))[:24]}.sqlite3"
        self._connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            with FileLock(f"{self.path}.lock"):  # SQLite does not wait while another process turns WAL on
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.execute("CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise self._damaged(error) from error

    def __enter__(self) -> "FeatureStore":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()

    def close(self) -> None:
        """Close the database; what was put is kept."""
        self._connection.close()

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys that have no row yet, each once, in their order."""
        wanted = list(dict.fromkeys(keys))
        held: set[str] = set()
        for start in range(0, len(wanted), _LOOK_UP):
            held.update(key for (key,) in self._select("key", wanted[start : start + _LOOK_UP]))
        return [key for key in wanted if key not in held]

    def get(self, keys: Sequence[str]) -> np.ndarray:
        """The rows of ``keys``.

        Args:
            keys: (B,) content hashes; the same one may occur twice.

        Returns:
            (B, d) float32.

        Raises:
            KeyError: a key has no row.
            IntegrityError: a stored row is damaged.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(wanted), _LOOK_UP):
            for key, value in self._select("key, value", wanted[start : start + _LOOK_UP]):
                found[key] = self._unpack(value)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, self.size), np.float32)

    def put(self, keys: Sequence[str], rows: np.ndarray) -> None:
        """Keep ``rows`` (B, d) under ``keys`` (B,), in one transaction; a key that is there already stays as it is."""
        if rows.shape != (len(keys), self.size):
            raise ValueError(f"rows have shape {rows.shape}, expected {(len(keys), self.size)}")
        packed = [(key, zlib.compress(row.tobytes(), 1)) for key, row in zip(keys, rows.astype("<f4"), strict=True)]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?)", packed)
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _select(self, columns: str, keys: Sequence[str]) -> list[tuple]:
        marks = ",".join("?" * len(keys))
        try:
            return self._connection.execute(f"SELECT {columns} FROM rows WHERE key IN ({marks})", keys).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _unpack(self, value: bytes) -> np.ndarray:
        try:
            row = np.frombuffer(zlib.decompress(value), "<f4").astype(np.float32)
        except (zlib.error, ValueError) as error:
            raise self._damaged(error) from error
        if len(row) != self.size:
            raise self._damaged(f"a row of {len(row)} numbers, expected {self.size}")
        return row

    def _damaged(self, error: object) -> MmrecError:
        if isinstance(error, sqlite3.OperationalError):  # locked, read-only or no room: the rows are sound
            fix = "free the disk, or set MMREC_CACHE to another folder"
            return MmrecError(f"{self.path}: the feature cache cannot be used ({error}); {fix}")
        return IntegrityError(f"{self.path}: the feature cache is damaged ({error}); delete this file and run again")
