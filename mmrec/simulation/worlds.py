"""Small simulated worlds without media: users, items, ratings and reviews, independent of one another by seed.

One catalogue is one draw. What holds on average over draws shows on many worlds, and each takes milliseconds.
"""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.simulation.ratings import draw_ratings
from mmrec.simulation.reviews import TONE_ERROR, review
from mmrec.simulation.scenarios import SCENARIOS
from mmrec.simulation.truth import draw_items, draw_truth


def draw_world(
    seed: int,
    *,
    items: int = 150,
    users: int = 200,
    ratings: int = 5000,
    scenario: str = "movies",
    with_reviews: bool = False,
    tone_error: float = TONE_ERROR,
) -> tuple[Interactions, tuple[str, ...]]:
    """Ratings, and reviews where they are asked for, by the same truth as a simulated catalogue.

    Args:
        seed: of everything that is drawn.
        items, users, ratings: sizes.
        scenario: one of ``SCENARIOS``.
        with_reviews: write a review of every rating; a third of the users write Chinese.
        tone_error: noise of the reviews, in stars (see ``mmrec.simulation.reviews``).

    Returns:
        The rows in order of time, and the N reviews (an empty tuple without).
    """
    plan = SCENARIOS[scenario]
    rngs = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(5)]
    factors = draw_items(plan, items, rngs[0])
    drawn, _ = draw_ratings(draw_truth(plan, factors, users, rngs[1]), ratings, rngs[2], plan.process.activity)
    stars, number = drawn.stars.astype(np.float32), np.arange(ratings)
    rows = Interactions(drawn.user, drawn.item, stars, drawn.timestamp, number, users, items)
    if not with_reviews:
        return rows, ()
    language = rngs[3].choice(["zh", "en"], users, p=[1 / 3, 2 / 3])[drawn.user]
    told = zip(drawn.item, drawn.stars, language, strict=True)
    return rows, tuple(
        review(plan, factors, int(item), int(star), str(tongue), rngs[4], tone_error) for item, star, tongue in told
    )
