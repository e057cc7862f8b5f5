"""musicnn as a plain Keras model: 0.8M parameters that tag three seconds of music with 50 tags of MagnaTagATune.

Filters as high as instruments' timbres and as long as rhythms look at a mel spectrogram; three convolutions with
residual connections follow, and a dense network on their maximum and mean over time.

Reference: Pons and Serra (2019), musicnn: pre-trained convolutional neural networks for music audio tagging.
"""

from pathlib import Path
from typing import Any

import numpy as np

from mmrec.errors import IntegrityError

SAMPLE_RATE = 16_000
FRAMES = 187
MELS = 96
_FFT, _HOP = 512, 256
SAMPLES = _FFT + (FRAMES - 1) * _HOP
"""What FRAMES frames cover: 3.008 s."""
FEATURES = 200
TAGS = (
    *("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient"),
    *("beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals"),
    *("harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo"),
    *("man", "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello"),
    *("no voice", "weird", "country", "metal", "female voice", "choral"),
)
"""What the 50 probabilities stand for, in their order."""
_TIMBRES = (38, 67)  # heights of filters, of 96 mels
_RHYTHMS = (128, 64, 32)  # lengths of filters, in frames
_WIDE, _NARROW, _MIDDLE = 204, 51, 64


def pieces(samples: np.ndarray) -> np.ndarray:
    """Split samples (T,) into pieces (n, 48128) of consecutive frames; a sound shorter than one piece is repeated."""
    if len(samples) < SAMPLES:
        samples = np.resize(samples, SAMPLES)  # (48128,), from its beginning again and again
    starts = range(0, len(samples) - SAMPLES + 1, FRAMES * _HOP)
    return np.stack([samples[start : start + SAMPLES] for start in starts])  # (n, 48128)


def best_tags(probabilities: np.ndarray, k: int = 5) -> list[list[tuple[str, float]]]:
    """The k likeliest tags of each sound. A sound may have several tags, so the probabilities need not sum to one.

    Args:
        probabilities: of ``TAGS``, (B, 50).
        k: tags for each sound.

    Returns:
        B lists of (tag, probability), the likeliest first.
    """
    return [[(TAGS[t], float(row[t])) for t in np.argsort(-row, kind="stable")[:k]] for row in probabilities]


def listener(checkpoint: Path | str) -> Any:
    """``musicnn`` behind its front end.

    Args:
        checkpoint: the folder ``MTT_musicnn``.

    Returns:
        A compiled ``keras.Model``: samples (B, 48128) at 16 kHz -> features (B, 200), probabilities of ``TAGS``
        (B, 50).
    """
    import keras

    from mmrec.layers import MelSpectrogram

    samples = keras.Input((SAMPLES,))
    mel = MelSpectrogram(SAMPLE_RATE, n_fft=_FFT, hop=_HOP, mels=MELS, log=False)(samples)  # (B, 187, 96)
    model = keras.Model(samples, musicnn(checkpoint)(keras.ops.log10(1e4 * mel + 1)), name="musicnn_listener")
    model.compile(jit_compile=False)
    return model


def musicnn(checkpoint: Path | str) -> Any:
    """The network with its weights.

    Args:
        checkpoint: the folder ``MTT_musicnn``, a checkpoint of TensorFlow 1.

    Returns:
        A compiled ``keras.Model``: log10(1e4 mel + 1) (B, 187, 96) -> features (B, 200) of the last layer but one,
        probabilities of ``TAGS`` (B, 50).

    Raises:
        IntegrityError: the checkpoint is damaged, or is of another network.
    """
    import keras
    from keras import layers, ops

    built: dict[str, list[Any]] = {"conv2d": [], "batch_normalization": [], "dense": []}  # in the checkpoint's order

    def add(kind: str, layer: Any, x: Any) -> Any:
        built[kind].append(layer)
        return layer(x)

    def normalise(x: Any) -> Any:
        return add("batch_normalization", layers.BatchNormalization(epsilon=1e-3), x)

    def convolve(x: Any, filters: int, kernel: tuple[int, int], padding: str = "valid") -> Any:
        return normalise(add("conv2d", layers.Conv2D(filters, kernel, padding=padding, activation="relu"), x))

    def in_time(x: Any) -> Any:
        return layers.ZeroPadding2D(((3, 3), (0, 0)))(x)  # so that filters of 7 frames keep the number of frames

    inputs = keras.Input((FRAMES, MELS))
    sound = normalise(ops.expand_dims(inputs, -1))  # (B, 187, 96, 1)
    maps = [convolve(in_time(sound), _WIDE, (7, height)) for height in _TIMBRES]  # (B, 187, 97 - height, 204)
    maps += [convolve(sound, _NARROW, (length, 1), "same") for length in _RHYTHMS]  # (B, 187, 96, 51)
    front = ops.concatenate([ops.max(one, axis=2) for one in maps], axis=2)  # (B, 187, 561)
    stages = [ops.expand_dims(front, -1)]  # (B, 187, 561, 1)
    for number in range(3):
        before = stages[-1]  # (B, 187, c, 1)
        after = convolve(in_time(before), _MIDDLE, (7, before.shape[2]))  # (B, 187, 1, 64)
        after = ops.transpose(after, (0, 1, 3, 2))  # (B, 187, 64, 1)
        stages.append(after + before if number else after)
    together = ops.concatenate(stages, axis=2)  # (B, 187, 753, 1)
    pooled = ops.concatenate([ops.max(together, axis=1), ops.mean(together, axis=1)], axis=2)  # (B, 753, 2)
    x = normalise(ops.reshape(pooled, (-1, 2 * together.shape[2])))  # (B, 1506)
    features = normalise(add("dense", layers.Dense(FEATURES, activation="relu"), x))  # (B, 200)
    tags = add("dense", layers.Dense(len(TAGS), activation="sigmoid"), features)  # (B, 50)
    model = keras.Model(inputs, [features, tags], name="musicnn")
    _restore(built, Path(checkpoint))
    model.trainable = False
    model.compile(jit_compile=False)
    return model


def _restore(built: dict[str, list[Any]], checkpoint: Path) -> None:
    """Give the layers their variables, which TensorFlow 1 numbered as they were made: conv2d, conv2d_1, ..."""
    import tensorflow as tf

    names = {
        "conv2d": ("kernel", "bias"),
        "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
        "dense": ("kernel", "bias"),
    }
    try:
        reader = tf.compat.v1.train.NewCheckpointReader(f"{checkpoint}/")  # the file names begin with the dot
        for kind, found in built.items():
            for number, layer in enumerate(found):
                scope = f"{kind}_{number}" if number else kind
                layer.set_weights([np.asarray(reader.get_tensor(f"{scope}/{name}")) for name in names[kind]])
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise IntegrityError(f"{checkpoint}: not the checkpoint of musicnn ({reason})") from error
