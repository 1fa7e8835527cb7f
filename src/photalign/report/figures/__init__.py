"""Figures of the report: pure functions from arrays to SVG or to picture addresses."""
