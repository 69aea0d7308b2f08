import numpy as np
import pytest
import torch

from cxrmlops.model.ensemble import Ensemble, joined
from cxrmlops.model.gradcam import image_maps
from cxrmlops.model.inference import read_squares
from cxrmlops.model.map_checks import PARTS, draw_maps
from cxrmlops.model.network import build_network, fold_norms
from cxrmlops.model.out_of_distribution import STAGES, collected
from cxrmlops.model.receptive_field import cell_places

CPU = torch.device("cpu")


def make_member(seed: int, pooling: str = "mean"):
    torch.manual_seed(seed)
    network = build_network("resnet18_narrow", pooling=pooling).eval()
    with torch.no_grad():
        network.evidence.weight.uniform_(-1.0, 1.3)
        network.bias.fill_(seed)
    return network


def make_ensemble(pooling: str = "mean") -> Ensemble:
    return Ensemble([make_member(seed, pooling) for seed in (1, 2, 3)])


def make_squares(n: int = 3, size: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size)).astype(np.uint8)


def read(network, squares):
    return read_squares(network, squares, device=CPU, batch_size=2)


def test_logits_and_maps_are_the_means_of_the_networks_own():
    network, squares = make_ensemble(), make_squares()

    logit, evidence = read(network, squares)

    own = [read(each, squares) for each in network.members]
    np.testing.assert_allclose(logit, np.mean([a for a, _ in own], 0), atol=1e-5)
    np.testing.assert_allclose(evidence, np.mean([b for _, b in own], 0), atol=1e-5)
    assert np.ptp([a[0] for a, _ in own]) > 0.5


def test_pooled_by_the_mean_the_map_and_the_bias_still_make_the_logit():
    network, squares = make_ensemble(), make_squares()

    logit, evidence = read(network, squares)

    assert network.bias.item() == pytest.approx(2.0)
    np.testing.assert_allclose(evidence.mean((1, 2)) + 2.0, logit, atol=1e-4)


def test_one_network_stays_what_it_is():
    network = make_member(1)

    assert joined([network]) is network
    assert network.members == (network,)
    assert len(joined([network, make_member(2)]).members) == 2


def test_a_shift_moves_every_logit_and_no_map():
    network, squares = make_ensemble(), make_squares()
    before = read(network, squares)

    network.shift(0.75)

    after = read(network, squares)
    np.testing.assert_allclose(after[0] - before[0], 0.75, atol=1e-5)
    np.testing.assert_array_equal(after[1], before[1])


def test_folded_norms_change_no_answer():
    network, squares = make_ensemble(), make_squares()

    folded = fold_norms(network)

    assert isinstance(folded, Ensemble)
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for ours, theirs in zip(read(folded, squares), read(network, squares), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)


def test_features_are_those_of_all_networks_the_last_stages_at_the_end():
    network, squares = make_ensemble(), make_squares()

    with collected(network) as found:
        read(network, squares)
    features = np.concatenate(found)[: len(squares)]

    own = []
    for each in network.members:
        with collected(each) as alone:
            read(each, squares)
        own.append(np.concatenate(alone)[: len(squares)])
    ends = np.cumsum([0, 8, 16, 32, 64])
    expected = [
        each[:, ends[k] : ends[k + 1]] for k in range(len(STAGES)) for each in own
    ]
    np.testing.assert_allclose(features, np.concatenate(expected, 1), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "log_sum_exp"])
def test_the_weights_of_every_network_are_drawn_anew(pooling):
    network, squares = make_ensemble(pooling), make_squares()

    maps = draw_maps(network, squares, seed=1)

    for part in PARTS:
        assert not np.allclose(maps.redrawn[part], maps.evidence, rtol=0.1)


def test_grad_cam_of_the_whole_agrees_with_the_mean_over_networks():
    network, squares = make_ensemble(), make_squares(1)
    image = torch.from_numpy(squares)[:, None].float() / 255
    kept = []
    hooks = [
        each.layer4.register_forward_hook(lambda _m, _i, out: kept.append(out))
        for each in network.members
    ]
    logit, evidence = network(image)
    gradients = torch.autograd.grad(logit.sum(), kept)
    for hook in hooks:
        hook.remove()

    # Selvaraju 2017, before the ReLU: channels weighted by their mean gradient
    cams = [
        (features * gradient.mean((2, 3), keepdim=True)).sum(1)
        for features, gradient in zip(kept, gradients, strict=True)
    ]
    cam = torch.stack(cams).sum(0) * evidence[0].numel()

    torch.testing.assert_close(cam, evidence[:, 0], atol=1e-4, rtol=1e-3)


def test_methods_of_the_literature_map_the_mean_of_the_networks():
    network, squares = make_ensemble(), make_squares(2)

    maps = image_maps(network, squares, method="gradcam")

    own = [image_maps(each, squares, method="gradcam") for each in network.members]
    np.testing.assert_allclose(maps, np.mean(own, 0), atol=1e-6)


def test_cells_look_where_one_networks_cells_look():
    network = make_ensemble()

    assert cell_places(network, 96) == cell_places(network.members[0], 96)
