"""
Fetch the OHIF viewer that tests open in a browser: an npm package with a built `dist`.

    python3 infra/fetch_ohif.py

npm asks its own registry; what comes is compared with the checksum below. Only the
standard library: this runs before anything is installed. For another version change
both constants.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE, VERSION = "@ohif/app", "3.13.2"
SHA512 = (
    "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F"
    "87BKxFfpq+jd5xXZB9E8EA=="
)
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
DIST = _CACHE / "cxrmlops" / f"ohif-{VERSION}"


def fetch() -> str:
    """Put the viewer's files into DIST; return why not, "" if they are there."""
    if DIST.is_dir():
        return ""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    DIST.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DIST.parent) as name:
        folder = Path(name)
        command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )
        packed = list(folder.glob("*.tgz"))
        if done.returncode or len(packed) != 1:
            return f"npm could not fetch {PACKAGE}@{VERSION}"
        digest = hashlib.sha512(packed[0].read_bytes()).digest()
        if base64.b64encode(digest).decode() != SHA512:
            return f"{PACKAGE}@{VERSION} has another checksum than expected"
        with tarfile.open(packed[0]) as archive:
            archive.extractall(folder, filter="data")
        (folder / "package/dist").replace(DIST)
    return ""


if __name__ == "__main__":
    if reason := fetch():
        sys.stdout.write(f"tests that need OHIF will be skipped ({reason})\n")
