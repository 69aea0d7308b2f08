import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

ABSENT = (
    "dvc",
    "great_expectations",
    "highdicom",
    "mlflow",
    "prefect",
    "pyarrow",
    "pydantic",
    "pydicom",
    "pytorch_grad_cam",
    "scipy",
    "sqlalchemy",
    "yaml",
)
WANTED = (
    "evaluation.statistics.calibration",
    "model.fitting",
    "model.gradcam",
    "model.inference",
    "model.member_fitting",
    "model.pretrained",
    "model.saliency",
    "model.skew",
)


def test_a_gpu_box_with_nothing_but_pytorch_can_train_and_read():
    blocked = "import sys; sys.modules.update(dict.fromkeys(%r))" % (ABSENT,)  # noqa: UP031
    wanted = [f"import cxrmlops.{name}" for name in WANTED]
    wanted += [f"import benchmarks.gpu_{name}" for name in ("reading", "training")]
    code = "; ".join([blocked, *wanted])

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
