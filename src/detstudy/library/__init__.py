"""What `import detstudy` gives: the verbs of the command line as functions, and a study's folder as frames."""
