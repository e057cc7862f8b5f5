import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from media_folders import held, load_catalogue, make_folder

from mmrec.errors import InputError, MmrecError
from mmrec.features import encoders, extraction
from mmrec.features.extraction import extract, write
from mmrec.features.feature_folder import FeatureFolder
from mmrec.features.store import FeatureStore


class CountingEncoder:
    """Bytes of the file or text, hashed into four numbers; remembers what it was asked for."""

    version = "1"
    size = 4

    def __init__(self, modality: str, fail_at: int | None = None) -> None:
        self.name, self.modality, self.parameters = f"count-{modality}", modality, {"modality": modality}
        self.encoded: list[bytes] = []
        self.fail_at = fail_at

    def load(self, source):
        return source.read_bytes() if isinstance(source, Path) else source.encode()

    def encode(self, batch):
        if self.fail_at is not None and len(self.encoded) >= self.fail_at:
            raise MmrecError("power cut")
        self.encoded += batch
        return np.array([[len(data), *data[-3:]] for data in batch], np.float32)


@pytest.fixture
def counting(monkeypatch, tmp_path):
    """Counting encoders as the defaults, with a cache of their own; the dictionary may be changed by the test."""
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    made = {modality: CountingEncoder(modality) for modality in ("text", "image", "audio")}
    monkeypatch.setattr(extraction, "make_encoder", lambda modality, name=None: made[modality])
    return made


def test_rows_follow_the_items_and_absent_ones_are_zero(counting, tmp_path):
    catalogue = load_catalogue(make_folder(tmp_path / "c", 70))  # more than two batches
    features = extract(catalogue)
    assert features.item_ids == catalogue.item_ids
    assert not features.blocks["image"][0].any()
    assert features.present[:4].tolist() == [
        [True, False, True],
        [True, True, False],
        [False, True, True],
        [True, True, True],
    ]
    for row in range(1, 70):
        data = (tmp_path / "c" / f"media/{row}.png").read_bytes()
        assert features.blocks["image"][row].tolist() == [len(data), *data[-3:]]


def test_second_run_encodes_nothing_and_a_changed_file_just_itself(counting, tmp_path):
    folder = make_folder(tmp_path / "c", 40)
    before = extract(load_catalogue(folder))
    for encoder in counting.values():
        encoder.encoded.clear()
    again = extract(load_catalogue(folder))
    assert [len(encoder.encoded) for encoder in counting.values()] == [0, 0, 0]
    changed = folder / "media/7.wav"
    changed.write_bytes(changed.read_bytes() + b"\1\2\3")
    after = extract(load_catalogue(folder))
    assert [len(encoder.encoded) for encoder in counting.values()] == [0, 0, 1]
    assert counting["audio"].encoded == [changed.read_bytes()]
    assert np.array_equal(before.blocks["audio"], again.blocks["audio"])
    differing = np.flatnonzero((after.blocks["audio"] != before.blocks["audio"]).any(axis=1))
    assert differing.tolist() == [7]
    assert before.info["audio"]["source"] != after.info["audio"]["source"]
    assert before.info["image"] == after.info["image"] == again.info["image"]


@pytest.mark.parametrize("change", ["version", "parameters"])
def test_a_new_version_or_parameter_recomputes_only_that_modality(counting, tmp_path, change):
    folder = make_folder(tmp_path / "c", 12)
    extract(load_catalogue(folder))
    for encoder in counting.values():
        encoder.encoded.clear()
    setattr(counting["image"], change, {"version": "2", "parameters": {"width": 3}}[change])
    extract(load_catalogue(folder))
    assert [len(encoder.encoded) for encoder in counting.values()] == [0, 11, 0]


def test_equal_contents_are_encoded_once(counting, tmp_path):
    folder = make_folder(tmp_path / "c", 12)
    (folder / "media/5.png").write_bytes((folder / "media/6.png").read_bytes())
    features = extract(load_catalogue(folder))
    assert len(counting["image"].encoded) == 10
    assert np.array_equal(features.blocks["image"][5], features.blocks["image"][6])


def test_an_interrupted_run_goes_on_where_it_was(counting, tmp_path):
    catalogue = load_catalogue(make_folder(tmp_path / "c", 80))
    counting["image"].fail_at = 32
    with pytest.raises(MmrecError, match="power cut"):
        extract(catalogue, folder=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    counting["image"].fail_at = None
    extract(catalogue)
    assert len(counting["image"].encoded) == len(set(counting["image"].encoded)) == 79


def test_no_more_than_a_few_items_are_loaded_ahead(counting, tmp_path):
    encoder, loaded, waiting = counting["image"], [], []
    load, encode = encoder.load, encoder.encode

    def counted_load(source):
        loaded.append(source)
        return load(source)

    def counted_encode(batch):
        time.sleep(0.02)  # the threads would run far ahead if nothing held them
        waiting.append(len(loaded) - len(encoder.encoded))
        return encode(batch)

    encoder.load, encoder.encode = counted_load, counted_encode
    extract(load_catalogue(make_folder(tmp_path / "c", 200)))
    assert len(waiting) == 7
    assert max(waiting) <= 2 * extraction.BATCH + 4


def test_arrays_on_disk_equal_arrays_in_memory(counting, tmp_path):
    catalogue = load_catalogue(make_folder(tmp_path / "c", 40))
    features = extract(catalogue)
    write(features, tmp_path / "written")
    streamed = extract(catalogue, folder=tmp_path / "streamed")
    assert isinstance(streamed.blocks["image"], np.memmap)
    names = ["audio_feat.npy", "features.json", "image_feat.npy", "present.npy", "text_feat.npy"]
    for place in ("written", "streamed"):
        assert sorted(path.name for path in (tmp_path / place).iterdir()) == names
    for name in names:
        assert (tmp_path / "written" / name).read_bytes() == (tmp_path / "streamed" / name).read_bytes()
    for modality in features.modalities:
        array = np.load(tmp_path / "written" / f"{modality}_feat.npy", allow_pickle=False)
        assert array.dtype == np.float32
        assert np.array_equal(array, features.blocks[modality])
    assert np.array_equal(np.load(tmp_path / "written/present.npy"), features.present)
    info = json.loads((tmp_path / "written/features.json").read_text())
    assert set(info) == {"text", "image", "audio"}
    assert all(set(entry) == {"encoder", "version", "parameters", "source"} for entry in info.values())


def test_a_modality_that_no_item_has_gives_no_file(counting, tmp_path):
    folder = make_folder(tmp_path / "c", 10)
    extract(load_catalogue(folder), folder=tmp_path / "out")
    table = pd.read_csv(folder / "product_data.csv", keep_default_na=False).assign(audio="")
    table.to_csv(folder / "product_data.csv", index=False)
    features = extract(load_catalogue(folder), folder=tmp_path / "out")
    assert features.modalities == ("text", "image")
    assert not features.mask("audio").any()
    assert not (tmp_path / "out/audio_feat.npy").exists()
    assert set(json.loads((tmp_path / "out/features.json").read_text())) == {"text", "image"}


def test_unknown_names_list_the_choices(tmp_path):
    catalogue = load_catalogue(make_folder(tmp_path / "c", 4))
    with pytest.raises(InputError, match=r"no image encoder 'vgg': choose from .*conv"):
        extract(catalogue, {"image": "vgg"})
    with pytest.raises(InputError, match=r"unknown modality 'smell': choose from text, image, audio"):
        extract(catalogue, {"smell": "conv"})
    with pytest.raises(InputError, match="jobs is 0"):
        extract(catalogue, jobs=0)


def test_registered_encoders_are_found(monkeypatch, tmp_path):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(encoders.REGISTRY["image"], "count", lambda: CountingEncoder("image"))
    catalogue = load_catalogue(make_folder(tmp_path / "c", 4))
    catalogue = replace(catalogue, items=catalogue.items.assign(text="", audio=""))
    features = extract(catalogue, {"image": "count"})
    assert features.info["image"]["encoder"] == "count-image"
    assert features.modalities == ("image",)


def test_reviews_are_counted_in_the_space_of_the_texts(monkeypatch, tmp_path):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    catalogue = load_catalogue(make_folder(tmp_path / "c", 6))
    catalogue = replace(catalogue, items=catalogue.items.assign(image="", audio=""))
    features = extract(catalogue)
    assert features.reviews is not None
    assert features.reviews.shape == (6, features.blocks["text"].shape[1])
    assert features.reviews[0].nnz == 0
    film = features.blocks["text"].min(axis=0, where=features.mask("text")[:, None], initial=9) > 0
    assert features.reviews[1].toarray()[0, film].any()  # the word "film" falls in the same column
    assert extract(replace(catalogue, reviews=("",) * 6)).reviews is None


def test_an_undecodable_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    folder = make_folder(tmp_path / "c", 5)
    (folder / "media/3.png").write_bytes(b"no picture")
    with pytest.raises(MmrecError, match=r"3\.png"):
        extract(load_catalogue(folder))


def test_feature_folder_discards_what_is_not_finished(tmp_path, monkeypatch):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    target = FeatureFolder(tmp_path / "out")
    target.add("image", (3, 2), [np.ones((3, 2), np.float32)])
    target.discard()
    assert list((tmp_path / "out").iterdir()) == []


def test_feature_folder_takes_all_rows_or_says_what_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    target = FeatureFolder(tmp_path / "out")
    with pytest.raises(ValueError, match="3 image rows, expected 5"):
        target.add("image", (5, 2), [rows[:3]])
    with pytest.raises(ValueError, match=r"\(2,\), expected \(3,\)"):
        target.add("image", (5, 3), [rows])
    target.add("image", (5, 2), [rows[:3], rows[3:]])
    blocks = target.finish(np.ones((5, 3), bool), {})
    target.discard()
    np.testing.assert_array_equal(blocks["image"], rows)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "image_feat.npy", allow_pickle=False), rows)


def command(folder: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "mmrec.cli", "features", str(folder), "--out", str(out)]


def test_a_killed_command_resumes_to_the_same_bytes(tmp_path):
    folder, cache = make_folder(tmp_path / "c", 150), tmp_path / "cache"
    start = [sys.executable, "-c", "from mmrec.cli import main; main()", *command(folder, tmp_path / "out")[3:]]
    whole = [sys.executable, "-c", "from mmrec.cli import main; main()", *command(folder, tmp_path / "whole")[3:]]
    subprocess.run(whole, env={**os.environ, "MMREC_CACHE": str(tmp_path / "other")}, check=True, timeout=180)
    environment = {**os.environ, "MMREC_CACHE": str(cache)}
    counts = []
    for prefix, rows in (("bow", 1), ("conv", 32), ("mel", 32)):
        process = subprocess.Popen(start, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while held(cache, prefix) < rows and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL  # it was still at work
        counts.append(held(cache, prefix))
        assert not (tmp_path / "out/features.json").exists()
    subprocess.run(start, env=environment, check=True, timeout=180)
    assert min(counts) >= 1
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_command_line(monkeypatch, tmp_path):
    from mmrec.commands.features import command as features_command

    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    folder = make_folder(tmp_path / "c", 12)
    result = CliRunner().invoke(features_command, [str(folder), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    assert "image: 11 of 12 items" in result.output
    assert np.load(tmp_path / "out/text_feat.npy").shape[0] == 12
    for wrong in ("image", "smell=x", "image="):
        with pytest.raises(InputError, match="MODALITY=NAME"):
            CliRunner().invoke(features_command, [str(folder), "--encoder", wrong], catch_exceptions=False)
    bare = CliRunner().invoke(features_command, [str(folder), "--encoder", "mfcc"], catch_exceptions=False)
    assert "audio: " in bare.output
    assert "(mfcc)" in bare.output
    both = ["--encoder", "mfcc", "--encoder", "audio=mel"]
    with pytest.raises(InputError, match="choose one"):
        CliRunner().invoke(features_command, [str(folder), *both], catch_exceptions=False)
    with pytest.raises(InputError, match="choose from"):
        CliRunner().invoke(features_command, [str(folder), "--encoder", "audio=x"], catch_exceptions=False)


def test_command_refuses_a_faulty_catalogue_unless_told_to_drop(monkeypatch, tmp_path):
    from mmrec.commands.features import command as features_command

    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    folder = make_folder(tmp_path / "c", 12)
    (folder / "media/3.png").write_bytes(b"no picture")
    with pytest.raises(MmrecError, match=r"3\.png"):
        CliRunner().invoke(features_command, [str(folder)], catch_exceptions=False)
    result = CliRunner().invoke(features_command, [str(folder), "--drop-faulty"], catch_exceptions=False)
    assert result.exit_code == 0


def test_two_stores_may_be_open_at_once(tmp_path):
    with FeatureStore({"encoder": "a"}, 1, tmp_path) as one, FeatureStore({"encoder": "a"}, 1, tmp_path) as two:
        one.put(["x"], np.ones((1, 1), np.float32))
        assert two.missing(["x", "y"]) == ["y"]
