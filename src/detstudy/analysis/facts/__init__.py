"""What the analysis finds, as records with their numbers; `detstudy.wording` has the words of each."""

Fact = object
"""Any record that `wording.say` has words for, or a text: the own words of a trainer, an executor or a data set."""
