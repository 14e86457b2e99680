"""What is kept: signals and what follows from them, durably."""
