"""
The commands of `cxrmlops`, by what they are about.

Nothing is decided here. Each command imports its own stage, so `--help` stays fast
and `cxrmlops split` works on a machine without torch.
"""

from pathlib import Path

DATA = Path("data")
