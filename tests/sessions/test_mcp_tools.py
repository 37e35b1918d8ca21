"""The MCP servers of a session, in memory: tools, changes, failures, ends."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from mcp.server import MCPServer as PeerServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND

from sessions.support_mcp import (
    MODERN,
    InMemory,
    Scripted,
    call,
    call_context,
    desk,
    text,
    told,
    tool,
)
