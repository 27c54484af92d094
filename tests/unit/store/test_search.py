"""Is Vietnamese text compared without its diacritics?"""

from __future__ import annotations

import unicodedata

import pytest

from lienthong.store.search import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Huyện Bình  Sơn", "huyen binh son"),
        ("ĐỨC PHỔ\n đ", "duc pho d"),
        ("Nghĩa Hành (Quảng Ngãi)", "nghia hanh (quang ngai)"),
        ("1720/KH-SNV", "1720/kh-snv"),
        ("", ""),
    ],
)
def test_folding_is_the_same_for_both_normal_forms(text: str, folded: str) -> None:
    assert fold(text) == fold(unicodedata.normalize("NFD", text)) == folded
