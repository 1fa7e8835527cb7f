"""Samplers inside systems for automatic differentiation."""
