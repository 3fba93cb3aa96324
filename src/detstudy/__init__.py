"""Hyperparameter studies of object detectors and instance segmenters, with conclusions that the data support.

The command line is the contract (`detstudy --help`); the packages are described in the README's architecture section.
"""

__version__ = "0.1.0"
