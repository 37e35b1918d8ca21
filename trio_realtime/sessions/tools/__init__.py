"""Serving the model's tool calls: one output per call, approvals, handoffs."""
