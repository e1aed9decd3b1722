import pytest

from labkit.formatting import format_duration, format_loss


@pytest.mark.parametrize(
    ("loss", "digits", "told"),
    [(0.12345, 4, "0.1235"), (12.0, 3, "12.000"), (-0.0, 4, "0.0000"), (-1e-7, 4, "0.0000"), (-4e-4, 3, "0.000")],
)
def test_a_loss_is_shown_rounded_and_never_below_zero(loss, digits, told):
    assert format_loss(loss, digits) == told


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (0.5, "0:01"),
        (41.6, "0:42"),
        (59.6, "1:00"),
        (725, "12:05"),
        (3599.5, "1:00:00"),
        (3725, "1:02:05"),
    ],
)
def test_a_duration_reads_as_a_clock(seconds, text):
    assert format_duration(seconds) == text
