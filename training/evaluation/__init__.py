"""How good predictions are: F1 by convention and label, intervals, tests between variants, calibration."""
