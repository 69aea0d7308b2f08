"""
Imported first in worker processes: NumPy's products of matrices take one thread each.

There are as many workers as cores. OpenBLAS would start as many threads again in each
of them, which wait for the next product at full speed: a quarter of all that a night's
workers cost. It reads these once, when NumPy is loaded.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
