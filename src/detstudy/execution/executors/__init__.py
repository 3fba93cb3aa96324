"""Who does the work that is due: the contract, and the executor that starts processes on this machine."""
