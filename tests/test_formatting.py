import pytest

from labkit.formatting import format_loss


@pytest.mark.parametrize(
    ("loss", "digits", "told"),
    [(0.12345, 4, "0.1235"), (12.0, 3, "12.000"), (-0.0, 4, "0.0000"), (-1e-7, 4, "0.0000"), (-4e-4, 3, "0.000")],
)
def test_a_loss_is_shown_rounded_and_never_below_zero(loss, digits, told):
    assert format_loss(loss, digits) == told
