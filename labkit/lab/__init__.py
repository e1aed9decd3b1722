"""The lab: pictures of runs, controls made from the settings, and the tuning lab that wires them."""
