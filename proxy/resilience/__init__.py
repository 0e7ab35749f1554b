"""What a failure means; pure, time passed in."""
