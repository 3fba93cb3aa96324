"""What the folder of a study says, and how far it can be trusted."""
