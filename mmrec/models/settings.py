"""Settings of models: each is declared once, as a class attribute, and all else is read off the declaration.

    class EASE(Recommender):
        l2: float = setting(200.0, "weight of the squared entries of B", low=0, search=(50.0, 100.0))

The type is that of the default. A subclass inherits the declarations. It may declare a setting again, or give it
another default alone: ``l2 = 50.0``.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from inspect import Parameter, Signature
from math import isfinite
from numbers import Integral, Real
from operator import ge, gt, le, lt
from typing import Any, TypeVar, cast

import numpy as np

from mmrec.errors import InputError

T = TypeVar("T")
_TYPES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "an object"}
_BOUNDS = {"low": ("at least", ge), "above": ("above", gt), "high": ("at most", le), "below": ("below", lt)}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a setting may be, and what it means; made by ``setting``.

    Attributes:
        default: its value unless another is given. Its type is the setting's type: a tuple stands for a list of values
            like its first; None for a number or None.
        meaning: what it is, in words.
        low, high, above, below: bounds of a number, the latter two outside the range. Infinity is refused unless
            ``high`` is infinite.
        choices: the texts that are allowed, if not all.
        count: how many values a list has, if not any number above 0.
        search: values that a search tries besides the default, in this order.
        open_ended: whether the search may go beyond these values, in the ratio of the last two.
    """

    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    count: int | None = None
    search: tuple[Any, ...] = ()
    open_ended: bool = False

    def checked(self, value: Any) -> Any:
        """The value as the setting's type: an int that stands for a float becomes one, a list a tuple.

        Raises:
            ValueError: it is not allowed.
        """
        if isinstance(self.default, tuple):
            one = replace(self, default=self.default[0])
            if not isinstance(value, (list, tuple)) or len(value) != (self.count or len(value)) or not value:
                raise ValueError
            return tuple(one.checked(part) for part in value)
        if value is None and self.default is None:
            return None
        if self.kind in (int, float):
            return self._number(value)
        if not isinstance(value, (bool, np.bool_) if self.kind is bool else self.kind):
            raise ValueError
        if self.choices and value not in self.choices:
            raise ValueError
        return self.kind(value)

    def _number(self, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, Integral if self.kind is int else Real):
            raise ValueError
        number = self.kind(value)
        if not isfinite(number) and number != self.high:
            raise ValueError
        if not all(holds(number, bound) for _, bound, holds in self._bounds()):
            raise ValueError
        return number

    def _bounds(self) -> list[tuple[str, float, Callable[[float, float], bool]]]:
        """Words, bound and comparison of each bound that there is."""
        found = [(words, getattr(self, name), holds) for name, (words, holds) in _BOUNDS.items()]
        return [one for one in found if one[1] is not None]

    @property
    def kind(self) -> type:
        """The type of a value, or of each value of a list."""
        one = self.default[0] if isinstance(self.default, tuple) else self.default
        return float if one is None else type(one)

    @property
    def range(self) -> str:
        """What is allowed, in words."""
        words = f"one of {', '.join(self.choices)}" if self.choices else _TYPES[self.kind]
        words = ", ".join([words, *(f"{word} {_text(bound)}" for word, bound, _ in self._bounds())])
        if isinstance(self.default, tuple):
            return f"a list of {self.count or 'any length'}, each {words}"
        return f"{words}, or null" if self.default is None else words

    @property
    def summary(self) -> str:
        """Default, range and searched values, in words."""
        searched = [_text(value) for value in self.search] + ["beyond"] * self.open_ended
        tried = f"; searched: {', '.join(searched)}" if searched else ""
        return f"default {_text(self.default)}; {self.range}{tried}"


def setting(default: T, meaning: str, **options: Any) -> T:
    """Declare a setting in the body of a model's class; ``options`` are the other attributes of ``Setting``.

    To a type checker the setting is its value, as it is on the model that is made.
    """
    return cast(T, Setting(default=default, meaning=meaning, **options))


def seed_of(meaning: str) -> int:
    """Declare a seed, 0 unless another is given."""
    return setting(0, f"seed of {meaning}", low=0, high=2**32 - 1)


def declare(model: Any) -> None:
    """Give a class ``declared``, name -> setting, and with it a signature and a section of the docstring."""
    model.declared = declared_settings(model)
    lines = [f"        {name}: {one.meaning} ({one.summary})." for name, one in model.declared.items()]
    if lines and model.__doc__:
        model.__doc__ += "\n".join(["", "", "    Args:", *lines, "    "])
    if "__init__" not in vars(model):
        arguments = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=one.default) for name, one in model.declared.items()
        ]
        model.__signature__ = Signature(arguments)


def declared_settings(model: type) -> dict[str, Setting]:
    """The settings of a class, its own after those that it inherits; what is declared again takes the later place.

    Raises:
        InputError: a default or a searched value is not allowed.
    """
    found: dict[str, Setting] = {}
    for base in reversed(model.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Setting):
                found.pop(name, None)
                found[name] = value
            elif name in found:
                found[name] = replace(found[name], default=value)
    for name, one in found.items():
        for value in (one.default, *one.search):
            _checked(model.__name__, name, one, value)
    return dict(sorted(found.items(), key=lambda pair: not pair[1].search))  # those that are searched first


def checked_settings(model: str, declared: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """Each setting's value: the given one, else the default.

    Args:
        model: its name, for the messages.
        declared: name -> setting.
        given: name -> value.

    Raises:
        InputError: the model has no such setting, or a value is not allowed.
    """
    for name in given:
        if name not in declared:
            near = get_close_matches(name, declared, 1)
            nearest = f"did you mean {near[0]!r}? " if near else ""
            choices = f"choose from {', '.join(declared)}" if declared else "it has none"
            raise InputError(f"{model} has no setting {name!r}: {nearest}{choices}")
    return {name: _checked(model, name, one, given.get(name, one.default)) for name, one in declared.items()}


def _checked(model: str, name: str, one: Setting, value: Any) -> Any:
    try:
        return one.checked(value)
    except (ValueError, OverflowError):  # the latter of a whole number that no float holds
        raise InputError(f"{model}: {name}={_text(value)} is not allowed: give {one.range}") from None


def _text(value: Any) -> str:
    """A value as it is written after ``--set NAME=``."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
