"""The training loop, one epoch at a time."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from cxrmlops.model.augment import augment
from cxrmlops.model.inference import to_images
from cxrmlops.model.learner import TrainState, weighted_loss
from cxrmlops.model.loader import ImageDataset, in_order, shuffled
from cxrmlops.model.progressive import size_of_epoch, smaller
from cxrmlops.model.schedule import rate_factor
from cxrmlops.system.clock import PROGRESS_SECONDS, ProgressTimer
from cxrmlops.system.errors import ParamsError

Judge = Callable[[np.ndarray], tuple[float, float]]  # logits (n,) -> loss, AUC

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledImages:
    """Films with their answers."""

    images: ImageDataset
    abnormal: np.ndarray  # (n,) bool, ASF stated in the report


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training films showed."""

    epoch: int  # from 1
    size: int  # pixels per side it learnt at and val was read at
    train_loss: float  # nats per image, augmented and with smoothed labels
    val_loss: float  # nats, of the averaged weights, as the judge counts
    val_auc: float  # likewise; NaN with one class only
    learning_rate: float  # of the last step
    images_per_second: float  # of the training pass, reading included
    seconds: float  # training and validation


def epochs(
    learner: TrainState,
    train: LabelledImages,
    val: LabelledImages,
    *,
    judge: Judge | None = None,
    done: int = 0,
) -> Iterator[Epoch]:
    """Train, and hand over after every epoch; the caller decides when to stop.

    Every draw of an epoch comes from the seed and the epoch's number, so a training
    that goes on from a checkpoint sees what it would have seen.

    Args:
        learner: with `done` epochs behind it; between epochs its average holds the
            weights that were judged.
        train: to learn from.
        val: to judge by; no weight is fitted on it.
        judge: says how good the logits of val are; None: each image for itself, as
            training counts it but for smoothing.
        done: epochs behind us.

    Raises:
        ParamsError: the loss is not a number any more.
    """
    weight = class_weight(train.abnormal, balanced=learner.recipe.class_weights)
    judge = judge or image_judge(val, weight)
    for number in range(done + 1, learner.recipe.all_epochs + 1):
        start = time.monotonic()
        size = size_of_epoch(number, learner.recipe.progressive, full=train.images.side)
        loss, rate = _pass(learner, train, weight, number, size)
        seconds = time.monotonic() - start
        val_loss, val_auc = judge(read_images(learner, val.images, size=size))
        yield Epoch(
            epoch=number,
            size=size,
            train_loss=loss,
            val_loss=val_loss,
            val_auc=val_auc,
            learning_rate=rate,
            images_per_second=train.images.n / seconds,
            seconds=time.monotonic() - start,
        )


def image_judge(val: LabelledImages, weight: Tensor) -> Judge:
    """Judge each image for itself: loss weighted by class, no calibration."""

    def judge(logit: np.ndarray) -> tuple[float, float]:
        loss = weighted_loss(
            torch.from_numpy(logit), _target(val), weight, smoothing=0.0
        )
        return float(loss), auc(logit, val.abnormal)

    return judge


def read_images(
    learner: TrainState, dataset: ImageDataset, *, size: int | None = None
) -> np.ndarray:
    """Read every film with the averaged weights: logits, shape (n,), float32.

    At `size` pixels per side; None: as they are stored.

    Processes share the films; all of them get all logits.
    """
    fabric, network = learner.fabric, learner.average.module
    order = in_order(
        dataset.n,
        learner.recipe.batch_size,
        rank=fabric.global_rank,
        ranks=fabric.world_size,
    )
    logit = torch.zeros(dataset.n, device=fabric.device)
    with torch.inference_mode(), fabric.autocast():
        if fabric.world_size > 1:  # each saw other films: agree on BatchNorm's averages
            for buffer in network.buffers():
                torch.distributed.broadcast(buffer, 0)
        for chosen, squares in zip(order, dataset.batches(order), strict=True):
            images = smaller(to_images(squares, fabric.device), size or dataset.side)
            logit[torch.from_numpy(chosen)] = network(images)[0]
        if fabric.world_size > 1:
            torch.distributed.all_reduce(logit)
    return logit.cpu().numpy()


def class_weight(abnormal: np.ndarray, *, balanced: bool) -> Tensor:
    """Weigh NSF and ASF, shape (2,), so that both classes count alike.

    The mean over all films stays 1.
    """
    share = float(np.mean(abnormal))
    return torch.tensor([0.5 / (1 - share), 0.5 / share] if balanced else [1.0, 1.0])


def auc(score: np.ndarray, abnormal: np.ndarray) -> float:
    """Return the chance that an ASF film scores above an NSF film; ties count half."""
    asf, nsf = score[abnormal], np.sort(score[~abnormal])
    if len(asf) == 0 or len(nsf) == 0:
        return float("nan")
    below = np.searchsorted(nsf, asf, "left") + np.searchsorted(nsf, asf, "right")
    return float(below.mean() / 2 / len(nsf))


@dataclass
class _Progress:
    """Losses and ranges of an epoch so far, kept on the device until asked for."""

    number: int
    images: int = 0
    facts: list[Tensor] = field(default_factory=list)
    timer: ProgressTimer = field(  # half as often as others: a line stops the device
        default_factory=partial(ProgressTimer, 2 * PROGRESS_SECONDS)
    )

    def add(self, loss: Tensor, images: Tensor) -> None:
        self.images += len(images)
        self.facts.append(torch.stack([loss, images.amin(), images.amax()]))

    def mean_loss(self) -> Tensor:
        facts = torch.stack(self.facts)
        if not facts[:, 0].isfinite().all():
            raise ParamsError(
                f"the training loss is not a number any more in epoch {self.number}; "
                "lower train.learning_rate in params.yaml, or set train.precision to "
                "32-true, and run again"
            )
        if facts[:, 1].min() < 0 or facts[:, 2].max() > 1:
            raise ValueError("a film left the range 0-1 on its way to the network")
        return facts[:, 0].mean()

    def tell(self, of: int) -> None:
        if seconds := self.timer.due():
            log.info(
                "train: epoch %d, %d of %d films, loss %.3f, %.1f images/s",
                self.number,
                self.images,
                of,
                self.mean_loss(),
                self.images / seconds,
            )


def _pass(
    learner: TrainState, train: LabelledImages, weight: Tensor, number: int, size: int
) -> tuple[float, float]:
    """Take one step per batch; give the mean loss and the last learning rate."""
    fabric, recipe = learner.fabric, learner.recipe
    order = shuffled(
        train.images.n,
        recipe.batch_size,
        seed=(recipe.seed, number),
        rank=fabric.global_rank,
        ranks=fabric.world_size,
    )
    generator = _generator(learner, number)
    target, weight = _target(train).to(fabric.device), weight.to(fabric.device)
    progress, rate = _Progress(number), 0.0
    for chosen, squares in zip(order, train.images.batches(order), strict=True):
        images = smaller(to_images(squares, fabric.device), size)
        images = augment(images, recipe.augmentation, generator=generator)
        rate = recipe.learning_rate * rate_factor(
            learner.step,
            warmup_steps=round(recipe.warmup_epochs * len(order)),
            total_steps=recipe.all_epochs * len(order),
        )
        answer = target[torch.from_numpy(chosen).to(fabric.device)]
        progress.add(learner.learn(images, answer, weight, rate=rate), images)
        if fabric.is_global_zero:
            progress.tell(sum(map(len, order)))
    return float(fabric.all_reduce(progress.mean_loss())), rate


def _generator(learner: TrainState, number: int) -> torch.Generator:
    """Draw each epoch of each process from its own, repeatable stream."""
    entropy = (learner.recipe.seed, number, learner.fabric.global_rank)
    seed = np.random.SeedSequence(entropy).generate_state(1)[0]
    return torch.Generator(learner.fabric.device).manual_seed(int(seed))


def _target(lesson: LabelledImages) -> Tensor:
    return torch.from_numpy(lesson.abnormal.astype(np.float32))
