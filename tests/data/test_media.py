"""Decoding pictures and sounds of every kind, within bounded memory."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from PIL import Image

from mmrec.data import media
from mmrec.data.media import check_audio, check_image, read_audio, read_image
from mmrec.errors import MediaError

GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "1"])
def test_every_kind_becomes_rgb(tmp_path, mode):
    deep = Image.fromarray(GREY.astype(np.uint16) << 8)
    image = deep if mode == "I;16" else Image.fromarray(GREY).convert(mode)
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    image.save(path)
    check_image(path)
    pixels = read_image(path)
    assert pixels.shape == (4, 6, 3)
    assert pixels.dtype == np.uint8
    if mode != "1":
        expected = np.repeat(GREY[..., None], 3, axis=-1).astype(int)
        assert np.abs(pixels - expected).max() <= (40 if mode == "P" else 1)  # a palette has few greys


def test_transparent_is_white(tmp_path):
    Image.new("RGBA", (3, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == 255).all()


def test_pixels_are_limited_by_the_header(tmp_path, monkeypatch):
    Image.new("L", (30, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr(media, "MAX_PIXELS", 599)
    with pytest.raises(MediaError, match="30 x 20 pixels"):
        read_image(tmp_path / "a.png")


def test_a_name_that_belies_the_content(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", format="PNG")
    assert np.array_equal(read_image(tmp_path / "a.jpg")[..., 0], GREY)
    with pytest.raises(MediaError, match="holds PNG under the name of JPEG"):
        check_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("keep", [0, 10, 60])
def test_cut_pictures(tmp_path, keep):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(MediaError, match=r"a\.png"):
        read_image(path)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_sound_is_mono_and_cut_at_the_limit(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower()}"
    left = np.sin(np.arange(22_050) / 9).astype(np.float32) / 2
    soundfile.write(path, np.stack([left, np.zeros_like(left)], axis=1), 22_050, format=kind)
    check_audio(path)
    samples, rate = read_audio(path, max_seconds=0.5)
    assert (samples.shape, samples.dtype, rate) == ((11_025,), np.float32, 22_050)
    if kind in ("WAV", "FLAC"):
        np.testing.assert_allclose(samples, left[:11_025] / 2, atol=1e-4)


def test_sound_is_resampled(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(8_000) * 2 * np.pi * 440 / 8_000), 8_000)
    samples, rate = read_audio(tmp_path / "a.wav", sample_rate=16_000)
    assert (len(samples), rate) == (16_000, 16_000)
    assert np.abs(np.fft.rfft(samples)).argmax() == 440


def test_many_channels_of_silence_take_little_memory(tmp_path):
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", 48_000, 8, format="FLAC") as sound:
        for _ in range(60):
            sound.write(np.zeros((48_000, 8), np.int16))
    tracemalloc.start()
    try:
        check_audio(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000  # decoded whole: 60 x 48,000 x 8 x 4 bytes = 92 MB


@pytest.mark.parametrize("data", [b"", b"no sound", bytes(range(256)) * 9])
def test_what_is_no_sound(tmp_path, data):
    (tmp_path / "a.ogg").write_bytes(data)
    for read in (read_audio, check_audio):
        with pytest.raises(MediaError, match=r"a\.ogg"):
            read(tmp_path / "a.ogg")


def test_sound_without_numbers(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(100, np.nan, np.float32), 8_000, subtype="FLOAT")
    for read in (read_audio, check_audio):
        with pytest.raises(MediaError, match="no usable sample"):
            read(tmp_path / "a.wav")


@pytest.mark.parametrize("peak", [1e7, 1e18, 3e38])
def test_absurdly_loud_samples_are_refused(tmp_path, peak):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.array([0, peak, -peak, 0], np.float32), 8_000, subtype="FLOAT")
    for look in (read_audio, check_audio):
        with pytest.raises(MediaError, match=r"loud.wav: samples of .*, where 1 is full scale"):
            look(path)
