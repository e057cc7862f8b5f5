"""The declared schema of the catalogue's tables; every column is read as text and checked here."""

import pandas as pd
import pandera.pandas as pa

EARLIEST, LATEST = -2_208_988_800, 4_102_444_800
"""1900 and 2100, in seconds since 1970."""


def parse_time(values: pd.Series) -> pd.Series:
    """Seconds since 1970 from whole seconds or ISO 8601 dates; NaN where it is neither.

    Eight digits that make a date after 1990 cannot be seconds (they would be in 1970): such a cell is not a time.
    """
    seconds = pd.to_numeric(values, errors="coerce").astype("float64")
    seconds[values.str.fullmatch(r"(?:199|20\d)\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")] = float("nan")
    dated = seconds.isna() & values.str.contains("-", na=False)
    if dated.any():
        dates = pd.to_datetime(values[dated], errors="coerce", utc=True, format="ISO8601")
        epoch = pd.Timestamp("1970-01-01", tz="UTC")
        seconds[dated] = (dates - epoch).dt.total_seconds()
    return seconds


def _is_id(values: pd.Series) -> pd.Series:
    return (values != "") & (values == values.str.strip())


def _is_rating(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce").astype("float64").between(0.5, 5)


def _is_time(values: pd.Series) -> pd.Series:
    return parse_time(values).between(EARLIEST, LATEST)


def _is_relative(values: pd.Series) -> pd.Series:
    parts = values.str.replace("\\", "/", regex=False)
    outside = parts.str.startswith(("/", "~")) | parts.str.match(r"^[A-Za-z]:")
    outside |= parts.str.split("/").map(lambda names: ".." in names).astype(bool)
    return ~outside


FIXES = {
    "id": ("empty, or has spaces around it", "give every row an id without spaces at its ends"),
    "rating": ("is no rating", "write a number of stars from 0.5 to 5, or 1 in every row for implicit feedback"),
    "time": ("is no time", "write whole seconds since 1970, or a date such as 2024-05-31T18:00:00"),
    "path": ("leads out of the folder", "write a path relative to the catalogue, without '..'"),
    "key": ("stands twice", "keep one of the rows"),
}
"""Name of a check -> what is wrong, how to fix it."""

_ID = pa.Check(_is_id, name="id")
_PATH = pa.Check(_is_relative, name="path")

PRODUCTS = pa.DataFrameSchema(
    {
        "item_id": pa.Column(str, _ID),
        "text": pa.Column(str),
        "image": pa.Column(str, _PATH),
        "audio": pa.Column(str, _PATH),
    },
    name="product_data.csv",
)
RATINGS = pa.DataFrameSchema(
    {
        "user_id": pa.Column(str, _ID),
        "item_id": pa.Column(str, _ID),
        "rating": pa.Column(str, pa.Check(_is_rating, name="rating")),
        "timestamp": pa.Column(str, pa.Check(_is_time, name="time")),
        "text": pa.Column(str),
    },
    name="user_data.csv",
)
USERS = pa.DataFrameSchema({"user_id": pa.Column(str, _ID)}, name="users.csv")
SOCIAL = pa.DataFrameSchema({"user_id": pa.Column(str, _ID), "friend_id": pa.Column(str, _ID)}, name="social.csv")

KEYS = {
    "product_data.csv": ["item_id"],
    "user_data.csv": ["user_id", "item_id", "timestamp"],
    "users.csv": ["user_id"],
    "social.csv": ["user_id", "friend_id"],
}
"""Columns that no two rows may share."""

SCHEMAS = {schema.name: schema for schema in (PRODUCTS, RATINGS, USERS, SOCIAL)}
REQUIRED = ("product_data.csv", "user_data.csv")
