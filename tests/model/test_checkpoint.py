from dataclasses import replace

import pytest
import torch

from cxrmlops.model.checkpoint import (
    best_epoch,
    load_best,
    load_checkpoint,
    save_checkpoint,
)
from cxrmlops.model.training import Epoch, epochs
from tests.model.make import make_learner, make_lesson

FIRST = Epoch(1, 32, 0.7, 0.69, 0.5, 1e-3, 10.0, 1.0)


def after(number: int, *, val_loss: float) -> Epoch:
    return replace(FIRST, epoch=number, val_loss=val_loss)


def states(learner) -> dict[str, torch.Tensor]:
    return {
        **{f"n.{k}": v for k, v in learner.network.state_dict().items()},
        **{f"a.{k}": v for k, v in learner.average.module.state_dict().items()},
        **{
            f"{moment}.{name}": value
            for name, parameter in learner.network.named_parameters()
            for moment, value in learner.optimizer.state[parameter].items()
        },
    }


def test_a_fresh_learner_becomes_the_one_that_was_saved(tmp_path):
    saved, train, val = make_learner(), make_lesson(), make_lesson(8)
    history = list(epochs(saved, train, val))
    save_checkpoint(tmp_path, saved, history)

    fresh = make_learner()
    assert load_checkpoint(tmp_path, fresh) == history

    assert fresh.step == saved.step
    theirs = states(saved)
    assert states(fresh).keys() == theirs.keys()
    for name, value in states(fresh).items():
        assert torch.equal(value, theirs[name]), name
        assert value.stride() == theirs[name].stride(), name


def test_without_a_checkpoint_nothing_changes(tmp_path):
    learner = make_learner()
    before = learner.network.conv1.weight.clone()

    assert load_checkpoint(tmp_path, learner) == []
    assert torch.equal(learner.network.conv1.weight, before)


def test_the_best_weights_stay_when_later_epochs_are_worse(tmp_path):
    learner = make_learner()
    learner.learn(torch.rand(4, 1, 32, 32), torch.ones(4), torch.ones(2), rate=1e-3)
    history = [after(1, val_loss=0.5)]
    save_checkpoint(tmp_path, learner, history)
    best = learner.average.module.bias.clone()

    learner.average.module.shift(7.0)
    history.append(after(2, val_loss=0.6))
    save_checkpoint(tmp_path, learner, history)

    assert torch.equal(load_best(tmp_path, history)["bias"], best)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best-0001.safetensors",
        "last.safetensors",
    ]


def test_a_kill_while_saving_leaves_the_epoch_before(tmp_path, monkeypatch):
    learner = make_learner()
    learner.learn(torch.rand(4, 1, 32, 32), torch.ones(4), torch.ones(2), rate=1e-3)
    history = [after(1, val_loss=0.5)]
    save_checkpoint(tmp_path, learner, history)
    kept = learner.average.module.bias.clone()

    learner.average.module.shift(7.0)
    monkeypatch.setattr(
        "cxrmlops.model.checkpoint._tensors", lambda _: 1 / 0
    )  # after the new best is written, before the state is
    with pytest.raises(ZeroDivisionError):
        save_checkpoint(tmp_path, learner, [*history, after(2, val_loss=0.4)])

    found = load_checkpoint(tmp_path, make_learner())
    assert found == history
    assert torch.equal(load_best(tmp_path, found)["bias"], kept)


def test_the_best_epoch_is_the_first_of_equals():
    history = [after(k, val_loss=loss) for k, loss in enumerate([0.6, 0.5, 0.5], 1)]

    assert best_epoch(history).epoch == 2
