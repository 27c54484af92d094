"""The composition root: what the programs `hub` and `relay` are made of."""

from __future__ import annotations

from lienthong.app.programs import run_hub, run_relay

__all__ = ["run_hub", "run_relay"]
