import pytest
from torchvision.models import resnet18

from cxrmlops.model.narrow_network import NAME, NarrowResNet
from cxrmlops.model.network import build_network
from cxrmlops.system.errors import ParamsError


def test_it_has_the_layers_of_a_resnet_18_with_an_eighth_of_the_channels():
    ours, usual = NarrowResNet().state_dict(), resnet18().state_dict()

    more = ours.keys() - usual.keys()  # from the stem's 64 channels to 8
    assert {name.rsplit(".", 2)[0] for name in more} == {"layer1.0.downsample"}
    assert usual.keys() <= ours.keys()
    for layer in (1, 2, 3, 4):
        name = f"layer{layer}.1.conv2.weight"
        assert [8 * n for n in ours[name].shape[:2]] == list(usual[name].shape[:2])


def test_it_is_built_by_name_and_torchvision_has_no_weights_of_it():
    assert build_network(NAME).evidence.in_channels == 64
    with pytest.raises(
        ParamsError, match="torchvision has no weights of resnet18_narr"
    ):
        build_network(NAME, weights="DEFAULT")
