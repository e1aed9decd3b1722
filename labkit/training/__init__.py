"""Training: the loop that yields events, what surrounds a run's own process, and what the devices are doing."""
