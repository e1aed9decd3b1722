"""The fonts of every picture, and what can be written with them."""

import logging
import re
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
    "Noto Sans CJK JP",  # the same letters, some of them in their Japanese form
)
# Chinese letters and what is written between them, full-width forms among them.
HAN = re.compile(
    "[\u2e80-\u2fdf\u3000-\u303f\u31c0-\u31e3\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]+"
)

# WenQuanYi has no bold face, and its regular one is as good: nothing to tell everybody on stderr.
logging.getLogger("matplotlib.font_manager").addFilter(lambda record: "font weight" not in record.msg)


@lru_cache
def font_families() -> list[str]:
    """Font families to try in turn: names of runs may be Chinese. Only installed ones, as others make warnings."""
    installed = set(font_manager.get_font_names())
    return [name for name in (LATIN, *CHINESE) if name in installed]


@lru_cache
def has_chinese() -> bool:
    """Whether pictures can hold Chinese; looks through the system's fonts where matplotlib's list knows none.

    That list is made once, and kept for years: a font that was installed since is not in it.
    """
    if not set(CHINESE) & set(font_families()) and _add_new_fonts():
        font_families.cache_clear()
    return bool(set(CHINESE) & set(font_families()))


def _add_new_fonts() -> int:
    """Tells matplotlib of fonts that its list lacks; how many there were."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    new = set(font_manager.findSystemFonts()) - known
    for path in new:
        try:
            font_manager.fontManager.addfont(path)
        except (OSError, RuntimeError):  # not a font that can be drawn with: emojis in colour, for one
            continue
    return len(new)


def plot_tr(text: str, **values: object) -> str:
    """What `language.tr` does, for words in a picture: they stay English where no font could draw them."""
    return translation.translate(plot_language(), text, **values)


def plot_tr_message(text: str) -> str:
    """What `language.retold` does, for words in a picture."""
    return translation.translate_message(text) if plot_language() == translation.get_language() else text


def plot_language() -> str:
    """The language of pictures."""
    language = translation.get_language()
    return "en" if language == "zh" and not has_chinese() else language


def strip_undrawable(text: str) -> str:
    """The text without what would be drawn as boxes: where no Chinese font is installed, `…` for Chinese words."""
    return HAN.sub("…", text) if not text.isascii() and HAN.search(text) and not has_chinese() else text
