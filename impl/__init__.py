"""Implementations that can be put under test, and the shape of the adapters that lead to them."""
