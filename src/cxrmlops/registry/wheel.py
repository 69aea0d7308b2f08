"""The running package as a wheel, so that a version carries the code that made it."""

import base64
import hashlib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's first day: same code, same bytes


def write_wheel(folder: Path) -> Path:
    """Write the package as it runs here into `folder`, and name the file.

    The format is the binary distribution format: a zip of the package and of a
    `.dist-info` with METADATA, WHEEL and RECORD.
    """
    about = distribution("cxrmlops")
    info = f"cxrmlops-{about.version}.dist-info"
    files = {
        path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes()
        for path in sorted(PACKAGE.rglob("*"))
        if path.suffix in (".py", ".typed") and "__pycache__" not in path.parts
    }
    tags = "Wheel-Version: 1.0\nGenerator: cxrmlops\nRoot-Is-Purelib: true\n"
    files[f"{info}/METADATA"] = str(about.metadata).encode()
    files[f"{info}/WHEEL"] = f"{tags}Tag: py3-none-any\n".encode()
    record = [f"{name},{_digest(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()

    wheel = folder / f"cxrmlops-{about.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return wheel


def _digest(content: bytes) -> str:
    code = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={code.rstrip(b'=').decode()},{len(content)}"
