"""Cells are drawn where they look: by arithmetic, by gradients, by a bright blob."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import get_model, list_models

from cxrmlops.data.preprocess import network_square
from cxrmlops.model.cells import CellGrid
from cxrmlops.model.inference import read_squares
from cxrmlops.model.narrow_network import NAME
from cxrmlops.model.network import FAMILIES, build_network, fold_norms
from cxrmlops.model.receptive_field import cell_grid
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
    ("layer", "expected"),
    [
        (nn.Conv2d(1, 1, 3, stride=2, padding=1), CellGrid(2, 0.5)),
        (nn.Conv2d(1, 1, 4, stride=4), CellGrid(4, 2.0)),  # patches, side by side
        (nn.Conv2d(1, 1, 2, stride=2), CellGrid(2, 1.0)),
        (nn.Conv2d(1, 1, 5), CellGrid(1, 2.5)),  # no padding: two pixels further in
        (nn.Conv2d(1, 1, 3, dilation=2, padding=1), CellGrid(1, 1.5)),
    ],
)
def test_a_layer_moves_the_centre_by_kernel_padding_and_dilation(layer, expected):
    assert cell_grid(Layers(layer)) == expected


def test_a_later_layer_counts_in_cells_of_the_one_before():
    first = nn.Conv2d(1, 1, 2, stride=2)  # centres at 1, 3, 5 ...
    second = nn.Conv2d(1, 1, 3, stride=2)  # of three of them: 3, 7 ...

    assert cell_grid(Layers(first, second)) == CellGrid(4, 3.0)


def test_branches_that_look_at_different_places_are_refused():
    apart = Layers(
        nn.Conv2d(1, 1, 1),
        block=[nn.Conv2d(1, 1, 3, stride=2)],  # without padding
        shortcut=nn.Conv2d(1, 1, 1, stride=2),
    )

    with pytest.raises(ValueError, match="look apart"):
        cell_grid(apart)


def test_a_layer_that_differs_between_rows_and_columns_is_refused():
    with pytest.raises(ValueError, match="rows and columns"):
        cell_grid(Layers(nn.Conv2d(1, 1, (3, 5))))


@pytest.mark.parametrize("architecture", each_architecture())
def test_folded_norms_and_torchvisions_own_network_look_at_the_same_places(
    architecture,
):
    network = build_network(architecture).eval()

    own = cell_grid(network)

    assert cell_grid(fold_norms(network)) == own
    if architecture != NAME:
        assert cell_grid(get_model(architecture, weights=None)) == own


@pytest.mark.parametrize(
    "architecture", [*SMALL, pytest.param("resnet50", marks=LARGE)]
)
def test_inner_cells_look_where_the_arithmetic_says_by_their_gradient(architecture):
    torch.manual_seed(0)
    network = build_network(architecture).eval().requires_grad_(False)
    cells, size = cell_grid(network), 320
    apart = []
    for row, column in [(r, c) for r in (4, 5, 6) for c in (4, 5, 6)]:
        image = torch.rand(1, 1, size, size, requires_grad=True)
        network(image)[1][0, 0, row, column].backward()
        weight = image.grad[0, 0].abs().double()
        pixel = torch.arange(size) + 0.5
        along = (weight.sum(1), weight.sum(0))  # rows, columns
        found = [float((each * pixel).sum() / weight.sum()) for each in along]
        expected = [cells.first + cells.stride * number for number in (row, column)]
        apart.append(np.subtract(found, expected))

    # half a cell is 16 pixels; weights are random, so cells differ
    assert np.abs(np.mean(apart, 0)).max() < 3


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


def blob(rows: int, columns: int, at: tuple[float, float]) -> np.ndarray:
    """Draw a bright spot on a dark film, at fractions of its height and width."""
    down, across = np.mgrid[:rows, :columns] + 0.5
    width = 0.09 * max(rows, columns)
    square = (down - at[0] * rows) ** 2 + (across - at[1] * columns) ** 2
    return (0.05 + 0.9 * np.exp(-square / width**2)).astype(np.float32)


@pytest.mark.parametrize("architecture", each_architecture())
def test_a_bright_blob_is_drawn_on_itself_at_three_sizes_and_aspects(architecture):
    network = lit(architecture)
    cells = cell_grid(network)
    errors = []
    for size in (160, 224, 288):
        for rows, columns in ((600, 600), (500, 400), (400, 700)):
            for at in ((0.42, 0.56), (0.55, 0.47)):
                film = blob(rows, columns, at)
                square, placement = network_square(film, size=size)
                _, evidence = read_squares(
                    network, square[None], device=CPU, batch_size=1
                )
                heat = evidence_on_image(
                    evidence[0], placement, cells=cells, rows=rows, columns=columns
                )
                hot = np.maximum(heat - heat.max() / 2, 0)
                scale = size / max(rows, columns) / cells.stride  # pixels -> cells
                where = [
                    float((hot.sum(1 - axis) * (np.arange(n) + 0.5)).sum() / hot.sum())
                    for axis, n in enumerate((rows, columns))
                ]
                errors.append(
                    (np.array(where) - np.multiply(at, (rows, columns))) * scale
                )

    # in cells; drawn at the middle of its tile the blob would lie .5 off
    assert np.abs(np.mean(errors, 0)).max() < 0.12
    assert np.abs(errors).max() < 0.4
