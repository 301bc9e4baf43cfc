"""The specification: each technique as a few formulas in NumPy and SciPy, float64, no torch."""
