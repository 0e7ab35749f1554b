"""What is observed of the targets, and the rows of it that a decision reads."""
