"""Duplicates: the same item under several ids."""

from collections import defaultdict

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from mmrec.data.catalogue import Catalogue
from mmrec.files import sha256_file


def find_duplicates(catalogue: Catalogue) -> list[list[int]]:
    """Groups of items that are the same under several ids, so that a split makes them cold together or not at all.

    Two items are duplicates if ``twin_of`` of one names the other, or if title, text and picture (its bytes) are equal.

    Returns:
        Groups of two or more item indices, each ascending, in the order of their first items.
    """
    items, pairs = catalogue.items, []
    place = {item_id: index for index, item_id in enumerate(catalogue.item_ids)}
    if "twin_of" in items:
        pairs += [(index, place[other]) for index, other in enumerate(items["twin_of"]) if other in place]
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, key in enumerate(zip(catalogue.titles(), items["text"], strict=True)):
        if key[1].strip():
            alike[key].append(index)
    for members in alike.values():
        first: dict[str, int] = {}
        for index in members if len(members) > 1 else ():
            path = catalogue.media_path(index, "image")
            pairs.append((index, first.setdefault(sha256_file(path) if path else "", index)))
    one, other = np.array(pairs, int).reshape(-1, 2).T
    _, group = connected_components(csr_matrix((np.ones(len(one)), (one, other)), (len(place), len(place))))
    groups: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(group):
        groups[number].append(index)
    return [members for members in groups.values() if len(members) > 1]
