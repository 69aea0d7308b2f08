import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from cxrmlops.model.learner import MAX_GRADIENT_NORM, weighted_loss
from tests.model.make_training import make_learner

pytestmark = pytest.mark.integration

EVEN = torch.ones(2)


def batch(n: int = 8, *, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    target = (torch.arange(n) % 2).float()
    images = torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(0))
    return images * 0.5 + target[:, None, None, None] * 0.4, target


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_few_steps_learn_what_is_plain_to_see(precision):
    learning = make_learner(precision=precision)

    losses = [learning.learn(*batch(), EVEN, rate=1e-3) for _ in range(6)]

    assert learning.step == 6
    assert losses[-1] < 0.6 * losses[0]
    assert learning.network.conv1.weight.dtype == torch.float32


def test_scales_and_biases_do_not_decay():
    learning = make_learner(weight_decay=0.1)
    decay = {
        id(parameter): group["weight_decay"]
        for group in learning.optimizer.param_groups
        for parameter in group["params"]
    }

    for name, parameter in learning.network.named_parameters():
        is_filter = name.endswith("conv1.weight") or parameter.ndim == 4
        assert decay[id(parameter)] == (0.1 if is_filter else 0.0), name


def test_the_stem_learns_at_its_share_of_the_rate_and_the_rest_at_all_of_it():
    learning = make_learner(stem_rate=0.1)

    learning.learn(*batch(), EVEN, rate=2e-3)

    rates = {
        id(parameter): group["lr"]
        for group in learning.optimizer.param_groups
        for parameter in group["params"]
    }
    for name, parameter in learning.network.named_parameters():
        stem = name.split(".")[0] in ("conv1", "bn1", "layer1")
        assert rates[id(parameter)] == pytest.approx(2e-4 if stem else 2e-3), name


def test_a_huge_loss_makes_no_huge_step(monkeypatch):
    learning = make_learner()
    seen = {}

    def look(*_args, **_kwargs):
        gradients = [p.grad.norm() for p in learning.network.parameters()]
        seen["norm"] = float(torch.stack(gradients).norm())

    monkeypatch.setattr(learning._stepper, "step", look)
    images, target = batch()

    learning.learn(images, target, EVEN * 1e6, rate=1e-3)

    assert seen["norm"] == pytest.approx(MAX_GRADIENT_NORM, rel=1e-3)


def test_the_rate_of_the_step_is_the_one_asked_for():
    learning = make_learner()
    before = learning.network.conv1.weight.detach().clone()

    learning.learn(*batch(), EVEN, rate=0.0)

    assert torch.equal(learning.network.conv1.weight, before)


def test_the_loss_is_plain_cross_entropy_without_weights_and_smoothing():
    logit, target = torch.randn(6), torch.tensor([0.0, 1, 0, 1, 1, 1])

    ours = weighted_loss(logit, target, EVEN, smoothing=0.0)

    torch.testing.assert_close(ours, binary_cross_entropy_with_logits(logit, target))


def test_class_weights_count_each_image_by_its_own_class():
    logit, target = torch.zeros(4), torch.tensor([0.0, 0, 0, 1])

    ours = weighted_loss(logit, target, torch.tensor([2 / 3, 2.0]), smoothing=0.0)

    assert float(ours) == pytest.approx(np.log(2))


def test_smoothed_labels_are_least_costly_just_short_of_certainty():
    logit = torch.linspace(-8, 8, 161)
    cost = [
        float(weighted_loss(z[None], torch.ones(1), EVEN, smoothing=0.1)) for z in logit
    ]

    best = logit[int(np.argmin(cost))]

    assert float(torch.sigmoid(best)) == pytest.approx(0.95, abs=0.005)
