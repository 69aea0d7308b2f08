"""
torchvision's ResNets, loaded without torch's compiler.

torchvision's RoIAlign, which no ResNet has, imports `torch._dynamo.utils` for the sake
of one function, and with it the whole compiler, triton and sympy: almost half of the
imports of a program that reads films, and 150 MB. Here that function is looked up when
somebody asks it. What needs torchvision takes it from here.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

UTILS = "torch._dynamo.utils"


@contextmanager
def _compiler_postponed() -> Iterator[None]:
    """Let `from torch._dynamo.utils import is_compile_supported` load nothing."""
    if UTILS in sys.modules:
        yield
        return
    placeholder = ModuleType(UTILS)
    vars(placeholder)["is_compile_supported"] = _is_compile_supported
    sys.modules[UTILS] = placeholder
    try:
        yield
    finally:
        del sys.modules[UTILS]


def _is_compile_supported(device_type: str) -> bool:
    from torch._dynamo.utils import is_compile_supported

    return bool(is_compile_supported(device_type))


with _compiler_postponed():
    import torchvision
    from torchvision.models import (
        ResNet,
        get_model,
        get_model_weights,
        list_models,
    )
    from torchvision.models.resnet import BasicBlock

VERSION = str(torchvision.__version__)

__all__ = [
    "VERSION",
    "BasicBlock",
    "ResNet",
    "get_model",
    "get_model_weights",
    "list_models",
]
