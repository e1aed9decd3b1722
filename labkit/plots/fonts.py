"""Fonts of the plots, and the language that they can show."""

import logging
import re
from contextlib import suppress
from functools import lru_cache

from matplotlib import font_manager

from labkit.i18n import translation

LATIN = "DejaVu Sans"  # comes with matplotlib
CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Droid Sans Fallback",
    "Arial Unicode MS",
    "Noto Sans CJK JP",  # the same letters, some in their Japanese form
)
# Chinese letters and punctuation, full-width forms included.
HAN = re.compile(
    "[\u2e80-\u2fdf\u3000-\u303f\u31c0-\u31e3\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]+"
)

# WenQuanYi has no bold face; its regular one will do, so no warning on stderr.
logging.getLogger("matplotlib.font_manager").addFilter(lambda record: "font weight" not in record.msg)


@lru_cache
def font_families() -> list[str]:
    """Installed font families in order of preference, Chinese ones included.

    Families that are not installed are left out, as matplotlib warns about them.
    """
    installed = set(font_manager.get_font_names())
    return [name for name in (LATIN, *CHINESE) if name in installed]


@lru_cache
def has_chinese() -> bool:
    """True if plots can show Chinese with an installed font.

    Matplotlib caches its font list for years. If that list has no Chinese font, fonts installed since are added.
    """
    if not set(CHINESE) & set(font_families()):
        known = {entry.fname for entry in font_manager.fontManager.ttflist}
        for path in set(font_manager.findSystemFonts()) - known:
            with suppress(OSError, RuntimeError):  # a font that matplotlib cannot draw, like emojis in colour
                font_manager.fontManager.addfont(path)
        font_families.cache_clear()
    return bool(set(CHINESE) & set(font_families()))


def plot_tr(text: str, **values: object) -> str:
    """Translate a text or Message for a plot; it stays English if no font has Chinese."""
    return translation.translate(plot_language(), text, **values)


def plot_language() -> str:
    """Language of the plots; English if no font has the letters of the current one."""
    language = translation.get_language()
    return "en" if language == "zh" and not has_chinese() else language


def strip_undrawable(text: str) -> str:
    """Replace Chinese words by `…` if no installed font can draw them."""
    return HAN.sub("…", text) if not text.isascii() and HAN.search(text) and not has_chinese() else text
