"""What an application asks of the model and can wait for: responses, questions, messages, turns."""
