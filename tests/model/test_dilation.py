import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import get_model, list_models

from cxrmlops.model.narrow_network import NAME
from cxrmlops.model.network import FAMILIES, build_network, fold_norms
from cxrmlops.model.receptive_field import cell_places

LARGE = pytest.mark.integration
SMALL = {"resnet18", NAME}
ARCHITECTURES = [
    name if name in SMALL else pytest.param(name, marks=LARGE)
    for name in [*list_models(include=FAMILIES), NAME]
]


def images(size: int = 96) -> torch.Tensor:
    return torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(1))


def pair(architecture: str) -> tuple[nn.Module, nn.Module]:
    """The same weights with and without dilation; statistics of their own."""
    torch.manual_seed(0)
    plain = build_network(architecture).eval()
    for name, value in plain.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.7, 1.3)
    fine = build_network(architecture, output_stride=16).eval()
    fine.load_state_dict(plain.state_dict())
    return plain, fine


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_second_cell_has_the_value_it_had_before(architecture):
    plain, fine = pair(architecture)

    with torch.inference_mode():
        coarse, twice = (network(images())[1] for network in (plain, fine))

    assert twice.shape[2:] == (6, 6)
    torch.testing.assert_close(twice[..., ::2, ::2], coarse, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_second_cell_looks_where_it_did_before(architecture):
    with torch.device("meta"):
        plain = build_network(architecture)
        fine = build_network(architecture, output_stride=16)

    twice, coarse = cell_places(fine, 1024), cell_places(plain, 1024)

    assert len(twice) == 2 * len(coarse)
    np.testing.assert_allclose(twice[::2], coarse)
    assert (np.diff(twice) > 0).all()


def test_bottleneck_networks_are_dilated_as_torchvision_does():
    ours = build_network("resnet50", output_stride=16).layer4
    theirs = get_model(
        "resnet50", weights=None, replace_stride_with_dilation=[False, False, True]
    ).layer4

    def geometry(stage: nn.Module):
        return [
            (name, m.stride, m.padding, m.dilation)
            for name, m in stage.named_modules()
            if isinstance(m, nn.Conv2d)
        ]

    assert geometry(ours) == geometry(theirs)


def test_folded_norms_keep_the_dilation():
    _, fine = pair(NAME)

    with torch.inference_mode():
        torch.testing.assert_close(
            fold_norms(fine)(images())[1], fine(images())[1], atol=1e-5, rtol=1e-3
        )
