"""Training: the loop that yields events, the recorder around it, and prediction.

Holds no imports: labkit.config imports labkit.training.schedules.
"""
