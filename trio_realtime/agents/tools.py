"""Function tools: what the model may call, and how.

`function_tool` makes a `FunctionTool` of a Python function; a `FunctionTool` can also be made by
hand of a schema and ``on_invoke_tool``. Sessions read the options, ask for approvals, keep time and
send the outputs; this module declares tools and checks the declarations. Reading
signatures is in `tool_signature`, reading arguments in `tool_arguments`, running in
`tool_function`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    Unpack,
    cast,
    get_args,
    overload,
)

import attrs

from trio_realtime.context import RunContext, TContext, ToolContext
from trio_realtime.errors import ToolTimeoutError, UserError

from .._util.maybe_async import MaybeAwaitable, call, resolve
from .declaration_checks import (
    check_choice,
    check_flag,
    check_function,
    check_list,
    check_option,
    check_tool_name,
    check_type,
    function_name,
)
from .docstrings import DocstringStyle
from .tool_arguments import ToolArgumentsError, parse_arguments
from .tool_function import BoundCall, DeclaredFunction
from .tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
from .tool_output import tool_output
from .tool_schema import JsonSchema, strict_schema
from .tool_signature import read_signature

if TYPE_CHECKING:
    from .agent import RealtimeAgent

P = ParamSpec("P")

ToolErrorFunction: TypeAlias = Callable[[ToolContext[TContext], Exception], MaybeAwaitable[str]]
"""``(context, exception)`` -> the text that the model gets as the output; sync or async."""

TimeoutBehavior: TypeAlias = Literal["error_as_result", "raise_exception"]
OnInterrupt: TypeAlias = Literal["continue", "cancel"]

DEFAULT_TOOL_ERROR = "An error occurred while running the tool. Please try again."


def default_tool_error(ctx: RunContext[Any], exc: Exception) -> str:
    """Return what the model is told by default: which arguments are wrong, or that the tool failed.

    The details of a failure are left out, since they may hold what the model should not repeat.
    """
    del ctx
    if isinstance(exc, ToolArgumentsError):
        return exc.text_for_model()
    return DEFAULT_TOOL_ERROR


@attrs.define(eq=False, kw_only=True)
class FunctionTool(Generic[TContext]):
    """A tool that runs in this process.

    Usually made by `function_tool`, which explains the options. By hand, ``on_invoke_tool`` is
    called with the `ToolContext` and the arguments as JSON text, and may be async; it runs
    in the session's own task, so it must not block.

    Raises `UserError` for what cannot work: a name the API would refuse, a schema that is no
    object, an option of the wrong type.
    """

    decorator: ClassVar[str] = "function_tool"
    """The name of the decorator that makes one of a function."""

    name: str
    description: str
    params_json_schema: JsonSchema = attrs.field(repr=False)
    on_invoke_tool: Callable[[ToolContext[TContext], str], MaybeAwaitable[Any]] = attrs.field(
        repr=False
    )
    strict_json_schema: bool = True
    """Whether the schema is made strict: every property required, no other allowed."""
    is_enabled: (
        bool | Callable[[RunContext[TContext], RealtimeAgent[TContext]], MaybeAwaitable[bool]]
    ) = True
    failure_error_function: ToolErrorFunction[TContext] | None = attrs.field(
        default=default_tool_error, repr=False
    )
    needs_approval: (
        bool | Callable[[RunContext[TContext], dict[str, Any], str], MaybeAwaitable[bool]]
    ) = False
    timeout: float | None = None
    timeout_behavior: TimeoutBehavior = "error_as_result"
    timeout_error_function: ToolErrorFunction[TContext] | None = attrs.field(
        default=None, repr=False
    )
    tool_input_guardrails: Sequence[ToolInputGuardrail[TContext]] = ()
    tool_output_guardrails: Sequence[ToolOutputGuardrail[TContext]] = ()
    on_interrupt: OnInterrupt = "continue"
    respond: bool = True
    max_concurrency: int | None = None

    def __attrs_post_init__(self) -> None:
        what = f"tool {check_tool_name(self.name, 'name_override')!r}"
        check_type(f"{what}: description", self.description, (str,), "a str")
        check_type(f"{what}: params_json_schema", self.params_json_schema, (dict,), "a dict")
        if self.params_json_schema.get("type") != "object":
            raise UserError(f"{what}: the schema of the parameters must be of type 'object'")
        check_function(f"{what}: on_invoke_tool", self.on_invoke_tool)
        self._check_options(what)
        if self.strict_json_schema:
            self.params_json_schema = strict_schema(self.params_json_schema, what)

    def _check_options(self, what: str) -> None:
        for name in ("is_enabled", "needs_approval"):
            check_flag(f"{what}: {name}", getattr(self, name))
        for name in ("strict_json_schema", "respond"):
            check_type(f"{what}: {name}", getattr(self, name), (bool,), "a bool")
        for name in ("failure_error_function", "timeout_error_function"):
            if getattr(self, name) is not None:
                check_function(f"{what}: {name}", getattr(self, name))
        if self.timeout is not None:
            check_type(f"{what}: timeout", self.timeout, (int, float), "a number of seconds")
            if not 0 < self.timeout < math.inf:
                raise UserError(f"{what}: timeout must be more than 0 s, and finite")
        check_choice(
            f"{what}: timeout_behavior",
            self.timeout_behavior,
            ("error_as_result", "raise_exception"),
        )
        check_choice(f"{what}: on_interrupt", self.on_interrupt, ("continue", "cancel"))
        if self.max_concurrency is not None:
            check_type(f"{what}: max_concurrency", self.max_concurrency, (int,), "an int")
            if self.max_concurrency < 1:
                raise UserError(f"{what}: max_concurrency must be at least 1")
        self.tool_input_guardrails = check_list(
            f"{what}: tool_input_guardrails",
            self.tool_input_guardrails,
            (ToolInputGuardrail,),
            "a ToolInputGuardrail",
        )
        self.tool_output_guardrails = check_list(
            f"{what}: tool_output_guardrails",
            self.tool_output_guardrails,
            (ToolOutputGuardrail,),
            "a ToolOutputGuardrail",
        )

    @property
    def function(self) -> Callable[..., Any] | None:
        """The Python function behind the tool, to call in a test; None if it was made by hand."""
        invoke = self.on_invoke_tool
        return invoke.function if isinstance(invoke, DeclaredFunction) else None

    def bind(self, arguments: str) -> BoundCall[TContext]:
        """Read the arguments of a call, JSON text, without waiting.

        Raises `ToolArgumentsError`, unless the tool was made by hand and reads them itself.
        """
        invoke = self.on_invoke_tool
        if isinstance(invoke, DeclaredFunction):
            return cast("DeclaredFunction[TContext]", invoke).bind(arguments)
        return BoundCall[TContext](function=invoke, args=(arguments,))

    async def invoke(self, ctx: ToolContext[TContext], arguments: str) -> Any:
        """Call the function with ``arguments``, JSON text, and return what it returns.

        Only the function is called: the tool's time limit, approval and guardrails are not applied.
        Raises `ToolArgumentsError` for arguments that the function does not take, and what the
        function raises. Cancelling does what it does for `BoundCall.run`.
        """
        return await self.bind(arguments).run(ctx)

    async def enabled(self, ctx: RunContext[TContext], agent: RealtimeAgent[TContext]) -> bool:
        """Whether the model is offered the tool now."""
        return await resolve(self.is_enabled, ctx, agent)

    async def approval_needed(self, ctx: ToolContext[TContext]) -> bool:
        """Return True if this call has to be approved.

        A function is asked with the arguments as JSON values by name, and the call's id. Raises
        `ToolArgumentsError` if the arguments are not a JSON object.
        """
        if isinstance(self.needs_approval, bool):
            return self.needs_approval
        arguments = parse_arguments(ctx.tool_arguments)
        return await call(self.needs_approval, ctx, arguments, ctx.tool_call_id)

    async def failure_output(self, ctx: ToolContext[TContext], exc: Exception) -> str:
        """Return what the model is told of a failure, or raise ``exc`` if failures are to end the
        session."""
        if self.failure_error_function is None:
            raise exc
        return tool_output(await call(self.failure_error_function, ctx, exc))

    async def timeout_output(self, ctx: ToolContext[TContext]) -> str:
        """Return what the model is told when the call took too long.

        That is the message of a `ToolTimeoutError`, or what ``timeout_error_function`` returns for
        that error. Raises it if the tool has ``timeout_behavior="raise_exception"``.
        """
        error = ToolTimeoutError(self.name, self.timeout or 0)
        if self.timeout_behavior == "raise_exception":
            raise error
        if self.timeout_error_function is not None:
            return tool_output(await call(self.timeout_error_function, ctx, error))
        return str(error)


class _FunctionToolDecorator(Protocol):
    """The type of ``@function_tool(...)``. A function that takes a context decides its type."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[TContext], ...], Any], /
    ) -> FunctionTool[TContext]: ...
    @overload
    def __call__(self, function: Callable[P, Any], /) -> FunctionTool[Any]: ...


class FunctionToolOptions(TypedDict, total=False):
    """The options of `function_tool`. Functions among them may be sync or async."""

    name_override: str | None
    """The tool's name, instead of the function's."""
    description_override: str | None
    """The tool's description, instead of the docstring's. A function without either has none."""
    docstring_style: DocstringStyle
    """How the docstring is written; ``"auto"`` by default."""
    use_docstring_info: bool
    """Whether the docstring describes the tool and its parameters; True by default."""
    strict_mode: bool
    """Whether the model has to give every argument, and can give no other; True by default.
    ``False`` allows what a strict schema cannot say: mappings with free keys, values of any type,
    parameters without annotation. Arguments that the function does not have are then dropped."""
    is_enabled: bool | Callable[[RunContext[Any], RealtimeAgent[Any]], MaybeAwaitable[bool]]
    """Whether the model is offered the tool; a function is asked with (context, agent)."""
    failure_error_function: ToolErrorFunction[Any] | None
    """``(context, exception)`` -> what the model is told when the tool fails or its arguments are
    wrong. By default a fixed text without details, or what is wrong with the arguments. ``None``:
    the failure ends the session."""
    needs_approval: bool | Callable[[RunContext[Any], dict[str, Any], str], MaybeAwaitable[bool]]
    """Whether a person has to approve a call; a function is asked with (context, arguments as JSON
    values by name, call id)."""
    timeout: float | None
    """Seconds a call may take; ``None``, the default, is no limit."""
    timeout_behavior: TimeoutBehavior
    """``"error_as_result"``, the default: the model is told. ``"raise_exception"``: the session
    ends with a `ToolTimeoutError`."""
    timeout_error_function: ToolErrorFunction[Any] | None
    """``(context, error)`` -> what the model is told instead of the message of the
    `ToolTimeoutError`."""
    tool_input_guardrails: Sequence[ToolInputGuardrail[Any]]
    tool_output_guardrails: Sequence[ToolOutputGuardrail[Any]]
    on_interrupt: OnInterrupt
    """When the user interrupts: ``"continue"``, the default, or ``"cancel"`` the running call."""
    respond: bool
    """Whether the model is asked to respond to the output; True by default."""
    max_concurrency: int | None
    """How many calls of the tool may run at once in a session; the others wait their turn."""
    abandon_on_cancel: bool
    """For sync functions: whether a cancelled call leaves its thread behind instead of waiting for
    it; False by default."""


@overload
def function_tool(
    function: Callable[Concatenate[ToolContext[TContext], ...], Any],
    /,
    **options: Unpack[FunctionToolOptions],
) -> FunctionTool[TContext]: ...
@overload
def function_tool(
    function: Callable[P, Any], /, **options: Unpack[FunctionToolOptions]
) -> FunctionTool[Any]: ...
@overload
def function_tool(**options: Unpack[FunctionToolOptions]) -> _FunctionToolDecorator: ...
def function_tool(
    function: Callable[..., Any] | None = None, /, **options: Unpack[FunctionToolOptions]
) -> Any:
    """Make a function, sync or async, a tool: as ``@function_tool``, or with options.

    The schema of the parameters comes from their annotations, descriptions from the docstring.
    Constraints written as pydantic's ``Field``, ``annotated_types`` or ``msgspec.Meta`` are part of
    the schema, and calls that break one are refused. A first parameter annotated with `RunContext`
    or `ToolContext` gets the context and is not shown to the model. A sync function runs in a
    worker thread.

    Raises `UserError` if the function cannot be a tool, naming the parameter and the reason, and
    for an option that is unknown or of the wrong type.
    """
    for option in options:
        check_option("function_tool", option, FunctionToolOptions.__annotations__)

    def decorate(function: Callable[..., Any]) -> FunctionTool[Any]:
        return _make_tool(function, **options)

    return decorate if function is None else decorate(function)


def _make_tool(
    function: Callable[..., Any],
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    docstring_style: DocstringStyle = "auto",
    use_docstring_info: bool = True,
    strict_mode: bool = True,
    abandon_on_cancel: bool = False,
    **options: Any,
) -> FunctionTool[Any]:
    check_function("what function_tool is given", function)
    name = function_name(function) if name_override is None else name_override
    what = f"tool {check_tool_name(name, 'name_override')!r}"
    check_choice(f"{what}: docstring_style", docstring_style, get_args(DocstringStyle))
    flags = {
        "use_docstring_info": use_docstring_info,
        "strict_mode": strict_mode,
        "abandon_on_cancel": abandon_on_cancel,
    }
    for option, value in flags.items():
        check_type(f"{what}: {option}", value, (bool,), "a bool")
    signature = read_signature(
        function,
        name,
        strict=strict_mode,
        docstring_style=docstring_style,
        use_docstring_info=use_docstring_info,
    )
    return FunctionTool(
        name=name,
        description=signature.description if description_override is None else description_override,
        params_json_schema=signature.schema,
        on_invoke_tool=DeclaredFunction(
            function=function, signature=signature, abandon_on_cancel=abandon_on_cancel
        ),
        strict_json_schema=strict_mode,
        **options,
    )
