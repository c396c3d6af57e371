"""How good predictions are: scores and their intervals; tests between variants, calibration."""
