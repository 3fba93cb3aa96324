"""English for facts: names, sentences, proposals."""
