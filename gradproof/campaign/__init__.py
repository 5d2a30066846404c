"""Many cases: plan, search, tasks and the processes that do them, soak, sensitivity."""
