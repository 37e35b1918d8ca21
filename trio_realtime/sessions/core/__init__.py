"""What the tasks of one session share: the agent at work, the event buffer, tasks on demand."""
