"""Which items may be listed: conditions on attributes, and items that cannot be had."""

import csv
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.errors import InputError

_CONDITION = re.compile(r"\s*([^=<>!]+?)\s*(>=|<=|!=|=|>|<)\s*(.*?)\s*")
_ORDER: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_SEPARATORS = re.compile(r"[|,;]")


def matching(items: pd.DataFrame, condition: str) -> np.ndarray:
    """(I,) bool: the items that meet a condition on one column.

    ``genre=comedy`` holds for a cell that is "comedy", or a list with "comedy" in it separated by ``|``, ``,`` or
    ``;``, in upper or lower case; ``genre!=comedy`` for all others. ``year>=1990`` (or ``<=``, ``>``, ``<``) compares
    numbers, and holds for no empty cell.

    Args:
        items: ``Catalogue.items``.
        condition: COLUMN OPERATOR VALUE.

    Raises:
        InputError: it cannot be read, there is no such column, a cell is not numeric, or no item meets it.
    """
    found = _CONDITION.fullmatch(condition)
    if not found:
        raise InputError(f"condition {condition!r}: write it as genre=comedy, genre!=comedy or year>=1990")
    column, sign, value = found.groups()
    if column not in items:
        raise InputError(f"condition {condition!r}: items have no column {column!r}, only {', '.join(map(str, items))}")
    cells = [str(cell).strip() for cell in items[column]]
    if sign in _ORDER:
        wanted = _number(value, f"condition {condition!r}")
        places = zip(items["item_id"], cells, strict=True)
        keep = [cell != "" and _ORDER[sign](_number(cell, f"{column} of item {item}"), wanted) for item, cell in places]
    else:
        keep = [_holds(cell, value) == (sign == "=") for cell in cells]
    if not any(keep):
        some = ", ".join(sorted(set(cells) - {""})[:5])
        raise InputError(f"no item meets {condition!r}: {column} is such as {some or 'nothing'}")
    return np.array(keep)


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where}: {text!r} is no number; compare it with = or !=") from None


def _holds(cell: str, value: str) -> bool:
    parts = {cell, *(part.strip() for part in _SEPARATORS.split(cell))}
    return value.casefold() in {part.casefold() for part in parts}


def read_ids(path: Path) -> list[str]:
    """Item ids from a file: a CSV file's column ``item_id``, or else one id a line; empty lines are skipped.

    Raises:
        InputError: there is no such file, or it is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"no file {path}: give one with an item id a line, or a CSV with a column item_id") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no UTF-8 text: give an item id a line, or a CSV with a column item_id") from None
    at = rows[0].index("item_id") if rows and "item_id" in rows[0] else None
    ids = [row[at] for row in rows[1:] if len(row) > at] if at is not None else [",".join(row) for row in rows]
    return [ident.strip() for ident in ids if ident.strip()]


def indices(item_ids: Sequence[str], wanted: Iterable[str]) -> np.ndarray:
    """(n,) int64: the indices of item ids, in the order asked for.

    Raises:
        InputError: an id is not in the catalogue.
    """
    known = {ident: place for place, ident in enumerate(item_ids)}
    wanted = list(wanted)
    for ident in wanted:
        if ident not in known:
            raise InputError(f"unknown item {ident!r}: the model knows {len(known)} items, such as {item_ids[0]!r}")
    return np.array([known[ident] for ident in wanted], np.int64)


def allowed_items(
    item_ids: Sequence[str],
    *,
    unavailable: Iterable[str] = (),
    items: pd.DataFrame | None = None,
    conditions: Iterable[str] = (),
) -> np.ndarray:
    """(I,) bool: the items that can be had and meet every condition.

    Args:
        item_ids: ids of all items.
        unavailable: ids of those that cannot be had.
        items: ``Catalogue.items``, for the conditions.
        conditions: see ``matching``.

    Raises:
        InputError: an unknown id or column, or no item is left.
    """
    allowed = np.ones(len(item_ids), bool)
    allowed[indices(item_ids, unavailable)] = False
    for condition in conditions:
        if items is None:
            raise InputError(f"condition {condition!r} needs the items' attributes: give the catalogue")
        allowed &= matching(items, condition)
    if not allowed.any():
        raise InputError("no item is left that can be had and meets every condition: drop one of them")
    return allowed
