"""Where the time outside the network goes: CPU milliseconds per film, step by step."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from cxrmlops.data import backlog_image, image_file
from cxrmlops.dicom.read import pixels
from cxrmlops.dicom.read.headers import DicomFile
from cxrmlops.dicom.read.source import Source
from cxrmlops.model.inference import Reader
from cxrmlops.reporting import study_objects

# step -> the functions that make it up; none of them calls another
Steps = dict[str, list[tuple[Any, str]]]
READING: Steps = {
    "hash of the file": [(Source, "content")],
    "header": [(DicomFile, "__init__"), (image_file, "accept")],
    "pixels from the file": [(DicomFile, "with_pixels")],
    "decode": [(pixels, "decode")],
    "hash of pixels": [(pixels, "pixel_hash")],
    "grey values": [(pixels, "_picture_values")],
    "is it a whole chest": [(image_file, "accept_picture")],
    "network's square": [(backlog_image, "network_square")],
    "quality": [(backlog_image, "judge_quality")],
    "header and picture kept": [
        (backlog_image, "_store"),
        (backlog_image, "_store_header"),
    ],
    "greys for the watch": [(backlog_image, "image_statistics")],
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
        CPU milliseconds per film of each step, and of the `rest`.
    """
    spent = dict.fromkeys(steps, 0.0)
    with ExitStack() as stack:
        for name, parts in steps.items():
            for module, attribute in parts:
                timed = _timed(getattr(module, attribute), name, spent)
                stack.enter_context(patch.object(module, attribute, timed))
        start = time.process_time()
        action()
        whole = time.process_time() - start
    spent["rest"] = whole - sum(spent.values())
    return {name: 1000 * seconds / images for name, seconds in spent.items()}


def _timed(function, name: str, spent: dict[str, float]):
    def call(*arguments, **options):
        start = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[name] += time.process_time() - start

    return call
