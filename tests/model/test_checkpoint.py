import errno
import threading
from dataclasses import replace

import pytest
import torch

from cxrmlops.model import checkpoint
from cxrmlops.model.checkpoint import (
    CheckpointWriter,
    best_epoch,
    load_best,
    load_checkpoint,
)
from cxrmlops.model.training import Epoch, epochs
from cxrmlops.system.errors import ResourceError
from tests.model.make_training import make_learner, make_lesson

pytestmark = pytest.mark.integration

LESSON = (torch.rand(4, 1, 32, 32), torch.ones(4), torch.ones(2))
FIRST = Epoch(1, 32, 0.7, 0.69, 0.5, 1e-3, 10.0, 1.0)


def after(number: int, *, val_loss: float) -> Epoch:
    return replace(FIRST, epoch=number, val_loss=val_loss)


def stepped():
    learner = make_learner()
    learner.learn(*LESSON, rate=1e-3)
    return learner


def save(folder, learner, history) -> None:
    with CheckpointWriter(folder) as writer:
        writer.save(learner, history)


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
    save(tmp_path, saved, history)

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
    learner = stepped()
    history = [after(1, val_loss=0.5)]
    save(tmp_path, learner, history)
    best = learner.average.module.bias.clone()

    learner.average.module.shift(7.0)
    history.append(after(2, val_loss=0.6))
    save(tmp_path, learner, history)

    assert torch.equal(load_best(tmp_path, history)["bias"], best)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-0001.safetensors",
        "epoch-0002.safetensors",
    ]


def test_of_files_the_last_and_the_best_stay(tmp_path):
    learner = stepped()
    history = []
    with CheckpointWriter(tmp_path) as writer:
        for number, loss in enumerate([0.6, 0.5, 0.7, 0.8], 1):
            history.append(after(number, val_loss=loss))
            writer.save(learner, history)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-0002.safetensors",
        "epoch-0004.safetensors",
    ]
    assert load_checkpoint(tmp_path, make_learner()) == history


def test_a_state_is_as_it_was_when_it_was_saved_whatever_is_learnt_meanwhile(
    tmp_path, monkeypatch
):
    learner, go_on = stepped(), threading.Event()
    write = checkpoint.save_file
    monkeypatch.setattr(
        checkpoint, "save_file", lambda *told: (go_on.wait(30), write(*told))
    )
    kept = {name: value.clone() for name, value in states(learner).items()}

    with CheckpointWriter(tmp_path) as writer:
        writer.save(learner, [after(1, val_loss=0.5)])
        learner.learn(*LESSON, rate=1e-3)  # while the file is being written
        go_on.set()

    fresh = make_learner()
    load_checkpoint(tmp_path, fresh)
    assert not torch.equal(states(learner)["n.bias"], kept["n.bias"])
    for name, value in states(fresh).items():
        assert torch.equal(value, kept[name]), name


def test_a_kill_while_saving_leaves_the_epoch_before(tmp_path, monkeypatch):
    learner = stepped()
    history = [after(1, val_loss=0.5)]
    save(tmp_path, learner, history)
    kept = learner.average.module.bias.clone()

    learner.average.module.shift(7.0)

    def half(tensors, draft, facts):  # noqa: ARG001
        draft.write_bytes(b"half a file")
        raise ZeroDivisionError

    monkeypatch.setattr(checkpoint, "save_file", half)
    with pytest.raises(ZeroDivisionError):
        save(tmp_path, learner, [*history, after(2, val_loss=0.4)])

    found = load_checkpoint(tmp_path, make_learner())
    assert found == history
    assert torch.equal(load_best(tmp_path, found)["bias"], kept)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0001.safetensors"]


def test_a_full_disk_is_told_at_the_next_epoch(tmp_path, monkeypatch):
    learner, history = stepped(), [after(1, val_loss=0.5)]

    def full(tensors, draft, facts):  # noqa: ARG001
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    writer = CheckpointWriter(tmp_path)
    writer.save(learner, history)
    with pytest.raises(ResourceError, match="no disk space left while writing"):
        writer.save(learner, [*history, after(2, val_loss=0.4)])


def test_the_best_epoch_is_the_first_of_equals():
    history = [after(k, val_loss=loss) for k, loss in enumerate([0.6, 0.5, 0.5], 1)]

    assert best_epoch(history).epoch == 2
