"""How much of the model's audio was received, taken by the application, and heard."""
