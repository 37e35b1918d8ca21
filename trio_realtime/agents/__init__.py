"""DECLARE: agents and what they are made of. Nothing here runs a conversation.

``agent`` is the whole of an agent. ``tools`` are functions the model may call, with their schema
(``tool_signature``, ``tool_schema``, ``class_fields``, ``docstrings``), their arguments
(``tool_arguments``, ``schema_misfits``), their running (``tool_function``) and their output
(``tool_output``). ``handoffs`` lead to other agents. ``guardrails`` look at what is said,
``tool_guardrails`` at what tools do. ``hooks`` are told what happens. ``hosted_mcp`` are tools of
servers that the model calls by itself.
"""
