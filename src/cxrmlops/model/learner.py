"""All that a training carries from step to step."""

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cxrmlops.model.augment import Augmentation
from cxrmlops.model.averaging import running_average
from cxrmlops.model.compilation import compiled
from cxrmlops.model.network import EvidenceResNet
from cxrmlops.model.progressive import Steps

MAX_GRADIENT_NORM = 1.0  # longer gradients are cut to this length
STEM = ("conv1.", "bn1.", "layer1.")  # edges and textures: alike in most pictures


@dataclass(frozen=True)
class Hyperparameters:
    """How to learn; params.yaml: train explains each number."""

    seed: int
    epochs: int  # at full size
    batch_size: int  # per process
    learning_rate: float  # at the top
    stem_rate: float  # share of the learning rate that the stem learns at
    weight_decay: float
    warmup_epochs: float
    ema_decay: float  # per step
    label_smoothing: float
    class_weights: bool
    augmentation: Augmentation
    progressive: Steps = ()  # what comes before full size
    compile: bool = False  # by torch.compile

    @property
    def all_epochs(self) -> int:
        """Return the epochs at every size."""
        return self.epochs + sum(epochs for _, epochs in self.progressive)


class TrainState:
    """A network, its optimizer, its average, and how many steps are done."""

    def __init__(
        self, fabric: Fabric, network: EvidenceResNet, recipe: Hyperparameters
    ) -> None:
        self.fabric, self.recipe, self.step = fabric, recipe, 0
        self.network = network.to(fabric.device)
        self.average = running_average(self.network, decay=recipe.ema_decay)
        self.optimizer = _optimizer(self.network, recipe)
        learns = compiled(self.network) if recipe.compile else self.network
        self._wrapped, self._stepper = fabric.setup(learns, self.optimizer)

    @property
    def precision(self) -> str:
        """Name the precision in use, e.g. `bf16-mixed`."""
        return str(self.fabric.strategy.precision.precision)

    def learn(
        self, images: Tensor, target: Tensor, weight: Tensor, *, rate: float
    ) -> Tensor:
        """Take one step.

        Args:
            images: shape (n, 1, s, s), float32, 0-1, on the device.
            target: shape (n,), float32, 1 for ASF.
            weight: shape (2,), of an NSF and of an ASF film.
            rate: learning rate of this step, of all but the stem.

        Returns:
            The loss before the step, a scalar on the device, in nats per image.
        """
        self._wrapped.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self._stepper.zero_grad(set_to_none=True)
        logit, _ = self._wrapped(images)
        loss = weighted_loss(
            logit, target, weight, smoothing=self.recipe.label_smoothing
        )
        self.fabric.backward(loss)
        self.fabric.clip_gradients(
            self._wrapped,
            self._stepper,
            max_norm=MAX_GRADIENT_NORM,
            error_if_nonfinite=False,  # asking would stop the device at every step
        )
        self._stepper.step()
        self.step += 1
        self.average.update_parameters(self.network)
        return loss.detach()


def weighted_loss(
    logit: Tensor, target: Tensor, weight: Tensor, *, smoothing: float
) -> Tensor:
    """Cross-entropy in nats per image, each film weighted by its true class.

    Args:
        logit: shape (n,).
        target: shape (n,), 0 or 1.
        weight: shape (2,), of class 0 and of class 1.
        smoothing: a 1 is taught as 1 - smoothing / 2, a 0 as smoothing / 2.
    """
    soft = target * (1 - smoothing) + smoothing / 2
    return binary_cross_entropy_with_logits(logit, soft, weight[target.long()])


def _optimizer(network: nn.Module, recipe: Hyperparameters) -> torch.optim.AdamW:
    """Decay weights of convolutions only: a scale or a bias of 0 has no meaning."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        kind = (parameter.ndim > 1, name.startswith(STEM))
        groups.setdefault(kind, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": recipe.weight_decay if is_filter else 0.0,
                "share": recipe.stem_rate if in_stem else 1.0,
            }
            for (is_filter, in_stem), parameters in groups.items()
        ],
        lr=recipe.learning_rate,
        fused=True,
    )
