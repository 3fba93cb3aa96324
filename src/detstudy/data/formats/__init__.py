"""Readers of the formats that data sets come in, each from files to records and faults."""
