"""Each form of fusion against an independent NumPy version, with absent blocks, and under saving."""

import keras
import numpy as np
import pytest
from conftest import SEEDS, assert_every_weight_learns, assert_survives_saving, random_shape

from mmrec.errors import InputError
from mmrec.layers import CrossModalAttention, FillAbsent, GatedFusion, LowRankBilinear

FORMS = {"gated": GatedFusion, "attention": CrossModalAttention, "bilinear": LowRankBilinear}


def blocks(seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Three blocks of random widths, and a mask with a row of each kind; absent blocks hold NaN."""
    rng = np.random.default_rng(seed)
    rows, *widths = random_shape(seed, 5, 6, 6, 6)
    here = rng.random((rows, 3)) < 0.6
    here[0] = True
    given = [rng.normal(size=(rows, width)).astype("float32") for width in widths]
    for j, block in enumerate(given):
        block[~here[:, j]] = np.nan
    return given, here


def random_weights(layer, seed: int) -> dict[str, np.ndarray]:
    """Every weight drawn again, so that none is tested at a start value of zero or one."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape).astype("float32"))
    return {weight.path.split("/", 1)[1]: np.asarray(weight, np.float64) for weight in layer.weights}


def dense(x, weights, name):
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def relu(x):
    return np.maximum(x, 0)


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def gated(x, here, w, units):
    out = np.zeros(units)
    logits = dense(np.concatenate(x), w, "gate").reshape(3, units)
    present = [j for j in range(3) if here[j]]
    if not present:
        return out
    gates = softmax(logits[present], 0)
    for gate, j in zip(gates, present, strict=True):
        out += gate * relu(dense(x[j], w, f"hidden_{j}"))
    return out


def attention(x, here, w, units):
    tokens = np.stack([dense(x[j], w, f"token_{j}") for j in range(3)]) + w["kind"]
    asked = [j for j in range(3) if here[j]]
    if not asked:
        return relu(dense(np.zeros(units), w, "output"))

    def project(name):
        return np.einsum("mu,uhk->mhk", tokens, w[f"attention/{name}/kernel"]) + w[f"attention/{name}/bias"]

    query, key, value = (project(name) for name in ("query", "key", "value"))
    logits = np.einsum("mhk,nhk->hmn", query, key[asked]) / np.sqrt(query.shape[-1])
    mixed = np.einsum("hmn,nhk->mhk", softmax(logits, -1), value[asked])
    after = np.einsum("mhk,hku->mu", mixed, w["attention/attention_output/kernel"])
    tokens = tokens + after + w["attention/attention_output/bias"]
    return relu(dense(tokens[asked].mean(axis=0), w, "output"))


def bilinear(x, here, w, units):
    product = np.ones(4 * units)
    for j in range(3):
        if here[j]:
            product = product * dense(x[j], w, f"factor_{j}")
    return relu(product.reshape(4, units).mean(axis=0) - 1)


NUMPY = {"gated": gated, "attention": attention, "bilinear": bilinear}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_formula(name, seed):
    x, here = blocks(seed)
    layer = FORMS[name](6)
    layer(x, present=here)
    weights = random_weights(layer, seed)
    got = keras.ops.convert_to_numpy(layer(x, present=here))
    seen = [np.where(here[:, j : j + 1], block, 0).astype(np.float64) for j, block in enumerate(x)]
    for row in range(len(here)):
        expected = NUMPY[name]([block[row] for block in seen], here[row], weights, 6)
        np.testing.assert_allclose(got[row], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FORMS)
def test_without_a_mask_all_is_present(name):
    x = [np.ones((2, 3), "float32"), np.ones((2, 2), "float32")]
    layer = FORMS[name](4)
    np.testing.assert_allclose(layer(x), layer(x, present=np.ones((2, 2))))


@pytest.mark.parametrize("name", FORMS)
def test_saving_and_learning(name, tmp_path):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(8, width)).astype("float32") for width in (3, 4, 2)]
    inputs = [keras.Input((block.shape[1],)) for block in x]
    model = keras.Model(inputs, FORMS[name](4, activation="tanh", kernel_regularizer="l2")(inputs))
    assert_survives_saving(model, x, tmp_path / "m.keras")
    assert_every_weight_learns(model, x, rng.normal(size=(8, 4)).astype("float32"))


def test_heads_must_share_the_units():
    with pytest.raises(InputError, match="choose a multiple"):
        CrossModalAttention(5, heads=2)


@pytest.mark.parametrize("method", ["zero", "mean", "learned"])
def test_what_stands_for_an_absent_block(method, tmp_path):
    x, here = blocks(1)
    layer = FillAbsent(method)
    layer.build([block.shape for block in x])
    layer.adapt(x, here)
    if method == "learned":
        layer.vectors[0].assign(np.full(x[0].shape[1], 7.0))
    filled = [keras.ops.convert_to_numpy(block) for block in layer(x, present=here)]
    for j, block in enumerate(x):
        np.testing.assert_array_equal(filled[j][here[:, j]], block[here[:, j]])
        stand_in = {"zero": 0.0, "mean": block[here[:, j]].mean(axis=0), "learned": 7.0 if j == 0 else 0.0}[method]
        np.testing.assert_allclose(
            filled[j][~here[:, j]], np.broadcast_to(stand_in, filled[j][~here[:, j]].shape), rtol=1e-5
        )
    assert bool(layer.trainable_variables) == (method == "learned")
    with pytest.raises(InputError, match="choose from"):
        FillAbsent("guess")
