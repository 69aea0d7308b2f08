"""torchvision without torch's compiler, and still torchvision."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration


def said(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_compiler_is_not_loaded_and_can_be():
    compiler = {"sympy", "torch._dynamo", "torch._dynamo.utils"}
    loaded = f"print(*sorted({compiler} & {{*sys.modules}}))"

    assert said(
        f"import sys, cxrmlops.model.torchvision_resnets\n{loaded}\n"
        f"import torch._dynamo.utils\n{loaded}"
    ) == ("sympy torch._dynamo torch._dynamo.utils")


def test_where_the_compiler_is_loaded_it_stays():
    assert (
        said(
            "import sys, torch._dynamo.utils as before\n"
            "import cxrmlops.model.torchvision_resnets\n"
            "print(sys.modules['torch._dynamo.utils'] is before)"
        )
        == "True"
    )


def test_the_operator_that_was_spared_the_compiler_asks_it_and_works():
    assert (
        said(
            "import sys, torch, cxrmlops.model.torchvision_resnets\n"
            "from torchvision.ops import roi_align\n"
            "asked = sys.modules['torchvision.ops.roi_align'].is_compile_supported\n"
            "from torch._dynamo.utils import is_compile_supported\n"
            "assert asked('cpu') == is_compile_supported('cpu')\n"
            "box = torch.tensor([[0.0, 0, 0, 4, 4]])\n"
            "print(roi_align(torch.ones(1, 1, 4, 4), box, 1).item())"
        )
        == "1.0"
    )
