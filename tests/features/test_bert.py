import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.special import erf, softmax

from mmrec.errors import IntegrityError
from mmrec.features.pretrained.bert import load_bert

SIZE, HEADS, INNER = 8, 2, 12


def random_state(blocks: int = 2) -> dict[str, np.ndarray]:
    """Weights under the names of BERT, (out, in) as PyTorch keeps them."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (20, SIZE),
        "embeddings.position_embeddings.weight": (16, SIZE),
        "embeddings.token_type_embeddings.weight": (2, SIZE),
        "embeddings.LayerNorm.weight": (SIZE,),
        "embeddings.LayerNorm.bias": (SIZE,),
    }
    for number in range(blocks):
        scope = f"encoder.layer.{number}."
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")] + ["attention.output.dense"]
        sizes = [(part, SIZE, SIZE) for part in parts]
        for part, out, into in [*sizes, ("intermediate.dense", INNER, SIZE), ("output.dense", SIZE, INNER)]:
            shapes |= {f"{scope}{part}.weight": (out, into), f"{scope}{part}.bias": (out,)}
        for part in ("attention.output", "output"):
            shapes |= {f"{scope}{part}.LayerNorm.{name}": (SIZE,) for name in ("weight", "bias")}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def by_hand(state: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
    """The vector of one text without padding, one head at a time."""

    def dense(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        return x * state[f"{name}.LayerNorm.weight"] + state[f"{name}.LayerNorm.bias"]

    x = state["embeddings.word_embeddings.weight"][tokens] + state["embeddings.token_type_embeddings.weight"][0]
    x = norm(x + state["embeddings.position_embeddings.weight"][: len(tokens)], "embeddings")
    for number in range(2):
        scope = f"encoder.layer.{number}."
        query, key, value = (dense(x, f"{scope}attention.self.{part}") for part in ("query", "key", "value"))
        heads = [slice(start, start + SIZE // HEADS) for start in range(0, SIZE, SIZE // HEADS)]
        attended = [softmax(query[:, h] @ key[:, h].T / (SIZE // HEADS) ** 0.5, axis=1) @ value[:, h] for h in heads]
        mixed = dense(np.concatenate(attended, axis=1), f"{scope}attention.output.dense")
        x = norm(x + mixed, f"{scope}attention.output")
        inner = dense(x, f"{scope}intermediate.dense")
        x = norm(x + dense(inner * (1 + erf(inner / 2**0.5)) / 2, f"{scope}output.dense"), f"{scope}output")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def test_rows_are_those_computed_by_hand_whatever_fills_them_up(tmp_path):
    state = random_state()
    save_file(state, tmp_path / "w.safetensors")
    model = load_bert(tmp_path / "w.safetensors", heads=HEADS)
    texts = [[3, 7, 1], [5, 5, 19, 2, 8, 11], [4]]
    for length in (6, 16):
        tokens = np.zeros((3, length), np.int32)
        for row, text in enumerate(texts):
            tokens[row, : len(text)] = text
        rows = np.asarray(model.predict_on_batch(tokens))
        np.testing.assert_allclose(rows, [by_hand(state, text) for text in texts], atol=2e-5)
    assert np.isfinite(model.predict_on_batch(np.zeros((1, 4), np.int32))).all()  # nothing but filling


@pytest.mark.parametrize("fault", ["absent", "shape", "bytes"])
def test_other_weights_are_refused_by_name(tmp_path, fault):
    state = random_state()
    if fault == "absent":
        del state["encoder.layer.1.output.dense.weight"]
    if fault == "shape":
        state["embeddings.LayerNorm.weight"] = np.zeros(3, np.float32)
    save_file(state, tmp_path / "w.safetensors")
    if fault == "bytes":
        (tmp_path / "w.safetensors").write_bytes(b"nothing")
    with pytest.raises(IntegrityError, match=r"w\.safetensors: not the weights"):
        load_bert(tmp_path / "w.safetensors", heads=HEADS)
    keras.backend.clear_session()
