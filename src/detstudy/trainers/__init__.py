"""The contract between executor and trainer, and the trainers that fulfil it."""
