"""A little Chinese of our own to pretrain on."""

import random

import pytest

from labkit.pretraining.config import PretrainConfig, PretrainStage
from labkit.pretraining.texts import TextSource, prepare_sources
from labkit.pretraining.training_data import PretrainingData, prepare_data

PEOPLE, PLACES = ("老师", "学生", "工人", "医生", "记者"), ("北京", "上海", "广州", "天津", "杭州")
DEEDS = ("看书", "开会", "唱歌", "游泳", "上课")
STAGES = (PretrainStage(0.5, 16, 256), PretrainStage(1.0, 32, 512))


def sentence(number: int) -> list[str]:
    """Words of a sentence that no other number gives."""
    draw = random.Random(number)
    who, where, what = draw.choice(PEOPLE), draw.choice(PLACES), draw.choice(DEEDS)
    return [
        "昨天",
        who,
        "在",
        where,
        what,
        "，",
        draw.choice(PEOPLE),
        "去",
        draw.choice(PLACES),
        "了",
        str(number),
        "次",
        "。",
    ]


@pytest.fixture(scope="session")
def texts() -> list[TextSource]:
    """One source with words of its own, one without."""
    rows = [sentence(number) for number in range(400)]
    return prepare_sources({"news": rows[:300]}, {}, {"talk": ["".join(row) for row in rows[300:]]})


@pytest.fixture(scope="session")
def config() -> PretrainConfig:
    """A model that trains in a second or two."""
    small = {"layers": 2, "width": 32, "heads": 2, "inner": 64, "vocabulary": 300}
    return PretrainConfig(minutes=None, steps=24, rate=5e-3, held_out=0.1, stages=STAGES, **small)


@pytest.fixture(scope="session")
def data(texts: list[TextSource], config: PretrainConfig) -> PretrainingData:
    return prepare_data(texts, [], config)
