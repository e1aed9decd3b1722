"""Reading runs: one run folded from its events, the folder of runs, and runs beside each other."""
