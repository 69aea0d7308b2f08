"""Cells are drawn where they look: by arithmetic, by gradients, by a bright blob."""

from itertools import cycle

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import get_model, list_models

from cxrmlops.data.preprocess import network_square
from cxrmlops.model.inference import read_squares
from cxrmlops.model.narrow_network import NAME
from cxrmlops.model.network import FAMILIES, build_network, fold_norms
from cxrmlops.model.receptive_field import cell_places
from cxrmlops.model.saliency import evidence_on_image

ARCHITECTURES = [*list_models(include=FAMILIES), NAME]
SMALL = ["resnet18", NAME]
LARGE = pytest.mark.integration
CPU = torch.device("cpu")


def each_architecture():
    return [
        name if name in SMALL else pytest.param(name, marks=LARGE)
        for name in ARCHITECTURES
    ]


class Layers(nn.Module):
    """Two layers and at most one block, for the arithmetic alone."""

    def __init__(self, first, second=None, *, block=(), shortcut=None):
        super().__init__()
        self.conv1, self.maxpool = first, second or nn.MaxPool2d(1)
        inner = nn.Module()
        for number, layer in enumerate(block):
            inner.add_module(f"conv{number}", layer)
        inner.downsample = nn.Sequential(shortcut) if shortcut else None
        self.layer1 = nn.Sequential(inner)
        self.layer2 = self.layer3 = self.layer4 = nn.Sequential()


@pytest.mark.parametrize(
    ("layer", "stride", "first"),
    [
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), 2, 0.5),
        (nn.Conv2d(1, 1, 4, stride=4), 4, 2.0),  # patches, side by side
        (nn.Conv2d(1, 1, 2, stride=2), 2, 1.0),
        (nn.Conv2d(1, 1, 5), 1, 2.5),  # no padding: two pixels further in
        (nn.Conv2d(1, 1, 3, dilation=2, padding=1), 1, 1.5),
    ],
)
def test_an_inner_cell_looks_at_the_centre_of_its_receptive_field(layer, stride, first):
    places = cell_places(Layers(layer), 40)

    inner = np.arange(2, len(places) - 2)
    np.testing.assert_allclose(np.array(places)[inner], first + stride * inner)


def test_a_later_layer_counts_in_cells_of_the_one_before():
    first = nn.Conv2d(1, 1, 2, stride=2)  # centres at 1, 3, 5 ...
    second = nn.Conv2d(1, 1, 3, stride=2)  # of three of them: 3, 7 ...

    assert cell_places(Layers(first, second), 16) == pytest.approx((3, 7, 11))


def test_at_the_edge_a_cell_looks_at_the_middle_of_what_is_there():
    places = cell_places(Layers(nn.Conv2d(1, 1, 3, padding=1)), 5)

    assert places == pytest.approx((1.0, 1.5, 2.5, 3.5, 4.0))


def test_both_branches_of_a_block_count_alike():
    wide = nn.Conv2d(1, 1, 3, padding=1)

    places = cell_places(Layers(nn.Conv2d(1, 1, 1), block=[wide]), 4)

    # of the first pixel: 1/3 and 1/3 by the kernel, the whole by the shortcut
    assert places[0] == pytest.approx((4 / 3 * 0.5 + 1 / 3 * 1.5) / (5 / 3))
    assert places[1] == pytest.approx(1.5)


def test_a_layer_that_differs_between_rows_and_columns_is_refused():
    with pytest.raises(ValueError, match="rows and columns"):
        cell_places(Layers(nn.Conv2d(1, 1, (3, 5))), 8)


@pytest.mark.parametrize("architecture", each_architecture())
def test_cells_far_from_the_edge_look_at_every_32nd_pixel(architecture):
    with torch.device("meta"):
        network = build_network(architecture)

    places = np.array(cell_places(network, 2048))

    middle = np.arange(28, 37)
    np.testing.assert_allclose(places[middle], 32 * middle + 0.5, atol=0.6)
    assert (np.diff(places) > 0).all()
    assert 24 < places[0] < 90  # not 0: there is nothing outside
    assert 24 < 2048 - places[-1] < 120


@pytest.mark.parametrize("architecture", each_architecture())
def test_folded_norms_and_torchvisions_own_network_look_at_the_same_places(
    architecture,
):
    network = build_network(architecture).eval()

    own = cell_places(network, 256)

    assert cell_places(fold_norms(network), 256) == own
    if architecture != NAME:
        assert cell_places(get_model(architecture, weights=None), 256) == own


@pytest.mark.parametrize(
    "architecture", [*SMALL, pytest.param("resnet50", marks=LARGE)]
)
def test_all_cells_look_where_the_paths_say_by_their_gradient(architecture):
    torch.manual_seed(0)
    network = build_network(architecture).eval().requires_grad_(False)
    size = 256
    image = torch.rand(1, 1, size, size, requires_grad=True)
    evidence = network(image)[1]
    places, pixel = np.array(cell_places(network, size)), np.arange(size) + 0.5
    found = []
    for cell in range(8):
        for row, column in ((cell, cell), (cell, 7 - cell)):
            (grad,) = torch.autograd.grad(
                evidence[0, 0, row, column], image, retain_graph=True
            )
            weight = grad[0, 0].double().square().numpy()
            down, across = (weight.sum(axis) @ pixel / weight.sum() for axis in (1, 0))
            found.append([down - places[row], across - places[column]])
    apart = np.array(found).reshape(8, 4)

    # weights are random, so cells differ; a tile's middle is 16 off, at the edge 18
    assert np.abs(apart.mean(1)).max() < 9
    assert np.abs(apart.mean()) < 2


def lit(architecture: str) -> nn.Module:
    """Answer brightness: every weight is above 0, the middle one largest."""
    network = build_network(architecture).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                side = layer.kernel_size[0]
                weight = torch.full((side, side), 0.3 / side**2)
                weight[side // 2, side // 2] += 0.7
                layer.weight.copy_((weight / layer.in_channels).expand_as(layer.weight))
    return network


def blob(rows: int, columns: int, middle: np.ndarray) -> np.ndarray:
    """Draw a bright spot on a dark film; its middle in pixels from above and left."""
    down, across = np.mgrid[:rows, :columns] + 0.5
    width = 0.09 * max(rows, columns)
    square = (down - middle[0]) ** 2 + (across - middle[1]) ** 2
    return (0.05 + 0.9 * np.exp(-square / width**2)).astype(np.float32)


@pytest.mark.parametrize("architecture", each_architecture())
def test_a_bright_blob_is_drawn_on_itself_at_three_sizes_and_aspects(architecture):
    network = lit(architecture)
    errors = []
    at = cycle(((0.42, 0.56), (0.55, 0.47)))
    for size in (160, 224, 288):
        places = cell_places(network, size)
        for rows, columns in ((600, 600), (500, 400), (400, 700)):
            middle = np.multiply(next(at), (rows, columns))
            square, placement = network_square(blob(rows, columns, middle), size=size)
            _, evidence = read_squares(network, square[None], device=CPU, batch_size=1)
            heat = evidence_on_image(
                evidence[0], placement, places=places, rows=rows, columns=columns
            )
            hot = np.maximum(heat - heat.max() / 2, 0)
            scale = size / max(rows, columns) / 32  # pixels -> cells
            where = [
                float((hot.sum(1 - axis) * (np.arange(n) + 0.5)).sum() / hot.sum())
                for axis, n in enumerate((rows, columns))
            ]
            errors.append((np.array(where) - middle) * scale)

    # in cells; drawn at the middle of its tile the blob would lie .5 off
    assert np.abs(np.mean(errors, 0)).max() < 0.15
    assert np.abs(errors).max() < 0.4
