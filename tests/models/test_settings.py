"""Settings are declared once: what is read off the declaration, and what is refused."""

import inspect
import json

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import random_interactions

from mmrec.cli import cli
from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.abilities import FoldsInUsers, ReadsDescriptions, ScoresNewItems, UpdatesProfiles
from mmrec.models.base import Recommender
from mmrec.models.ease import EASE
from mmrec.models.settings import Setting, setting

SETTINGS = [(name, key) for name in REGISTRY for key in model_class(name).declared]
ABILITIES = {
    "fold_in": FoldsInUsers,
    "new_item_scores": ScoresNewItems,
    "described_scores": ReadsDescriptions,
    "update_profiles": UpdatesProfiles,
}


def bad_values(one: Setting) -> list:
    """Values that a setting must refuse."""
    if isinstance(one.default, tuple):
        single = one.default[0]
        return [None, single, [], [None], [[single]], [float("nan")], {"a": 1}, "abc", True]
    if isinstance(one.default, bool):
        return [None, 0, 1, "true", [True], 1.0]
    if isinstance(one.default, str):
        return [None, 1, True, "no such choice", "", [one.default]]
    if isinstance(one.default, dict):
        return [None, 1, "abc", ["ease"], True]
    bad = ["abc", "1", True, False, [1], (1,), {}, float("nan"), float("inf"), -float("inf"), 1j]
    bad += [] if one.default is None else [None]
    bad += [0.5, 1.0] if isinstance(one.default, int) else [10**400]  # more than a float can hold
    bad += [] if one.low is None else [one.low - 1]
    bad += [] if one.high is None else [one.high + 1]
    bad += [] if one.above is None else [one.above, one.above - 1]
    bad += [] if one.below is None else [one.below, one.below + 1]
    return bad


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_what_is_out_of_range_is_refused(name, key):
    one = model_class(name).declared[key]
    for value in bad_values(one):
        with pytest.raises(InputError) as refused:
            make_model(name, **{key: value})
        said = str(refused.value)
        assert said.startswith(f"{name}: {key}="), said
        assert one.range in said


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_the_default_and_what_is_searched_are_allowed(name, key):
    one = model_class(name).declared[key]
    assert one.meaning
    for value in (one.default, *one.search):
        model = make_model(name, **{key: json.loads(json.dumps(value))})  # as a saved model has it
        assert model.settings[key] == getattr(model, key) == value
        assert type(model.settings[key]) is type(value)


def test_every_number_has_a_lower_bound():
    for name, key in SETTINGS:
        one = model_class(name).declared[key]
        if one.kind in (int, float):
            assert one.low is not None or one.above is not None, (name, key)


def test_bounds_and_numbers_of_other_libraries_are_allowed():
    assert make_model("ease", l2=0).settings == {"l2": 0.0}
    assert type(make_model("ease", l2=7).l2) is float
    assert type(make_model("item-knn", neighbours=np.int64(3)).neighbours) is int
    assert make_model("mf", l2=np.float32(0.5)).l2 == 0.5
    assert make_model("gru", identity=np.True_).identity is True
    assert make_model("graph-filter", popularity=0.5).popularity == 0.5
    assert make_model("popularity-and-taste", alpha=None).alpha is None


@pytest.mark.parametrize("name", REGISTRY)
def test_an_unknown_setting_is_refused(name):
    with pytest.raises(InputError, match=f"^{name} has no setting 'magic'"):
        make_model(name, magic=1)


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_the_nearest_setting_is_suggested(name, key):
    with pytest.raises(InputError, match=f"did you mean '{key}'"):
        make_model(name, **{f"{key}{key[-1]}": 1})


def test_settings_of_members_are_checked_when_the_ensemble_is_made():
    with pytest.raises(InputError, match=r"^ease: l2=-1 .* at least 0"):
        make_model("stacked", member_settings={"ease": {"l2": -1}})
    with pytest.raises(InputError, match="unknown model 'magic'"):
        make_model("rank-fusion", member_settings={"magic": {}})
    with pytest.raises(InputError, match="member_settings of ease"):
        make_model("rank-fusion", member_settings={"ease": 3})


@pytest.mark.parametrize("name", REGISTRY)
def test_help_lists_the_settings(name):
    shown = CliRunner().invoke(cli, ["train", "--model", name, "--help-settings"], standalone_mode=False)
    assert shown.exception is None
    words = " ".join(shown.stdout.split())
    for key, one in model_class(name).declared.items():
        assert f"{key}: default" in words
        assert one.range in words
        assert one.meaning.replace("``", "") in words
        assert all(str(value) in words for value in one.search if isinstance(value, float))
    assert ("no setting" in words) == (not model_class(name).declared)


def test_help_without_a_model_says_what_is_missing():
    assert "--model NAME" in str(CliRunner().invoke(cli, ["train", "--help-settings"]).output)


@pytest.mark.parametrize("pair", ["l2=abc", "l2=-1", "l2=NaN", "l2=null", "l2=[1]", "l2=true", "l2=Infinity", "l3=1"])
def test_the_command_refuses_before_it_reads_the_catalogue(pair, tmp_path):
    words = ["train", "nowhere", "--model", "ease", "--set", pair, "--out", str(tmp_path / "m")]
    assert isinstance(CliRunner().invoke(cli, words, standalone_mode=False).exception, InputError)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("name", REGISTRY)
def test_python_shows_the_settings(name):
    kind = model_class(name)
    shown = inspect.signature(kind).parameters
    assert {key: one.default for key, one in shown.items()} == {key: one.default for key, one in kind.declared.items()}
    text = inspect.getdoc(kind)
    assert text.count("\nArgs:\n") == bool(kind.declared)
    for key, one in kind.declared.items():
        assert f"\n    {key}: {one.meaning} (" in text


@pytest.mark.parametrize("name", REGISTRY)
def test_a_model_has_the_methods_of_its_abilities_and_no_others(name):
    kind = model_class(name)
    for method, ability in ABILITIES.items():
        assert (method in dir(kind)) == issubclass(kind, ability)


@pytest.mark.parametrize("name", [name for name in REGISTRY if not model_class(name).declared.get("epochs")])
def test_settings_survive_saving(name, features, tmp_path):
    from mmrec.models import load_model

    train = random_interactions()
    changed = {key: one.search[-1] for key, one in model_class(name).declared.items() if one.search}
    changed |= {"steps": 2} if "steps" in model_class(name).declared else {}
    changed |= {"members": ("ease", "item-knn")} if "members" in model_class(name).declared else {}
    model = make_model(name, **changed).fit(train, features)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.settings == model.settings
    assert np.array_equal(again.scores(np.arange(4)), model.scores(np.arange(4)))


class Base(Recommender):
    """Nothing is learned."""

    name = "base"
    a: int = setting(1, "the first", low=0)
    b: float = setting(2.0, "the second", search=(3.0,))

    def _fit(self, train: Interactions, features: Features | None) -> None:
        """Nothing."""

    def scores(self, users):
        return np.zeros((len(users), 1), np.float32)

    def state(self):
        return {}

    def restore(self, state):
        """Nothing."""


def test_a_subclass_inherits_and_may_change_a_default_alone():
    class Other(Base):
        """Another default."""

        name = "other"
        b = 5.0
        c: bool = setting(False, "the third")

    assert Other().settings == {"a": 1, "b": 5.0, "c": False}
    assert Other.declared["b"].search == (3.0,)
    assert Base().settings == {"a": 1, "b": 2.0}
    assert "b: the second (default 5.0; a number; searched: 3.0)" in Other.__doc__


def test_what_is_declared_again_takes_the_later_place():
    class Again(Base):
        name = "again"
        a: int = setting(4, "the first, anew", low=3)

    assert Again().settings == {"b": 2.0, "a": 4}
    assert list(Again.declared) == ["b", "a"]
    with pytest.raises(InputError, match=r"again: a=2 .* at least 3"):
        Again(a=2)


def test_a_default_out_of_range_cannot_be_declared():
    with pytest.raises(InputError, match="Wrong: a=-1 is not allowed: give a whole number, at least 0"):

        class Wrong(Base):
            name = "wrong"
            a = -1


def test_a_setting_is_an_attribute_and_the_record_follows_it():
    model = EASE(l2=3.0)
    assert (model.l2, model.settings) == (3.0, {"l2": 3.0})
    model.l2 = 4.0
    assert model.settings == {"l2": 4.0}
