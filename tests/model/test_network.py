import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torchvision.models import get_model, list_models

from cxrmlops.model.network import (
    FAMILIES,
    OUTSIDE,
    EvidenceResNet,
    build_network,
    fold_norms,
    standardised,
)
from cxrmlops.model.pooling import pooled
from cxrmlops.system.errors import ParamsError


def images(n: int = 3, *, size: int = 64) -> torch.Tensor:
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(1))


def shaken(network: torch.nn.Module) -> torch.nn.Module:
    """Give every scale and statistic a value of its own, as a training would."""
    generator = torch.Generator().manual_seed(2)
    for name, value in network.state_dict().items():
        if value.is_floating_point() and value.ndim == 1 and "mean" not in name:
            value.copy_(torch.rand(value.shape, generator=generator) * 0.2 + 0.7)
    return network.eval()


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_the_logit_is_that_of_pooling_and_a_linear_layer(architecture):
    ours = shaken(build_network(architecture))
    usual = get_model(architecture, num_classes=1).eval()
    usual.conv1 = ours.conv1
    own = ours.state_dict()
    usual.load_state_dict(
        {key: own[key] for key in usual.state_dict() if not key.startswith("fc")}
        | {"fc.weight": own["evidence.weight"][:, :, 0, 0], "fc.bias": own["bias"]}
    )

    with torch.inference_mode():
        logit, _ = ours(images())
        expected = usual(standardised(images()))[:, 0]

    torch.testing.assert_close(logit, expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.3, 0.7), level=st.floats(0.05, 0.25))
def test_exposure_and_window_change_no_answer(gain, level):
    network = shaken(build_network("resnet18_narrow"))

    with torch.inference_mode():
        logit, _ = network(images())
        other, _ = network(images() * gain + level)

    torch.testing.assert_close(logit, other, atol=1e-4, rtol=1e-4)


def test_padding_has_no_say_in_what_an_image_is_measured_by():
    image = images(1, size=48)
    square = torch.zeros(1, 1, 64, 64)
    square[..., 8:56, 8:56] = image

    seen = standardised(square)

    torch.testing.assert_close(seen[..., 8:56, 8:56], standardised(image))
    assert (seen[..., :8, :] == OUTSIDE).all()
    assert (seen[..., 56:] == OUTSIDE).all()


def test_an_image_without_contrast_stays_finite():
    assert standardised(torch.zeros(1, 1, 8, 8)).isfinite().all()
    assert standardised(torch.full((1, 1, 8, 8), 0.5)).abs().max() < 1e-3


def test_the_evidence_adds_up_to_the_logit():
    network = shaken(build_network("resnet18"))

    with torch.inference_mode():
        logit, evidence = network(images(size=96))

    assert evidence.shape == (3, 1, 3, 3)
    torch.testing.assert_close(evidence.mean((1, 2, 3)) + network.bias, logit)


@pytest.mark.parametrize("loud", [0.0, 5.0, 400.0])
def test_evidence_is_pooled_by_torch_as_by_numpy_however_loud(loud):
    network = build_network("resnet18_narrow", pooling="log_sum_exp")
    evidence = torch.randn(4, 1, 5, 7, generator=torch.Generator().manual_seed(0))
    evidence[:, 0, 2, 3] += loud
    evidence[1] -= 2 * loud

    found = network._pooled(evidence)

    expected = [pooled(each, "log_sum_exp") for each in evidence[:, 0].numpy()]
    torch.testing.assert_close(found.double(), torch.tensor(expected).double())


def test_log_sum_exp_lets_the_loudest_cells_learn_and_the_gradients_add_up_to_one():
    network = build_network("resnet18_narrow", pooling="log_sum_exp")
    evidence = torch.zeros(1, 1, 4, 4)
    evidence[0, 0, 1, 2] = 2.0
    evidence.requires_grad_()

    network._pooled(evidence).sum().backward()

    assert float(evidence.grad.sum()) == pytest.approx(1, abs=1e-5)
    assert float(evidence.grad[0, 0, 1, 2]) > 0.99


@pytest.mark.parametrize("wrong", [{"pooling": "max"}, {"output_stride": 8}])
def test_an_unknown_pooling_or_stride_is_refused(wrong):
    with pytest.raises(ValueError, match="max|8"):
        build_network("resnet18_narrow", **wrong)


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_folded_norms_change_no_answer(architecture):
    torch.manual_seed(0)  # some draws round off more than the tolerance
    network = shaken(build_network(architecture))

    folded = fold_norms(network)

    with torch.inference_mode():
        for ours, theirs in zip(folded(images()), network(images()), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    kept = {tensor.data_ptr() for tensor in network.state_dict().values()}
    assert kept.isdisjoint(tensor.data_ptr() for tensor in folded.state_dict().values())


def test_weights_of_colour_photographs_see_a_grey_image_as_three_equal_channels(
    tmp_path,
):
    colour = shaken(get_model("resnet18"))
    save_file(colour.state_dict(), tmp_path / "colour.safetensors")

    network = build_network("resnet18", weights=tmp_path / "colour.safetensors").eval()
    with torch.inference_mode():
        grey = network.conv1(images())
        expected = colour.conv1(images().expand(-1, 3, -1, -1))

    torch.testing.assert_close(grey, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(network.layer4.state_dict(), colour.layer4.state_dict())


def test_our_own_weights_are_taken_over_with_the_head(tmp_path):
    torch.manual_seed(1)
    network = shaken(build_network("resnet18"))
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, tmp_path / "own.safetensors")

    again = build_network("resnet18", weights=str(tmp_path / "own.safetensors")).eval()

    with torch.inference_mode():
        torch.testing.assert_close(again(images())[0], network(images())[0])


def test_weights_lie_channels_last():
    network = build_network("resnet18")

    assert network.layer1[0].conv1.weight.is_contiguous(
        memory_format=torch.channels_last
    )


@pytest.mark.integration
def test_every_resnet_of_torchvision_can_be_built():
    for name in list_models(include=FAMILIES):
        with torch.device("meta"):
            network = EvidenceResNet(name)

        assert network.evidence.weight.shape[1] in (512, 2048)


@pytest.mark.parametrize("name", ["resnet999", "vgg16", "resnet_fpn"])
def test_an_unknown_architecture_is_refused_and_the_known_are_named(name):
    with pytest.raises(ParamsError, match=f"'{name}'.*resnet152"):
        build_network(name)


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file(get_model("resnet34").state_dict(), tmp_path / "other.safetensors")

    with pytest.raises(ParamsError, match="does not fit resnet50"):
        build_network("resnet50", weights=tmp_path / "other.safetensors")
