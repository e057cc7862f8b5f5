"""Items that are one thing under several ids."""

from collections import defaultdict

from mmrec.data.catalogue import Catalogue
from mmrec.files import sha256_file


def find_twins(catalogue: Catalogue) -> list[list[int]]:
    """Items that are one thing under several ids: to be cold together or not at all.

    Two items are twins if ``twin_of`` of one names the other, or if title, text and picture (its bytes) are equal.

    Returns:
        Groups of two or more item indices, each ascending, in the order of their first items.
    """
    items = catalogue.items
    place = {item_id: index for index, item_id in enumerate(catalogue.item_ids)}
    leader = list(range(len(place)))

    def find(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    def join(one: int, other: int) -> None:
        low, high = sorted((find(one), find(other)))
        leader[high] = low

    if "twin_of" in items:
        for index, other in enumerate(items["twin_of"]):
            if other in place:
                join(place[other], index)
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, key in enumerate(zip(catalogue.titles(), items["text"], strict=True)):
        if key[1].strip():
            alike[key].append(index)
    for members in alike.values():
        first: dict[str, int] = {}
        for index in members if len(members) > 1 else ():
            path = catalogue.media_path(index, "image")
            join(first.setdefault(sha256_file(path) if path else "", index), index)

    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(leader)):
        groups[find(index)].append(index)
    return [members for members in groups.values() if len(members) > 1]
