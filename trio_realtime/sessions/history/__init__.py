"""The local history of a conversation, folded from model events. Pure."""
