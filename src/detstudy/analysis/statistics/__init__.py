"""Estimate, interval, p and verdict from numbers alone: no study, no words."""
