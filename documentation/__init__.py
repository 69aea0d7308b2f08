"""
The documentation site: pages written by hand in docs/, reference pages from the code.

`python -m documentation` builds it. What the code says is read anew at every build, so
that no page of the reference can go stale.
"""
