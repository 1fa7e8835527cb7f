"""Accuracy, speed and memory of photalign and its peers, measured side by side."""
