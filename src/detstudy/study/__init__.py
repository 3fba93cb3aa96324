"""The study file and what it says: a study, its settings, sizes and durations; no torch."""
