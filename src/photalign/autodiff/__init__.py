"""Samplers that other systems differentiate through."""
