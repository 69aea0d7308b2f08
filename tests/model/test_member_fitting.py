from functools import partial

import pytest
import torch

from cxrmlops.model.device import open_fabric
from cxrmlops.model.fitting import fit
from cxrmlops.model.member_fitting import fit_members
from cxrmlops.model.network import build_network
from tests.model.make_training import make_lesson, make_recipe

pytestmark = pytest.mark.integration


def train(folder, *, members: int = 2, on_epoch=lambda _: None, seed: int = 1):
    fabric = open_fabric(accelerator="cpu", precision="32-true")
    fabric.launch()
    fit_one = partial(
        fit, train=make_lesson(), val=make_lesson(8, seed=1), patience=None
    )
    return fit_members(
        fabric,
        lambda _: build_network("resnet18_narrow"),
        make_recipe(seed=seed),
        fit_one,
        members=members,
        work=folder,
        on_epoch=on_epoch,
    )


def assert_equal(ours, theirs) -> None:
    states = (ours.network.state_dict(), theirs.network.state_dict())
    assert states[0].keys() == states[1].keys()
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_each_network_is_what_its_seed_alone_gives(tmp_path):
    both = train(tmp_path / "both")

    for number, seed in enumerate((1, 2)):
        alone = train(tmp_path / str(seed), members=1, seed=seed)
        ours = both.network.members[number].state_dict()
        for name, value in alone.network.state_dict().items():
            assert torch.equal(value, ours[name]), name


def test_epochs_are_counted_over_all_networks(tmp_path):
    told = []

    trained = train(tmp_path, on_epoch=told.append)

    assert [(row["network"], row["epoch"]) for row in told] == [
        *((1, 1), (1, 2), (2, 3), (2, 4))
    ]
    assert trained.history == told
    first, second = trained.best_epochs
    assert first in (1, 2)
    assert second in (3, 4)
    losses = {row["epoch"]: row["val_loss"] for row in told}
    assert losses[second] == min(losses[3], losses[4])


@pytest.mark.parametrize("at", [1, 2, 3])
def test_killed_in_or_between_networks_it_ends_with_the_same_weights(tmp_path, at):
    def kill(figures):
        if figures["epoch"] == at:
            raise KeyboardInterrupt

    whole = train(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", on_epoch=kill)
    told = []
    resumed = train(tmp_path / "killed", on_epoch=lambda f: told.append(f["epoch"]))

    assert told == list(range(at + 1, 5))
    assert_equal(resumed, whole)
    assert resumed.best_epochs == whole.best_epochs
