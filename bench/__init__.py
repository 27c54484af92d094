"""How fast is Lienthong? Benchmarks with real processes, run as `python -m bench SUITE` from the repository root.

Every run measures its own yardsticks first (RSA signatures per core, plain signature verification, a bare pipeline on
the same broker), so figures of different machines and of busy machines can be compared: what counts are the ratios.
"""

from __future__ import annotations
