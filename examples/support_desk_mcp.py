"""An MCP server for a support desk: orders, frequent questions, tickets.

It talks over standard input and output, so a session starts it as a child process::

    MCPServerStdio(
        name="Support desk",
        params={"command": sys.executable, "args": ["examples/support_desk_mcp.py"]},
        require_approval={"always": ["open_ticket"]},
    )

Needs the package ``mcp`` (``pip install 'trio-realtime[mcp]'``).
"""

from dataclasses import dataclass
from itertools import count
from typing import Literal

import trio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("Support desk", log_level="WARNING")


@dataclass
class Order:
    number: str
    item: str
    status: Literal["being packed", "on its way", "delivered"]
    arrives: str


@dataclass
class Ticket:
    number: int
    order_number: str
    problem: str


ORDERS = {
    order.number: order
    for order in (
        Order("A100", "a red kettle", "on its way", "on Thursday"),
        Order("A101", "two garden chairs", "being packed", "next week"),
        Order("A102", "a reading lamp", "delivered", "last Monday"),
    )
}

FAQ = {
    "return send back refund": "Anything can be returned within 30 days, free of charge.",
    "warranty broken repair": "Everything has a warranty of two years.",
    "delivery shipping cost": "Delivery is free from 40 euros, and 4 euros below that.",
}

TICKET_NUMBERS = count(1)


@server.tool()
def look_up_order(number: str) -> Order:
    """Look up an order: what was ordered, where it is, when it arrives.

    The number is a letter and three digits, such as A100.
    """
    order = ORDERS.get(number.strip().upper())
    if order is None:
        raise ToolError("There is no order of that number. Ask for the number again.")
    return order


@server.tool()
def search_faq(question: str) -> str:
    """Look for the answer to a general question about returns, warranty or delivery."""
    words = {word.strip("?!.,").lower() for word in question.split()}
    answers = [answer for keywords, answer in FAQ.items() if words & set(keywords.split())]
    return " ".join(answers) or "Nothing was found. Offer to open a ticket."


@server.tool()
def open_ticket(order_number: str, problem: str) -> Ticket:
    """Open a ticket, so that a person of the support desk calls back."""
    return Ticket(next(TICKET_NUMBERS), order_number, problem)


if __name__ == "__main__":
    trio.run(server.run_stdio_async)
