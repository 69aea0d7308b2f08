"""
The picture that people see: the film as displayed, the evidence on it, a band above it.

The evidence map is in logit units on one colour scale for all cases. A cell's value is
the logit that the whole film would get if every cell looked like this one, minus the
logit of the balanced threshold: 0 is on the threshold, what lies below is transparent.
The cells, pooled as the network pools them, give the film's own logit above the
threshold, so a film answered ASF has colour to show; one answered NSF is shown plain.
The scale is a square root, so that weak and strong evidence are both seen, whichever
network made it.

Drawing is deterministic: Pillow's built-in font, integer pixels, no clock.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxrmlops.model.pooling import pooled

FULL_SCALE = 16.0  # logits above the threshold where the colour ends; for all cases
TICKS = (0, 1, 4, 9, 16)  # logits; evenly spaced, for the scale is a square root
MAX_OPACITY = 0.55  # of the colour, from half of the full scale on
MIN_WIDTH = 640  # pixels of the band; a narrower film gets black sides
PAGE_HEIGHT = 480  # pixels of a page without a film
_RAMP = (
    np.array(  # dark violet, magenta, orange, pale yellow: order also without colour
        [[66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]],
        dtype=np.float32,
    )
)
_INK, _SOFT, _ALERT, _CALM = "#f2f2f2", "#b4bac2", "#ffb347", "#8fd19e"
_BAND = "#14181d"


@dataclass(frozen=True)
class Caption:
    """What the band says; nothing of the patient."""

    title: str
    alert: bool  # not NSF for sure
    facts: tuple[str, ...]
    disclaimer: str
    probability: float | None  # 0-1; None: no bar
    thresholds: tuple[tuple[str, float], ...]  # short name, 0-1
    scale: str  # what the colour bar measures; "" without a map


def logit(probability: float) -> float:
    """Return ln(p / (1 - p)), finite for 0 and 1 too."""
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(clipped / (1 - clipped))


def above_threshold(
    evidence: np.ndarray,
    *,
    pooling: str,
    logit_of_image: float,
    temperature: float,
    threshold: float,
) -> np.ndarray:
    """Put evidence on the scale all cases share.

    Args:
        evidence: shape (h, w), float, the network's map; pooled, and with a bias, it is
            the uncalibrated logit.
        pooling: of the cells, see `model.pooling`.
        logit_of_image: that logit.
        temperature: divides a logit before it becomes a probability.
        threshold: of the balanced point, 0-1.

    Returns:
        Shape (h, w), float32, calibrated logits above the threshold.
    """
    values = evidence.astype(np.float64)
    local = (values - pooled(values, pooling) + logit_of_image) / temperature
    return np.asarray(local - logit(threshold), dtype=np.float32)


def blend(picture: np.ndarray, heat: np.ndarray | None) -> np.ndarray:
    """Lay the map over the film.

    Args:
        picture: shape (h, w), uint8, as displayed.
        heat: shape (h, w), float, logits above the threshold; None leaves it plain.

    Returns:
        Shape (h, w, 3), uint8.
    """
    if heat is None:
        return np.repeat(picture[..., None], 3, axis=2)
    share = np.sqrt(np.clip(heat / np.float32(FULL_SCALE), 0, 1))
    step = (share * _STEPS + 0.5).astype(np.uint8)
    return np.take(_MIXED, step.astype(np.uint16) << 8 | picture, axis=0, mode="clip")


def colour(share: np.ndarray) -> np.ndarray:
    """Return the colour of each value: shape (..., 3), float32, 0-255."""
    steps = np.linspace(0, 1, len(_RAMP))
    channels = [np.interp(share, steps, _RAMP[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


_STEPS = 255  # of colour between the threshold and full scale


def _opacity(share: np.ndarray) -> np.ndarray:
    """Return how far the colour covers the film: full from half scale on, 0 at 0."""
    rising = np.clip(2 * share, 0, 1)
    return np.asarray(MAX_OPACITY * rising**2 * (3 - 2 * rising), np.float32)


def _mixed() -> np.ndarray:
    """Mix every step of colour with every grey: shape (65536, 3), uint8."""
    shares = np.linspace(0, 1, _STEPS + 1, dtype=np.float32)
    grey = np.arange(256, dtype=np.float32)
    clear = (1 - _opacity(shares))[:, None, None] * grey[:, None]
    tint = colour(shares) * _opacity(shares)[:, None]
    return (clear + tint[:, None] + 0.5).astype(np.uint8).reshape(-1, 3)


_MIXED = _mixed()  # by step, then grey


def draw_overlay(image: np.ndarray, caption: Caption) -> tuple[np.ndarray, int, int]:
    """Add the band above the film; the film itself stays untouched.

    Args:
        image: shape (h, w, 3), uint8, from `blend`.
        caption: what the band says.

    Returns:
        The picture, shape (band + h, max(w, MIN_WIDTH), 3), uint8, and the film's top
        and left in it.
    """
    width = max(image.shape[1], MIN_WIDTH)
    band = _draw_band(caption, width)
    left = (width - image.shape[1]) // 2
    canvas = np.zeros((band.shape[0] + image.shape[0], width, 3), np.uint8)
    canvas[: band.shape[0]] = band
    canvas[band.shape[0] :, left : left + image.shape[1]] = image
    return canvas, band.shape[0], left


def page(caption: Caption) -> np.ndarray:
    """Write a caption on a page of its own.

    Returns:
        Shape (h, w, 3), uint8; nearly as high as wide, to fill a viewer's window.
    """
    band = _draw_band(caption, MIN_WIDTH)
    rows = max(len(band), PAGE_HEIGHT)
    canvas = np.full((rows, MIN_WIDTH, 3), band[0, 0], np.uint8)
    top = (rows - len(band)) // 3  # viewers write into the corners
    canvas[top : top + len(band)] = band
    return canvas


def _draw_band(caption: Caption, width: int) -> np.ndarray:
    """Draw once to learn the height, then for good."""
    tall = Image.new("RGB", (width, width), _BAND)
    height = _Pen(tall, width).write(caption)
    return np.asarray(tall.crop((0, 0, width, height)))


@dataclass
class _Pen:
    """Writes top to bottom, wrapping at the right edge."""

    image: Image.Image
    width: int

    def __post_init__(self) -> None:
        self.draw = ImageDraw.Draw(self.image)
        self.unit = max(12, round(self.width / 52))  # text height, pixels
        self.left = round(self.width / 8)  # viewers write into the upper left corner
        self.right = self.width - self.unit
        self.y = self.unit * 0.7

    def write(self, caption: Caption) -> int:
        self._text(caption.title, 1.35, _ALERT if caption.alert else _CALM)
        if caption.probability is not None:
            self._probability_bar(caption.probability, caption.thresholds)
        for fact in caption.facts:
            self._text(fact, 0.85, _INK)
        if caption.scale:
            self._colour_bar(caption.scale)
        self._text(caption.disclaimer, 0.75, _SOFT)
        return math.ceil(self.y + self.unit * 0.4)

    def _text(self, text: str, size: float, ink: str) -> None:
        font = self._font(size)
        for line in _wrapped(text, font, self.right - self.left):
            self.draw.text((self.left, round(self.y)), line, fill=ink, font=font)
            self.y += self.unit * size * 1.3
        self.y += self.unit * 0.15

    def _font(self, size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return _font(round(self.unit * size))

    def _probability_bar(
        self, probability: float, thresholds: Sequence[tuple[str, float]]
    ) -> None:
        left, right = self.left, self.right
        top, height = round(self.y + self.unit * 0.2), round(self.unit * 0.6)
        span, font = right - left, self._font(0.75)
        self.draw.rectangle((left, top, right, top + height), fill="#2b323a")
        self.draw.rectangle(
            (left, top, left + round(span * probability), top + height), fill="#6f8fb3"
        )
        label_y, free_from = top + height + round(self.unit * 0.25), 0.0
        for name, threshold in sorted(thresholds, key=lambda pair: pair[1]):
            x = left + round(span * threshold)
            self.draw.line((x, top - 4, x, top + height + 4), fill=_INK, width=2)
            text = f"{name} {100 * threshold:.1f} %"
            wide = font.getlength(text)
            at = min(max(x - wide / 2, free_from, left), right - wide)
            self.draw.text((round(at), label_y), text, fill=_SOFT, font=font)
            free_from = at + wide + self.unit
        self.y = label_y + self.unit * 1.15

    def _colour_bar(self, scale: str) -> None:
        font, height = self._font(0.75), round(self.unit * 0.55)
        left, top = self.left, round(self.y + self.unit * 0.15)
        span = self.width // 3
        ramp = np.linspace(0, 1, span)
        bar = np.repeat(colour(ramp)[None], height, axis=0).astype(np.uint8)
        self.image.paste(Image.fromarray(bar), (left, top))
        for tick in TICKS:
            text = f"{tick:+d}" if tick else "0"
            at_tick = round(span * math.sqrt(tick / FULL_SCALE))
            x = left + at_tick - font.getlength(text) / 2
            at = (round(max(x, left)), top + height + 2)
            self.draw.text(at, text, fill=_SOFT, font=font)
        x = left + span + self.unit
        lines = _wrapped(scale, font, self.right - x)
        for number, line in enumerate(lines):
            at = (x, round(top - 2 + number * self.unit * 0.95))
            self.draw.text(at, line, fill=_SOFT, font=font)
        self.y = top + max(height + self.unit * 1.2, len(lines) * self.unit) + 2


@lru_cache(maxsize=64)
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Unpack Pillow's built-in font once per size, not once per line of text.

    A line is drawn once, too: most are the same for every study of a night.
    """
    font = ImageFont.load_default(pixels)
    if isinstance(font, ImageFont.FreeTypeFont):
        font.getmask2 = lru_cache(maxsize=64)(font.getmask2)  # type: ignore[assignment, method-assign]
    return font


@lru_cache(maxsize=256)
def _wrapped(
    text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float
) -> list[str]:
    """Break text into lines; most of it is the same for every study of a night."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
