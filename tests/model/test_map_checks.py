import numpy as np
import pytest
import torch
from torch import nn

from cxrmlops.model import map_checks
from cxrmlops.model.map_checks import PARTS, REDRAWS, draw_maps, road, shuffled
from cxrmlops.model.network import build_network, fold_norms


@pytest.fixture(scope="module", params=["mean", "log_sum_exp"])
def network(request):
    torch.manual_seed(0)
    made = build_network("resnet18_narrow", pooling=request.param).eval()
    with torch.no_grad():  # so that evidence varies
        made.evidence.weight.uniform_(-1.0, 1.3)
    return fold_norms(made)


@pytest.fixture(scope="module")
def squares():
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96)).astype(np.uint8)


@pytest.fixture(scope="module")
def maps(network, squares):
    return draw_maps(network, squares, seed=1)


def test_redrawn_weights_give_other_maps_and_leave_the_network(maps, network, squares):
    assert tuple(maps.redrawn) == PARTS
    for part in PARTS:
        assert not np.allclose(maps.redrawn[part], maps.evidence, rtol=0.1)

    assert len(maps.all_redrawn) == REDRAWS
    first, *others = maps.all_redrawn
    np.testing.assert_array_equal(first, maps.redrawn["conv1"])
    for other in others:
        assert not np.allclose(other, first, rtol=0.1)

    again = draw_maps(network, squares, seed=1)

    for found, before in ((again.evidence, maps.evidence),
                          (again.redrawn["conv1"], maps.redrawn["conv1"])):  # fmt: skip
        np.testing.assert_allclose(found, before, rtol=1e-4)


def test_images_hardly_changed_have_nearly_the_same_map(maps):
    for change in ("noise", "shift"):
        assert maps.repeated[change].shape == maps.evidence.shape
    noise = np.abs(maps.repeated["noise"] - maps.evidence).mean()
    assert 0 < noise < 0.2 * np.abs(maps.evidence).mean()


class Centre(nn.Module):
    """A network whose logit is the brightness of the middle, and nothing else."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return images[:, 0, 16:32, 16:32].mean((1, 2)) + self.bias, images


def test_road_is_above_0_where_a_map_points_at_what_counts_and_turns_with_it():
    image = np.full((1, 48, 48), 60, np.uint8)
    image[0, 16:32, 16:32] = 200
    middle = np.zeros((1, 48, 48), np.float32)
    middle[0, 16:32, 16:32] = 1
    corner = np.roll(middle, (16, 16), (1, 2))

    points, elsewhere, against = (
        road(Centre(), image, each, seed=0)[0] for each in (middle, corner, -middle)
    )

    assert points > 0.1
    assert elsewhere < points
    assert against < -0.1
    assert road(Centre(), image, middle, seed=0)[0] == points


def test_a_shuffled_map_has_the_same_values_elsewhere(maps):
    mixed = shuffled(maps.evidence, seed=1)

    for image, other in zip(maps.evidence, mixed, strict=True):
        np.testing.assert_array_equal(np.sort(image, axis=None), np.sort(other, None))
    assert not np.array_equal(mixed, maps.evidence)


def test_weights_are_drawn_anew_from_the_head_down_to_the_part_and_no_further(
    network, squares, monkeypatch
):
    seen = []

    def look(other, _squares):
        state = other.state_dict().items()
        seen.append({k: v.clone() for k, v in state if k.endswith("weight")})
        return np.zeros(1)

    monkeypatch.setattr(map_checks, "_evidence", look)
    map_checks._redrawn(network, squares, seed=1)

    before, done = network.state_dict(), ()
    assert len(seen) == len(PARTS)
    for part, weights in zip(PARTS, seen, strict=True):
        done += (f"{part}.",)
        convolutions = {k: v for k, v in weights.items() if v.ndim == 4}
        assert len(convolutions) == 22  # of the narrow ResNet-18, the head included
        for name, now in convolutions.items():
            same = torch.equal(now, before[name])
            assert same != name.startswith(done), f"{name} at {part}"
            values = [each.flatten().sort()[0] for each in (now, before[name])]
            assert torch.equal(*values), "the same weights in another order"
