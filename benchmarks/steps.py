"""Where the time outside the network goes: milliseconds per film, step by step."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from cxrmlops.data import backlog_image
from cxrmlops.dicom.read import pixels
from cxrmlops.model.inference import Reader
from cxrmlops.reporting import study_objects

# step -> the functions that make it up; none of them calls another
Steps = dict[str, list[tuple[Any, str]]]
READING: Steps = {
    "header": [(backlog_image, "read_header"), (backlog_image, "accept")],
    "file": [(pixels, "read_whole")],
    "decode": [(pixels, "decode")],
    "hash of pixels": [(pixels, "pixel_hash")],
    "grey values": [(pixels, "_picture_values")],
    "blank, noise, negative": [(backlog_image, "accept_picture")],
    "network's square": [(backlog_image, "network_square")],
    "quality": [(backlog_image, "judge_quality")],
    "reading picture": [(backlog_image, "_store")],
    "network": [(Reader, "read")],
}
WRITING: Steps = {
    "picture and map": [(study_objects, "show_image")],
    "overlay's band": [(study_objects, "draw")],
    "pictures of the page": [(study_objects, "save_page_pictures")],
    "header again": [(study_objects, "read_header")],
    "secondary capture": [(study_objects, "build_secondary_capture")],
    "structured report": [(study_objects, "build_report")],
    "writing both": [(study_objects, "save")],
    "FHIR": [(study_objects, "build_bundle")],
}


def profile(
    steps: Steps, action: Callable[[], None], *, images: int
) -> dict[str, float]:
    """Time the steps of `action`, which must work in this process.

    Returns:
        Milliseconds per film of each step, and of the `rest`.
    """
    spent = dict.fromkeys(steps, 0.0)
    with ExitStack() as stack:
        for name, parts in steps.items():
            for module, attribute in parts:
                timed = _timed(getattr(module, attribute), name, spent)
                stack.enter_context(patch.object(module, attribute, timed))
        start = time.perf_counter()
        action()
        whole = time.perf_counter() - start
    spent["rest"] = whole - sum(spent.values())
    return {name: 1000 * seconds / images for name, seconds in spent.items()}


def _timed(function, name: str, spent: dict[str, float]):
    def call(*arguments, **options):
        start = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent[name] += time.perf_counter() - start

    return call
