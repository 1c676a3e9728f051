"""What of a picture an answer comes from: every method under one signature, and what each is worth."""
