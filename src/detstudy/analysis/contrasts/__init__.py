"""One arm against another: settings, runs and result files."""
