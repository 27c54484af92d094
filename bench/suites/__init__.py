"""One module per question; each measures rounds on a running `Machine` and adds goals to the run's `Findings`."""

from __future__ import annotations
