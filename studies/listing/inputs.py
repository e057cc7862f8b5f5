"""What the audit's network reads, made with or without the faults of sections 5.2.1 to 5.2.3."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.feature_extraction.text import TfidfTransformer

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.features.extraction import extract
from mmrec.features.image_encoders import ConvPictureEncoder
from studies.listing.faults import Faults
from studies.listing.parts import TERMS


class Words:
    """TF-IDF as section 5.2.2 has it: the 1,000 commonest words, weighted, rows of unit length.

    Args:
        counts: (n, V) word counts of the training texts.
    """

    def __init__(self, counts: csr_matrix) -> None:
        frequency = np.asarray((counts > 0).sum(axis=0)).ravel()  # (V,)
        order = np.argsort(-frequency, kind="stable")[:TERMS]
        self.columns = np.sort(order[frequency[order] > 0])
        self.weighting = TfidfTransformer().fit(counts[:, self.columns])

    def rows(self, counts: csr_matrix) -> np.ndarray:
        """(n, V) counts -> (n, V') float32."""
        return self.weighting.transform(counts[:, self.columns]).toarray().astype(np.float32)


def as_indices(rows: np.ndarray) -> np.ndarray:
    """TF-IDF rows (n, V) -> (n, 2): what is left of them in an embedding, the share of zeros and of ones.

    An embedding cuts a weight down to a whole number, and weights are in [0, 1]. The mean over the V places of the
    vectors looked up is then this row times the table of vectors.
    """
    whole = rows.astype(np.int32)
    return np.stack([(whole == index).mean(axis=1) for index in (0, 1)], axis=1).astype(np.float32)


def cut_rows(past: Interactions, rng: np.random.Generator) -> tuple[Interactions, ...]:
    """Eight, one and one tenth of the rows, drawn without regard to time, user or item: train, validation, test."""
    order, size = rng.permutation(len(past)), len(past)
    return tuple(past.take(part) for part in np.split(order, [size * 8 // 10, size * 9 // 10]))


def pair_by_position(rows: Interactions) -> Interactions:
    """Row n of the ratings paired with row n of the products, these repeated until they fit."""
    return Interactions(rows.user, rows.row % rows.items, rows.rating, rows.timestamp, rows.row, rows.users, rows.items)


class Inputs:
    """A catalogue split by time, and its features in every form that a fault asks for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.features = extract(catalogue, {"audio": "mfcc"})
        if set(self.features.modalities) != {"text", "image", "audio"} or self.features.reviews is None:
            raise InputError("the audit needs texts, pictures, sounds and reviews: take the embedded catalogue")
        self.reviews: csr_matrix = self.features.reviews  # (N, V)
        self.counts = csr_matrix(self.features.blocks["text"])  # (I, V)
        self.split = by_time(catalogue.interactions)
        order = np.sort(np.concatenate([self.split.train.row, self.split.validation.row]))
        self.past = catalogue.interactions.take(order)

    @cached_property
    def pictures(self) -> np.ndarray:
        """(I, 96, 64, 3) uint8; black where there is none."""
        encoder = ConvPictureEncoder()
        pictures = np.zeros((len(self.catalogue.item_ids), 96, 64, 3), np.uint8)
        paths = {item: self.catalogue.media_path(item, "image") for item in range(len(pictures))}
        have = [item for item, path in paths.items() if path is not None]
        with ThreadPoolExecutor(2) as pool:
            pictures[have] = list(pool.map(encoder.load, [paths[item] for item in have]))
        return pictures

    @cached_property
    def small_pictures(self) -> np.ndarray:
        """(I, 24, 16, 3) float32 in [0, 1]: raw pictures of a size that can be trained on in seconds."""
        return (self.pictures.reshape(-1, 24, 4, 16, 4, 3).mean(axis=(2, 4)) / 255).astype(np.float32)

    @cached_property
    def pictures_off_scale(self) -> np.ndarray:
        """(I, 288): features of pictures divided by 255 once too often.

        The listing gives VGG16 numbers some 255 times smaller than its weights were trained for. Those weights are
        no part of this project, so its own filter bank, made for [0, 1], is put off its scale by as much.
        """
        encoder = ConvPictureEncoder()
        small = self.pictures / np.float32(255)
        blocks = [encoder.encode(list(small[at : at + encoder.rows])) for at in range(0, len(small), encoder.rows)]
        return np.concatenate(blocks) * self.features.mask("image")[:, None]

    def tables(self, faults: Faults, train: Interactions) -> dict[str, np.ndarray]:
        """Modality -> (I, d_m); scales and weights are learned from the items of ``train``."""
        known = train.known_items()  # (I,)
        tables = {}
        if not faults.review:
            rows = Words(self.counts[known & self.features.mask("text")]).rows(self.counts)  # (I, V)
            tables["text"] = as_indices(rows) if faults.float_indices else rows
        if not faults.raw_pictures:
            tables["image"] = self.pictures_off_scale if faults.picture_scale else self.features.blocks["image"]
        tables["audio"] = self.features.blocks["audio"]
        for name in ("image", "audio") if not faults.raw_features else ():
            if name in tables:
                here = self.features.mask(name)
                tables[name] = _standardise(tables[name], known & here) * here[:, None]
        return {name: table.astype(np.float32) for name, table in tables.items()}

    def texts(self, faults: Faults, train: Interactions, *parts: Interactions) -> list[np.ndarray]:
        """(n, V) for each of ``parts``: the reviews of the very rows, as section 5.2.1 reads them; width 0 without."""
        if not faults.review:
            return [np.zeros((len(part), 0), np.float32) for part in parts]
        words = Words(self.reviews[train.row])
        rows = words.rows(vstack([self.reviews[part.row] for part in parts]))  # (all n, V)
        rows = as_indices(rows) if faults.float_indices else rows
        return np.split(rows, np.cumsum([len(part) for part in parts])[:-1])


def _standardise(block: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1 over the known rows, divided by sqrt(d): rows of about unit length."""
    spread = block[known].std(axis=0)
    return (block - block[known].mean(axis=0)) / np.where(spread > 1e-9, spread, 1) / np.sqrt(block.shape[1])
