"""What moves weights: optimisers, schedules, losses, running means; and what keeps some of them still."""
