"""The program `lienthong-agency`: one small file per command; `main.py` holds the program itself."""

from __future__ import annotations
