"""Sphinx's settings. Build with ``nox -s docs``; nothing is fetched from anywhere."""

import builtins
import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.util.nodes import make_refnode

import trio_realtime

project = "trio_realtime"
author = "The trio_realtime developers"
copyright = "The trio_realtime developers"
release = trio_realtime.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinxcontrib_trio",
]
exclude_patterns = ["_build", "programs"]
html_theme = "furo"
html_title = f"trio_realtime {release}"

# In docstrings, as in Trio's, a name in single backticks is a reference.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    # Annotations refer to what is inside, and to other packages, whose inventories are not fetched
    # so that the docs build without a network. References of the prose are held to exist.
    (r"py:class", r".*"),
    (r"py:(obj|exc|func|meth)", r"(trio|attrs|ssl|collections|os|pathlib|pytest|contextlib)\..*"),
    (r"py:obj", r"mcp_policy\..*"),
]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "undoc-members": True, "exclude-members": "__init__"}
autodoc_class_signature = "mixed"
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
python_display_short_literal_types = True
toc_object_entries = False

doctest_global_setup = """
import trio, trio_realtime
from trio_realtime import *
from trio_realtime import OpenAIRealtimeWebSocketModel, TransportSettings
"""
trim_doctest_flags = True

myst_heading_anchors = 2


def resolve_by_last_name(
    app: Sphinx, env: BuildEnvironment, node: Any, contnode: nodes.Element
) -> nodes.Element | None:
    """Find what is documented under its public name, whatever module it was referred to by.

    The code says ``trio_realtime.agents.tools.FunctionTool``, `FunctionTool` or
    `FunctionTool.invoke`; it is documented as ``trio_realtime.FunctionTool``.
    """
    if node.get("refdomain") != "py":
        return None
    objects = env.get_domain("py").data["objects"]
    parts = node["reftarget"].split(".")
    if len(parts) > 1 and parts[0].islower() and parts[0] != "trio_realtime":
        return None
    for length in (2, 1):
        suffix = "." + ".".join(parts[-length:])
        found = sorted({name for name in objects if name.endswith(suffix)}, key=len)
        if found and len(parts) >= length:
            entry = objects[found[0]]
            return make_refnode(
                app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, found[0]
            )
    return None


def format_sections(
    _app: Sphinx, what: str, name: str, obj: Any, _options: Any, lines: list[str]
) -> None:
    """Turn sections such as ``Raises:`` into fields.

    Not in the docstrings of attributes, where Napoleon takes what is before a colon for a type.
    """
    if what not in {"attribute", "data", "property"}:
        lines[:] = GoogleDocstring(lines, Config(), what=what, name=name, obj=obj).lines()


ALIASES = {
    "RealtimeSessionEvent": "RealtimeAgentStartEvent",
    "RealtimeModelEvent": "RealtimeModelAudioEvent",
    "RealtimeModelInput": "RealtimeModelSendUserInput",
}
"""Long unions by the name they have in the code, each with a member that tells it apart."""

MADE_BY_OTHERS = ("RealtimeSession", "RealtimeResponse", "UserTurn", "FakeConnection")
"""Classes whose constructors are nobody's business."""


def shorten_signature(
    _app: Sphinx,
    what: str,
    name: str,
    _obj: Any,
    _options: Any,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Write aliases of long unions, and leave out constructors that applications never call."""
    if what == "class" and name.endswith(MADE_BY_OTHERS):
        return "", None

    def shorten(text: str) -> str:
        for alias, member in ALIASES.items():
            text = re.sub(rf"[~\w.]+( \| [~\w.]+)* \| [~\w.]+{member}( \| [~\w.]+)+", alias, text)
            text = re.sub(rf"[~\w.]*{member}( \| [~\w.]+){{5,}}", alias, text)
        return text

    return signature and shorten(signature), returns and shorten(returns)


def keep_builtins(_app: Sphinx, doctree: nodes.document) -> None:
    """Let ``type`` in an annotation be the built-in, not one of our attributes of that name."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and hasattr(builtins, node["reftarget"]):
            node.replace_self(nodes.Text(node["reftarget"]))


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", format_sections)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("doctree-read", keep_builtins)
    app.connect("missing-reference", resolve_by_last_name)
