"""The examples of the page for contributors run, as they are printed."""

import re
from pathlib import Path

import numpy as np
import pytest

from mmrec.features import encoders

ROOT = Path(__file__).parents[1]


@pytest.fixture
def examples(monkeypatch):
    """What the cells of Python on the page define; encoders are registered for this test alone."""
    registry = {modality: dict(found) for modality, found in encoders.REGISTRY.items()}
    monkeypatch.setattr(encoders, "REGISTRY", registry)
    text = (ROOT / "book/contributing.md").read_text(encoding="utf-8")
    defined: dict = {}
    for cell in re.findall(r"(?ms)^```python\n(.*?)^```$", text):
        exec(compile(cell, "book/contributing.md", "exec"), defined)
    return defined


def test_the_encoder_gives_the_mean_colour(examples, tmp_path):
    from PIL import Image

    path = tmp_path / "a.png"
    Image.new("RGB", (8, 6), (255, 0, 51)).save(path)
    encoder = encoders.make_encoder("image", "mean-colour")
    assert isinstance(encoder, examples["MeanColour"])
    rows = encoder.encode([encoder.load(path)])
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[1, 0, 0.2]], atol=1e-6)
    assert rows.shape[1] == encoder.size


def test_the_model_scores_and_can_be_saved(examples, interactions, tmp_path):
    kind = examples["DampedMean"]
    assert {name: values[0] for name, values in kind.grid.items()} == kind().settings
    model = kind(prior=2.0, bonus=0.0).fit(interactions)
    item = int(interactions.item[0])
    own = interactions.rating[interactions.item == item]
    expected = (own.sum() + 2 * interactions.rating.mean()) / (len(own) + 2)
    assert model.scores(np.array([0, 1]))[:, item] == pytest.approx([expected] * 2)
    assert kind(prior=2.0, bonus=1.0).fit(interactions).scores(np.array([0]))[0, item] == pytest.approx(
        expected + np.log1p(len(own))
    )
    other = kind()
    other.restore(model.state())
    np.testing.assert_array_equal(other.scores(np.array([0])), model.scores(np.array([0])))
