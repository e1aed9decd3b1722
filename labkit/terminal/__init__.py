"""What `python -m labkit` shows and asks in a terminal. Only `labkit.__main__` imports it."""
