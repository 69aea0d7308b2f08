"""A torchvision ResNet whose last layer shows where its answer comes from."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from math import log
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

from cxrmlops.model import narrow_network
from cxrmlops.model.dilation import STRIDES, dilate
from cxrmlops.model.pooling import MEAN, SHARPNESS, check_pooling
from cxrmlops.model.pretrained import find_weights, of_member, read_weights
from cxrmlops.model.torchvision_resnets import ResNet, get_model, list_models
from cxrmlops.system.errors import ParamsError

FAMILIES = ("resnet*", "resnext*", "wide_resnet*")
FLAT = 1 / 255  # spread of a film without contrast: one grey value
OUTSIDE = -2.0  # standard deviations; about as dark as a film's black


AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)


class EvidenceResNet(nn.Module):
    """ResNet with pooling and linear layer written as a 1 x 1 convolution.

    `logit = pool(evidence) + bias`. Pooled by the mean it is what global average
    pooling and a linear layer give. Evidence is a map in logit units and equals
    Grad-CAM (Selvaraju 2017) at the last block up to a constant, at no backward pass,
    by either pooling: the gradient of a log-sum-exp is a softmax over the cells, whose
    mean is one over their number, as the mean's is.

    Notation: n images, side s in pixels, c channels, h = w = ceil(s / output_stride).
    """

    def __init__(
        self, architecture: str, *, pooling: str = MEAN, output_stride: int = 32
    ) -> None:
        super().__init__()
        check_pooling(pooling)
        if output_stride not in STRIDES:
            raise ValueError(f"output stride {output_stride} is none of {STRIDES}")
        body = _body(architecture)
        self.architecture, self.pooling = architecture, pooling
        self.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1, self.relu, self.maxpool = body.bn1, body.relu, body.maxpool
        self.layer1, self.layer2 = body.layer1, body.layer2
        self.layer3, self.layer4 = body.layer3, body.layer4
        if output_stride == STRIDES[-1]:
            dilate(self.layer4)
        self.evidence = nn.Conv2d(body.fc.in_features, 1, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(1))

    @property
    def members(self) -> tuple["EvidenceResNet", ...]:
        """Return itself: what `ensemble.Ensemble` has several of."""
        return (self,)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Answer a batch of films, and show where each answer comes from.

        Args:
            images: shape (n, 1, s, s), float32, 0-1.

        Returns:
            Logit of ASF, shape (n,), float32, and evidence, shape (n, 1, h, w),
            float32, in logit units: above 0 speaks for ASF.
        """
        x = self.conv1(standardised(images))  # (n, 64, s/2, s/2)
        x = self.maxpool(self.relu(self.bn1(x)))  # (n, 64, s/4, s/4)
        return self.answer(self.layer4(self.layer3(self.layer2(self.layer1(x)))))

    def answer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Answer from what the last stage found, shape (n, c, h, w), as `forward` does.

        16-bit sums would cost digits of the probability, and this layer is small.
        """
        with torch.autocast(x.device.type, enabled=False):
            evidence = self.evidence(x.float())  # (n, 1, h, w)
            return self._pooled(evidence) + self.bias, evidence

    def _pooled(self, evidence: Tensor) -> Tensor:
        """Pool maps, shape (n, 1, h, w), as `pooling.pooled` does: shape (n,)."""
        if self.pooling == MEAN:
            return evidence.mean((1, 2, 3))
        sums = torch.logsumexp(SHARPNESS * evidence, (1, 2, 3))
        return (sums - log(evidence[0].numel())) / SHARPNESS

    def shift(self, by: float) -> None:
        """Add a constant to every logit; evidence stays."""
        with torch.no_grad():
            self.bias.add_(by)


def standardised(images: Tensor) -> Tensor:
    """Return every film mean 0 and standard deviation 1.

    A display window that is wider or lies elsewhere, and more or less exposure, then
    change next to nothing, and brightness alone is no hint. Rows and columns that are
    black from edge to edge, such as the square's padding, are left out.

    Args:
        images: shape (n, 1, s, s), float32, 0-1.

    Returns:
        Shape (n, 1, s, s), float32; `OUTSIDE` where the film is not.
    """
    rows = images.amax(3, keepdim=True) > 0  # (n, 1, s, 1)
    columns = images.amax(2, keepdim=True) > 0  # (n, 1, 1, s)
    pixels = (rows.sum(2, keepdim=True) * columns.sum(3, keepdim=True)).clamp_min(1)
    every = (1, 2, 3)  # zeros outside the film add nothing to either sum
    mean = images.sum(every, keepdim=True) / pixels
    square = images.square().sum(every, keepdim=True) / pixels
    spread = (square - mean.square()).clamp_min(FLAT**2).sqrt()
    return torch.where(rows & columns, (images - mean) / spread, OUTSIDE)


def build_network(
    architecture: str,
    *,
    weights: str | Path | None = None,
    pooling: str = MEAN,
    output_stride: int = 32,
    member: int = 0,
) -> EvidenceResNet:
    """Make a network, laid out channels-last (4 times faster than not, on a CPU).

    Args:
        architecture: name of a torchvision ResNet, e.g. `resnet152`, or
            `resnet18_narrow`.
        weights: none (drawn from torch's global generator), the name of torchvision
            weights, or a file of them with torchvision's or our own keys; see
            `model.pretrained`. The first convolution of colour weights is summed over
            RGB.
        pooling: `mean` or `log_sum_exp`: how cells become a logit.
        output_stride: 32 or 16 pixels between the map's cells.
        member: of the networks in `weights`, where a bundle holds several, from 0.

    Raises:
        ParamsError: no such architecture or weights, or they do not belong together.
        ResourceError: the weights must be fetched and cannot be, or are spoilt.
    """
    _check(architecture)
    network = EvidenceResNet(architecture, pooling=pooling, output_stride=output_stride)
    if weights is not None:
        found = of_member(
            read_weights(find_weights(architecture, str(weights))), member
        )
        _take_over(network, found, str(weights))
    return network.to(memory_format=torch.channels_last)


def load_network(
    architecture: str,
    tensors: Mapping[str, Tensor],
    *,
    pooling: str = MEAN,
    output_stride: int = 32,
) -> EvidenceResNet:
    """Make a network around weights, without drawing any first; in eval mode.

    Args:
        architecture: name of a torchvision ResNet.
        tensors: a state of such a network; kept, not copied.
        pooling: it was trained with.
        output_stride: likewise.

    Raises:
        ParamsError: no such architecture.
        RuntimeError: tensors are missing, unknown or of another shape.
    """
    _check(architecture)
    with torch.device("meta"), _NothingDrawn():
        network = EvidenceResNet(
            architecture, pooling=pooling, output_stride=output_stride
        )
    network.load_state_dict(tensors, assign=True)
    return network.to(memory_format=torch.channels_last).eval()


class _NothingDrawn(TorchFunctionMode):
    """Leave weights that are about to be replaced as they are.

    On the device `meta` torch draws normal numbers by code that loads its compiler.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is Tensor.normal_:
            return args[0]
        return func(*args, **(kwargs or {}))


def fold_norms(network: AnyNetwork) -> AnyNetwork:
    """Work every BatchNorm into the convolution before it, in a copy for reading.

    The answers stay (to rounding); a film costs a sixth less on a CPU.

    Args:
        network: one or an ensemble, in eval mode; left as it is.
    """
    # what is about to be replaced is not copied first: as much memory as the network
    replaced = [t for each in network.modules() for t in _of_norm_and_conv(each)]
    folded = deepcopy(network, {id(tensor): tensor for tensor in replaced}).eval()
    for block in list(folded.modules()):
        for name, norm in list(block.named_children()):
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            before = _conv_before(name)
            conv = getattr(block, before)
            setattr(block, before, fuse_conv_bn_eval(conv, norm))
            setattr(block, name, nn.Identity())
    return folded.to(memory_format=torch.channels_last)


def _of_norm_and_conv(block: nn.Module) -> Iterator[Tensor]:
    """Give the tensors of each BatchNorm of a block, and of its convolution."""
    for name, norm in block.named_children():
        if isinstance(norm, nn.BatchNorm2d):
            for part in (norm, getattr(block, _conv_before(name))):
                yield from part.parameters()
                yield from part.buffers()


def _conv_before(norm: str) -> str:
    """Name what a BatchNorm follows: bn2 conv2; in a downsampling pair 1 follows 0."""
    return norm.replace("bn", "conv") if norm.startswith("bn") else "0"


def _body(architecture: str) -> ResNet:
    if architecture == narrow_network.NAME:
        return narrow_network.NarrowResNet()
    return cast(ResNet, get_model(architecture, weights=None))


def _check(architecture: str) -> None:
    known = [*list_models(include=FAMILIES), narrow_network.NAME]
    if architecture not in known:
        raise ParamsError(
            f"train.architecture: no ResNet is called '{architecture}'; "
            f"choose one of {', '.join(known)}"
        )


def _take_over(
    network: EvidenceResNet, found: Mapping[str, Tensor], source: str
) -> None:
    """Copy weights whose names agree; the head may be missing, nothing else."""
    own = network.state_dict()
    given = {key: _grey(key, value) for key, value in found.items() if key in own}
    missing = sorted(set(own) - set(given) - {"evidence.weight", "bias"})
    unlike = sorted(key for key in given if given[key].shape != own[key].shape)
    if missing or unlike:
        raise ParamsError(
            f"train.weights: {source} does not fit {network.architecture}: "
            f"{len(missing)} tensor(s) missing, {len(unlike)} of another shape, first "
            f"'{(missing + unlike)[0]}'; name the architecture it was made for"
        )
    network.load_state_dict(own | given)


def _grey(key: str, value: Tensor) -> Tensor:
    if key == "conv1.weight" and value.shape[1] == 3:
        return value.sum(1, keepdim=True)  # (64, 3, 7, 7) -> (64, 1, 7, 7)
    return value
