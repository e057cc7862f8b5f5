"""Reviews of other users in the text block: whose reviews are read, and whose are not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mmrec.data.split import by_time
from mmrec.errors import InputError
from studies.case.fusion_reviews import ReviewFusion, ReviewPool

SMALL = {"units": 8, "embedding_size": 4, "hidden_units": 8, "epochs": 2, "batch_size": 7, "components": (5, 4, 3)}


@pytest.fixture
def reviewed(interactions, features):
    """Features with a review for two of three rows."""
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.3, (len(interactions), 30)) * (rng.random((len(interactions), 1)) < 0.7)
    return replace(features, reviews=csr_matrix(counts.astype(np.float32)))


def test_a_pool_without_users_is_the_mean_of_the_others_reviews():
    rng = np.random.default_rng(0)
    vectors, user, item = rng.normal(size=(60, 4)), rng.integers(0, 9, 60), rng.integers(0, 12, 60)
    mean, has = ReviewPool(vectors, user, item, 9, 12).without(np.array([2, 5]))
    for place in range(12):
        left = (item == place) & ~np.isin(user, [2, 5])
        assert has[place] == left.any()
        expected = vectors[left].mean(axis=0) if left.any() else np.zeros(4)
        np.testing.assert_allclose(mean[place], expected, atol=1e-6)


def test_reviews_of_test_and_validation_rows_are_never_read(interactions, reviewed):
    split = by_time(interactions)
    model = ReviewFusion(review_components=6, **SMALL).fit(split.train, reviewed)
    poisoned = reviewed.reviews.tolil()
    for part in (split.validation, split.test["warm"]):
        poisoned[part.row] = np.random.default_rng(2).poisson(3, (len(part), 30))
    again = ReviewFusion(review_components=6, **SMALL).fit(split.train, replace(reviewed, reviews=poisoned.tocsr()))
    users = np.arange(interactions.n_users)
    np.testing.assert_array_equal(model.scores(users), again.scores(users))


def test_a_batch_holds_no_review_of_its_own_users(interactions, reviewed):
    model = ReviewFusion(review_components=6, **SMALL).fit(interactions, reviewed)
    options = {"like": 4, "batch_size": 7, "rng": np.random.default_rng(0)}
    batches = model._batches(interactions, reviewed, **options)
    batch = batches[0][0]
    users = batches.order[:7]
    others, _ = model.reviews.without(users)
    np.testing.assert_allclose(batch["tables"]["text"][:, -others.shape[1] :], others)
    assert not np.allclose(others, model.pooled)
    model.own_reviews = True
    leaking = model._batches(interactions, reviewed, **options)[0][0]
    np.testing.assert_allclose(leaking["tables"]["text"][:, -others.shape[1] :], model.pooled)


def test_an_item_without_text_is_read_off_its_reviews(interactions, reviewed):
    model = ReviewFusion(review_components=6, **SMALL).fit(interactions, reviewed)
    _, present = model._inputs(reviewed)
    without_text = ~reviewed.mask("text")
    assert without_text.any()
    np.testing.assert_array_equal(present[without_text, 0] > 0, model.reviewed[without_text])
    pictures = model.use(reviewed.only("image"))
    assert np.isfinite(pictures.scores(np.arange(5))).all()
    assert not np.allclose(pictures.items, model.items)


def test_word_vectors_can_stand_for_word_counts(interactions, reviewed):
    rng = np.random.default_rng(3)
    text = rng.normal(size=(interactions.n_items, 6)).astype(np.float32)
    written = csr_matrix(rng.normal(size=(len(interactions), 6)))
    vectors = replace(reviewed, blocks={**reviewed.blocks, "text": text}, reviews=written)
    model = ReviewFusion(review_components=6, **SMALL).fit(interactions, vectors)
    assert np.isfinite(model.scores(np.arange(interactions.n_users))).all()


def test_saving_keeps_the_scores(interactions, reviewed, tmp_path):
    model = ReviewFusion(review_components=6, **SMALL).fit(interactions, reviewed)
    again = ReviewFusion(review_components=6, **SMALL)
    again.restore(model.state())
    np.testing.assert_array_equal(model.scores(np.arange(5)), again.scores(np.arange(5)))


def test_needs_texts_and_reviews(interactions, features):
    with pytest.raises(InputError, match="reviews"):
        ReviewFusion(**SMALL).fit(interactions, features)
    nobody = csr_matrix((len(interactions), 30), dtype=np.float32)
    with pytest.raises(InputError, match="the training rows hold none"):
        ReviewFusion(**SMALL).fit(interactions, replace(features, reviews=nobody))
