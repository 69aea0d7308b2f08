import logging
from operator import attrgetter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cxrmlops.model import training
from cxrmlops.model.training import auc, class_weight, epochs, read_images
from cxrmlops.system.clock import ProgressTimer
from cxrmlops.system.errors import ParamsError
from tests.model.make_training import make_learner, make_lesson

pytestmark = pytest.mark.integration


def test_each_epoch_hands_over_what_it_showed():
    learner = make_learner(epochs=3)

    shown = list(epochs(learner, make_lesson(), make_lesson(8, seed=1)))

    assert [epoch.epoch for epoch in shown] == [1, 2, 3]
    assert all(0 < epoch.train_loss < 2 for epoch in shown)
    assert learner.step == 9
    assert all(epoch.images_per_second > 0 for epoch in shown)
    assert all(0 <= epoch.val_auc <= 1 for epoch in shown)
    assert shown[0].learning_rate > shown[-1].learning_rate > 0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    def trained(seed: int) -> torch.Tensor:
        learner = make_learner(seed=seed, epochs=1)
        list(epochs(learner, make_lesson(), make_lesson(8)))
        return learner.network.layer4[0].conv1.weight

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_val_is_only_looked_at():
    learner = make_learner(epochs=1)
    list(epochs(learner, make_lesson(), make_lesson(8, seed=1)))
    other = make_learner(epochs=1)
    list(epochs(other, make_lesson(), make_lesson(8, seed=2)))

    for network in ("network", "average.module"):
        mine, others = (attrgetter(network)(each) for each in (learner, other))
        for name, value in mine.state_dict().items():
            assert torch.equal(value, others.state_dict()[name]), f"{network}: {name}"


def test_val_is_judged_by_the_averaged_weights():
    learner, val = make_learner(epochs=1), make_lesson(7)

    (epoch,) = epochs(learner, make_lesson(), val)

    images = torch.from_numpy(val.images.read(np.arange(7)))[:, None] / 255
    with torch.inference_mode():
        expected = learner.average.module(images)[0].numpy()
    np.testing.assert_allclose(read_images(learner, val.images), expected, atol=1e-5)
    assert epoch.val_auc == pytest.approx(roc_auc_score(val.abnormal, expected))


def test_the_loss_on_val_is_cross_entropy_with_labels_as_they_are():
    learner = make_learner(epochs=1, label_smoothing=0.2)
    val = make_lesson(9)  # five abnormal of nine
    lesson = make_lesson(15)  # eight of fifteen: they set the weights

    (epoch,) = epochs(learner, lesson, val)

    logit = read_images(learner, val.images).astype(np.float64)
    cost = np.where(val.abnormal, np.logaddexp(0, -logit), np.logaddexp(0, logit))
    weight = np.where(val.abnormal, 15 / (2 * 8), 15 / (2 * 7))
    assert epoch.val_loss == pytest.approx(float(np.mean(weight * cost)), rel=1e-5)


def test_val_is_judged_by_the_judge_that_is_given():
    learner, val, seen = make_learner(epochs=1), make_lesson(8), []

    def judge(logit):
        seen.append(logit)
        return 0.25, 0.75

    (epoch,) = epochs(learner, make_lesson(), val, judge=judge)

    assert (epoch.val_loss, epoch.val_auc) == (0.25, 0.75)
    np.testing.assert_array_equal(seen[0], read_images(learner, val.images))


def test_epochs_grow_from_small_films_to_whole_ones_under_one_cosine(monkeypatch):
    learner = make_learner(epochs=1, progressive=((32, 1), (48, 1)))
    seen, step = [], learner.learn

    def learn(images, *rest, rate):
        seen.append((images.shape[-1], rate))
        return step(images, *rest, rate=rate)

    monkeypatch.setattr(learner, "learn", learn)

    shown = list(epochs(learner, make_lesson(8, size=64), make_lesson(8, size=64)))

    assert [epoch.size for epoch in shown] == [32, 48, 64]
    assert [size for size, _ in seen] == [32, 48, 64]
    rates = [rate for _, rate in seen]
    assert rates == sorted(rates, reverse=True)  # no second warm-up


def test_a_loss_that_is_no_number_says_what_to_do():
    learner = make_learner()
    with torch.no_grad():
        learner.network.bias.fill_(float("nan"))

    with pytest.raises(ParamsError, match="not a number.*epoch 1.*learning_rate"):
        next(epochs(learner, make_lesson(), make_lesson(8)))


def test_an_image_out_of_range_is_never_learnt_from_unnoticed(monkeypatch):
    monkeypatch.setattr(training, "augment", lambda images, *_a, **_k: images * 2)

    with pytest.raises(ValueError, match="left the range 0-1"):
        next(epochs(make_learner(), make_lesson(), make_lesson(8)))


def test_progress_is_told_within_an_epoch(monkeypatch, caplog):
    monkeypatch.setattr(ProgressTimer, "due", lambda _timer: 1.0)

    with caplog.at_level(logging.INFO):
        next(epochs(make_learner(), make_lesson(24), make_lesson(8)))

    assert "epoch 1, 8 of 24 films" in caplog.text
    assert "images/s" in caplog.text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40))
def test_auc_is_that_of_scikit_learn_ties_included(rows):
    score = np.array([value for value, _ in rows], np.float32)
    abnormal = np.array([label for _, label in rows])
    if abnormal.all() or not abnormal.any():
        assert np.isnan(auc(score, abnormal))
        return

    assert auc(score, abnormal) == pytest.approx(roc_auc_score(abnormal, score))


def test_class_weights_make_both_classes_count_alike():
    abnormal = np.array([True] + [False] * 9)

    nsf, asf = class_weight(abnormal, balanced=True).tolist()

    assert nsf * 9 == pytest.approx(asf)
    assert nsf * 9 + asf == pytest.approx(10)
    assert class_weight(abnormal, balanced=False).tolist() == [1, 1]
