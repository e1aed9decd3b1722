"""The fonts of every picture."""

from functools import lru_cache

from matplotlib import font_manager

FAMILIES = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
)


@lru_cache
def fonts() -> list[str]:
    """Font families to try in turn: names of runs may be Chinese. Only installed ones, as others make warnings."""
    installed = set(font_manager.get_font_names())
    return [name for name in FAMILIES if name in installed]
