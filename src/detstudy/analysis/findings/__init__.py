"""What follows for who must choose: costs, errors, convergence, interactions, choices."""
