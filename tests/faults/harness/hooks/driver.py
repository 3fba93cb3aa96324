"""The command line without the report, which reads much and changes no run: `python driver.py run STUDY ...`."""

from detstudy import cli

cli._write_report = lambda *_: []
cli.main()
