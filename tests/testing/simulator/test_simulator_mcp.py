"""Tools of hosted MCP servers, which the service calls by itself."""

from typing import Any

import pytest
from support_simulator import Peer, done_of, error_of, types

from trio_realtime.testing.simulator import AskMcpApproval, CallMcpTool, Reply, default_responder

DOCS: dict[str, Any] = {
    "type": "mcp",
    "server_label": "docs",
    "server_url": "https://x.test",
    "allowed_tools": ["search"],
}


def with_docs(**tool: Any) -> Peer:
    peer = Peer()
    peer.update(tools=[{**DOCS, **tool}])
    return peer


@pytest.mark.parametrize("allowed", [["search"], {"tool_names": ["search"]}])
def test_the_tools_of_a_server_are_listed(allowed: Any) -> None:
    """After the update that names it, once, as an item and two events."""
    peer = Peer()
    events = peer.update(tools=[{**DOCS, "allowed_tools": allowed}])
    assert types(events) == [
        "session.updated",
        "conversation.item.added",
        "mcp_list_tools.in_progress",
        "conversation.item.done",
        "mcp_list_tools.completed",
    ]
    item = events[3]["item"]
    assert (item["type"], item["server_label"]) == ("mcp_list_tools", "docs")
    assert [tool["name"] for tool in item["tools"]] == ["search"]
    assert "status" not in item
    assert {events[2]["item_id"], events[4]["item_id"]} == {item["id"]}
    assert types(peer.update(tools=[DOCS])) == ["session.updated"]


def test_a_call_is_made_by_the_service() -> None:
    """Its arguments, its course and its output are shown."""
    events = with_docs().respond(CallMcpTool("docs", "search", {"q": "x"}, "found"))
    assert types(events)[1:-2] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
    ]
    (item,) = done_of(events)["output"]
    assert item == {
        "id": item["id"],
        "type": "mcp_call",
        "server_label": "docs",
        "name": "search",
        "arguments": '{"q":"x"}',
        "approval_request_id": None,
        "output": "found",
        "error": None,
    }


def test_a_call_may_fail() -> None:
    """With an error in place of the output."""
    events = with_docs().respond(CallMcpTool("docs", "search", error="no such page"))
    assert "response.mcp_call.failed" in types(events)
    (item,) = done_of(events)["output"]
    assert item["error"] == {"type": "tool_execution_error", "message": "no such page"}
    assert item["output"] is None


def asked() -> tuple[Peer, str]:
    """A client that is asked for an approval, and the id of the request."""
    peer = with_docs()
    events = peer.respond(AskMcpApproval("docs", "search", {"q": "x"}))
    (item,) = done_of(events)["output"]
    assert (item["type"], item["arguments"]) == ("mcp_approval_request", '{"q":"x"}')
    return peer, item["id"]


def answer(peer: Peer, request_id: str, *, approve: bool) -> list[dict[str, Any]]:
    item = {
        "type": "mcp_approval_response",
        "approval_request_id": request_id,
        "approve": approve,
        "reason": None,
    }
    return peer.send("conversation.item.create", item=item)


@pytest.mark.parametrize(
    ("approve", "words"),
    [(True, "The MCP tool may be called."), (False, "The MCP tool may not be called.")],
)
def test_an_answer_is_followed_by_a_response(approve: bool, words: str) -> None:
    """The client need not ask for it; the responder knows the answer."""
    peer, request_id = asked()
    events = answer(peer, request_id, approve=approve)
    assert types(events) == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert events[1]["item"]["approve"] is approve
    response = peer.started()
    reply: Reply = default_responder(response.turn)
    assert reply == words
    call = CallMcpTool("docs", "search", output="found", approval_request_id=request_id)
    (item,) = done_of(peer.play(response, call)[0])["output"]
    assert item["approval_request_id"] == request_id


def test_an_answer_to_no_question_is_refused() -> None:
    """And so is a second one to the same."""
    peer, request_id = asked()
    error = error_of(answer(peer, "mcpr_unknown", approve=True))
    assert error["param"] == "item.approval_request_id"
    answer(peer, request_id, approve=True)
    peer.play(peer.started(), "Thank you.")
    assert error_of(answer(peer, request_id, approve=True))["code"] == "invalid_value"
