"""MCP servers while a session uses them, and their tools."""
