import cv2
import numpy as np
import pytest
import soundfile

from mmrec.errors import InputError, MediaError
from mmrec.features.audio_encoders import MelSoundEncoder
from mmrec.features.encoders import DEFAULT_ENCODERS, REGISTRY, make_encoder


def inputs(modality: str, folder, count: int) -> list:
    """Texts, or files of pictures or sounds, all different and of different sizes."""
    rng = np.random.default_rng(5)
    sources: list = []
    for number in range(count):
        if modality == "text":
            sources.append(" ".join(f"word{word}" for word in rng.integers(0, 50, 1 + number)) + " 电影")
        elif modality == "image":
            path = folder / f"{number}.png"
            cv2.imwrite(str(path), rng.integers(0, 256, (100 + number, 70 + 2 * number, 3), np.uint8))
            sources.append(path)
        else:
            path = folder / f"{number}.wav"
            soundfile.write(path, rng.normal(0, 0.1, 8000 + 700 * number).astype(np.float32), 16_000)
            sources.append(path)
    return sources


# those with pre-trained weights say whether the weights are there; tests/test_pretrained.py has more about them
ALL = [
    (modality, name)
    for modality, factories in REGISTRY.items()
    for name, factory in factories.items()
    if getattr(factory, "available", lambda: True)()
]


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_rows_do_not_depend_on_the_batch(modality, name, tmp_path):
    encoder = make_encoder(modality, name)
    loaded = [encoder.load(source) for source in inputs(modality, tmp_path, 9)]
    together = encoder.encode(loaded)
    assert together.shape == (9, encoder.size)
    assert together.dtype == np.float32
    assert len(np.unique(together, axis=0)) == 9
    assert np.array_equal(encoder.encode(loaded[::-1])[::-1], together)
    alone = np.concatenate([encoder.encode([one]) for one in loaded])
    assert np.array_equal(alone, together)
    again = make_encoder(modality, name)
    assert np.array_equal(again.encode(loaded[3:5]), together[3:5])


@pytest.mark.parametrize(("modality", "name"), ALL)
def test_encoders_name_all_that_the_cache_needs(modality, name):
    encoder = make_encoder(modality, name)
    assert make_encoder(modality).name == DEFAULT_ENCODERS[modality]
    assert encoder.modality == modality
    assert encoder.name == name
    assert encoder.version
    assert encoder.parameters
    assert make_encoder(modality, encoder.name).parameters == encoder.parameters


def test_bow_counts_words():
    rows = make_encoder("text").encode(["one two two", "two"])
    assert sorted(rows[0][rows[0] > 0]) == [1, 2]
    assert rows[0][rows[1] > 0].tolist() == [2]


def test_conv_sees_where_and_which_colour(tmp_path):
    encoder = make_encoder("image")
    picture = np.zeros((120, 80, 3), np.uint8)
    picture[:40, :, 2] = 255  # OpenCV writes blue, green, red: the top third is red
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    small = encoder.load(tmp_path / "a.png")
    assert small[0, 0].tolist() == [255, 0, 0]
    rows, columns = encoder.parameters["grid"]
    cells = encoder.encode([small])[0].reshape(rows, columns, -1)
    assert not np.allclose(cells[0], cells[-1], atol=0.05)
    np.testing.assert_allclose(cells[-1, :, :36].mean(0), cells[-1, 0, :36], atol=0.05)  # black from side to side


def test_mel_finds_the_band_of_a_tone(tmp_path):
    import librosa

    encoder = make_encoder("audio")
    rate, mels = encoder.parameters["sample_rate"], encoder.parameters["mels"]
    time = np.arange(2 * rate) / rate
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 880 * time), rate)
    row = encoder.encode([encoder.load(tmp_path / "a.wav")])[0][:mels]
    centres = librosa.mel_frequencies(mels + 2, fmin=0, fmax=rate / 2)[1:-1]
    assert abs(int(row.argmax()) - int(np.abs(centres - 880).argmin())) <= 1


def test_encoders_of_other_parameters_share_no_compiled_model(tmp_path):
    soundfile.write(tmp_path / "s.wav", np.sin(np.arange(16_000) / 9), 8000)
    rows = []
    for mels in (16, 24, 16):
        encoder = MelSoundEncoder(sample_rate=8000, mels=mels)
        rows.append(encoder.encode([encoder.load(tmp_path / "s.wav")]))
    assert [row.shape for row in rows] == [(1, 16), (1, 24), (1, 16)]
    assert np.array_equal(rows[0], rows[2])


def test_cepstra_are_those_of_librosa_pooled(tmp_path):
    import librosa

    rate = 22050
    wave = np.random.default_rng(0).normal(0, 0.1, 30_000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    expected = librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=13, n_fft=1024, hop_length=512, n_mels=64, center=False)
    mean, kept = (make_encoder("audio", name) for name in ("mfcc", "mfcc-time"))
    np.testing.assert_allclose(mean.encode([mean.load(tmp_path / "a.wav")])[0], expected.mean(1), rtol=1e-4, atol=1e-3)
    row = kept.encode([kept.load(tmp_path / "a.wav")])[0].reshape(6, 13)
    np.testing.assert_allclose(row[0], expected.mean(1), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(row[1], expected.std(1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(row[2:].mean(0), row[0], rtol=1e-3, atol=1e-3)  # equal spans of the whole


@pytest.mark.parametrize(("modality", "name"), [("image", "a.png"), ("audio", "a.wav")])
def test_undecodable_media_are_named(modality, name, tmp_path):
    (tmp_path / name).write_bytes(b"neither picture nor sound")
    with pytest.raises(MediaError, match=name.replace(".", r"\.")):
        make_encoder(modality).load(tmp_path / name)


@pytest.mark.parametrize("modality", ["text", "image", "audio"])
def test_unknown_names_list_the_choices(modality):
    with pytest.raises(InputError, match=", ".join(sorted(REGISTRY[modality]))):
        make_encoder(modality, "nothing")
