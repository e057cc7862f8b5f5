"""Short tunes: mood is key, register and brightness; energy is tempo, drums and loudness."""

import io
from functools import lru_cache

import numpy as np

RATE = 22_050
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
PROGRESSION = (0, 5, 7, 0)
"""Roots of the chords in semitones: tonic, subdominant, dominant, tonic."""


def compose(mood: float, energy: float, rng: np.random.Generator) -> np.ndarray:
    """(T,) float32 mono samples at 22,050 Hz, 3 to 8 seconds.

    Args:
        mood: -1 sad (minor, low, dull) to 1 cheerful (major, high, bright).
        energy: -1 calm (slow, no drums, soft) to 1 driving (fast, drums, loud).
        rng: key, length and small deviations.
    """
    seconds = float(rng.uniform(3, 8))
    beat = 60 / (70 + 45 * (energy + 1) + rng.uniform(-5, 5))  # seconds a beat: 70 to 160 a minute
    root = 52 + round(9 * mood) + int(rng.integers(-2, 3))  # MIDI note of the tonic
    chord = MAJOR if mood > rng.normal(0, 0.15) else MINOR
    brightness = 0.35 + 0.25 * (mood + 1) / 2 + rng.uniform(-0.03, 0.03)  # decay from one harmonic to the next
    samples = np.zeros(int(seconds * RATE), np.float32)
    tone = lru_cache(maxsize=None)(_tone)  # few notes come back often
    for step in range(int(seconds / (beat / 2)) + 1):
        base = root + PROGRESSION[step // 8 % len(PROGRESSION)]
        note = base + chord[step % 3] + 12 * (step % 6 > 2)
        _add(samples, step * beat / 2, tone(note, beat * 0.9, brightness), 0.22)
        if step % 8 == 0:
            for semitones in chord:
                _add(samples, step * beat / 2, tone(base + semitones - 12, beat * 4, brightness), 0.12)
        if energy > -0.6:
            strength = 0.28 * (energy + 0.6) / 1.6
            _add(samples, step * beat / 2, _drum(low=step % 2 == 0, rng=rng), strength)
    loudness = 0.35 + 0.25 * (energy + 1)
    peak = np.abs(samples).max()
    return (loudness * samples / max(peak, 1e-6)).astype(np.float32)


def encode_ogg(samples: np.ndarray) -> bytes:
    """The samples as an Ogg Vorbis file, the same bytes each time.

    The encoder draws the number of its stream from the clock; here it is 1.
    """
    import soundfile
    from mutagen.ogg import OggPage

    drawn, numbered = io.BytesIO(), io.BytesIO()
    soundfile.write(drawn, samples, RATE, format="OGG", subtype="VORBIS")
    drawn.seek(0)
    while drawn.tell() < drawn.getbuffer().nbytes:
        page = OggPage(drawn)
        page.serial = 1
        numbered.write(page.write())
    return numbered.getvalue()


def _tone(note: int, seconds: float, brightness: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    frequency = 440 * 2 ** ((note - 69) / 12)
    sound = sum(brightness ** (k - 1) * np.sin(2 * np.pi * k * frequency * time) for k in range(1, 7))
    attack = np.minimum(1, time / 0.01)
    return sound * attack * np.exp(-2.5 * time / seconds)


def _drum(low: bool, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(0.12 * RATE)) / RATE
    if low:
        return np.sin(2 * np.pi * 70 * time) * np.exp(-30 * time) * 2
    return rng.normal(0, 1, len(time)) * np.exp(-45 * time)


def _add(samples: np.ndarray, at: float, sound: np.ndarray, gain: float) -> None:
    begin = int(at * RATE)
    end = min(begin + len(sound), len(samples))
    if begin < end:
        samples[begin:end] += (gain * sound[: end - begin]).astype(np.float32)
