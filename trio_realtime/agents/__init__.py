"""Agents and what they are made of. Nothing here runs a conversation.

- ``agent``: what an agent is; ``handoffs`` lead to other agents.
- ``tools``: functions that the model may call. ``tool_signature`` and ``tool_schema`` make their
  schemas, from what ``class_fields``, ``annotation_notes``, ``constraints``, ``self_describing``
  and ``docstrings`` read. ``tool_arguments`` reads the arguments of a call: it checks the JSON
  (``schema_misfits``) and builds the values (``argument_values``). ``tool_function`` runs the
  function, and ``tool_output`` writes what it returned.
- ``guardrails`` look at what is said, ``tool_guardrails`` at what tools do.
- ``hooks`` are called when something happens.
- ``mcp`` and ``mcp_policy``: servers of tools that this process talks to; ``hosted_mcp``: those
  that the model calls by itself.
"""
