import pytest
import torch

from cxrmlops.model import fitting
from cxrmlops.model.training import Epoch
from tests.model.make_training import make_learner, make_lesson

pytestmark = pytest.mark.integration


def fit(
    folder,
    *,
    epochs: int = 3,
    patience: int | None = 9,
    on_epoch=lambda _: None,
    size: int = 32,
    **quirks,
):
    learner = make_learner(epochs=epochs, **quirks)
    history = fitting.fit(
        learner,
        make_lesson(size=size),
        make_lesson(8, seed=1, size=size),
        patience=patience,
        work=folder,
        on_epoch=on_epoch,
    )
    return learner, history


def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path):
    def kill(figures):
        if figures["epoch"] == 2:
            raise KeyboardInterrupt

    whole, history = fit(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "killed", on_epoch=kill)
    told = []
    resumed, again = fit(
        tmp_path / "killed", on_epoch=lambda f: told.append(f["epoch"])
    )

    assert told == [3]
    assert [e.val_loss for e in again] == [e.val_loss for e in history]
    for ours, theirs in zip(
        resumed.network.state_dict().values(),
        whole.network.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def scripted(monkeypatch, losses: list[float], *, sizes=(32,) * 9) -> None:
    """Replace the training loop by one whose val losses are known."""

    def epochs(learner, _train, _val, *, judge, done):  # noqa: ARG001
        for number, loss in list(enumerate(losses, 1))[done:]:
            learner.average.module.shift(1.0)
            yield Epoch(number, sizes[number - 1], 0.5, loss, 0.5, 1e-3, 1.0, 1.0)

    monkeypatch.setattr(fitting, "epochs", epochs)
    monkeypatch.setattr(
        "cxrmlops.model.checkpoint._tensors",
        lambda learner: {
            f"average.{name}": value
            for name, value in learner.average.state_dict().items()
        },
    )


def test_training_stops_when_val_gets_no_better(monkeypatch, tmp_path):
    scripted(monkeypatch, [0.6, 0.5, 0.7, 0.5, 0.4])

    learner, history = fit(tmp_path, epochs=5, patience=2)

    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert learner.network.bias.item() == pytest.approx(2.0, abs=0.1)  # of epoch 2


def test_without_patience_the_schedule_always_runs_to_its_end(monkeypatch, tmp_path):
    scripted(monkeypatch, [0.2, 0.9, 0.8, 0.7, 0.6])

    learner, history = fit(tmp_path, epochs=5, patience=None)

    assert len(history) == 5
    assert learner.network.bias.item() == pytest.approx(1.0, abs=0.1)  # of epoch 1


def test_a_training_killed_between_two_sizes_ends_with_the_same_weights(tmp_path):
    steps = {"progressive": ((32, 2),)}

    def kill(figures):
        if figures["epoch"] == 2:
            raise KeyboardInterrupt

    whole, history = fit(tmp_path / "whole", epochs=2, size=48, **steps)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "killed", epochs=2, size=48, on_epoch=kill, **steps)
    resumed, again = fit(tmp_path / "killed", epochs=2, size=48, **steps)

    assert [epoch.size for epoch in again] == [32, 32, 48, 48]
    assert [e.val_loss for e in again] == [e.val_loss for e in history]
    assert torch.equal(resumed.network.conv1.weight, whole.network.conv1.weight)


def test_weights_of_small_films_are_never_kept_however_good(monkeypatch, tmp_path):
    scripted(monkeypatch, [0.1, 0.1, 0.9, 0.8], sizes=[16, 16, 32, 32])

    learner, history = fit(
        tmp_path, epochs=2, patience=1, progressive=((16, 2),)
    )  # nor do they end a training

    assert len(history) == 4
    assert learner.network.bias.item() == pytest.approx(4.0, abs=0.1)


def test_a_training_that_had_stopped_does_not_start_again(monkeypatch, tmp_path):
    scripted(monkeypatch, [0.5, 0.6, 0.7, 0.1])
    fit(tmp_path, patience=2)
    monkeypatch.setattr(
        fitting,
        "load_checkpoint",
        lambda *_: [
            Epoch(k, 32, 0.5, 0.4 + k / 10, 0.5, 1e-3, 1, 1) for k in (1, 2, 3)
        ],
    )
    told = []

    _, history = fit(tmp_path, patience=2, on_epoch=told.append)

    assert told == []
    assert len(history) == 3
