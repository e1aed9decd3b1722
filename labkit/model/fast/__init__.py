"""Fast implementation of tagger and training on CPUs; SpeedUp is the door that training uses."""

from labkit.model.fast.speed_up import NoSpeedUp, SpeedUp, build_speed_up
from labkit.model.fast.tagger import FastTagger

__all__ = ["FastTagger", "NoSpeedUp", "SpeedUp", "build_speed_up"]
