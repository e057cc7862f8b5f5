"""Reduced features: what is kept, what is fitted on, and that absence stays absence."""

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.reduction import Reduction


def test_axes_are_the_leading_singular_directions(interactions, features):
    reduction = Reduction.fit(features, interactions, size=4)
    table = Preprocessor.fit(features, interactions).tables(features)["image"]
    rows = table[features.mask("image")]
    values = np.linalg.svd(rows, compute_uv=False)
    left = rows - (rows @ reduction.axes["image"]) @ reduction.axes["image"].T
    assert np.linalg.norm(left) == pytest.approx(np.sqrt(np.sum(values[4:] ** 2)), rel=1e-4)  # Eckart and Young
    np.testing.assert_allclose(reduction.axes["image"].T @ reduction.axes["image"], np.eye(4), atol=1e-5)


def test_narrow_modalities_are_only_scaled(interactions, features):
    reduction = Reduction.fit(features, interactions, size=6)
    assert set(reduction.axes) == {"text", "image"}
    assert reduction.widths == {"text": 6, "image": 6, "audio": 5}
    vectors = reduction.vectors(features)
    assert vectors.shape == (40, 17)
    assert vectors.dtype == np.float32
    scaled = reduction.preprocessor.tables(features)["audio"]
    np.testing.assert_array_equal(vectors[:, 12:], scaled)
    np.testing.assert_array_equal(reduction.parts(vectors)["audio"], scaled)


def test_absent_modalities_are_zero(interactions, features):
    reduction = Reduction.fit(features, interactions, size=4)
    parts = reduction.parts(reduction.vectors(features))
    for name in features.modalities:
        assert not parts[name][~features.mask(name)].any()
        assert parts[name][features.mask(name)].any()
    less = reduction.parts(reduction.vectors(features.only("audio")))
    assert not less["text"].any()
    np.testing.assert_array_equal(less["audio"], parts["audio"])


def test_items_without_a_training_row_are_not_looked_at(interactions, features):
    train = interactions.take(interactions.item < 30)
    changed = Features(
        features.item_ids,
        {name: np.where(np.arange(40)[:, None] < 30, block, 7 * block) for name, block in features.blocks.items()},
        features.present,
    )
    first, second = (Reduction.fit(table, train, size=4) for table in (features, changed))
    for name, axes in first.axes.items():
        np.testing.assert_array_equal(axes, second.axes[name])


def test_what_is_stored_comes_back(interactions, features):
    reduction = Reduction.fit(features, interactions, size=4)
    again = Reduction.restore(reduction.state())
    np.testing.assert_array_equal(again.vectors(features), reduction.vectors(features))


def test_a_single_item_has_no_direction(features):
    one = np.zeros(1, np.int64)
    train = Interactions(one, one, np.ones(1, np.float32), one, one, 30, 40)
    assert Reduction.fit(features, train, size=4).vectors(features).shape[0] == 40
