"""Results as tables: Markdown for the terminal, reStructuredText for the documentation."""

from collections.abc import Iterable, Sequence

from .adapters import OURS, OURS_FAST, PEER
from .results import Ratio, Results
from .workloads import WORKLOADS, Metric

Row = Sequence[str]


def in_markdown(results: Results) -> str:
    """Everything: a table for each workload."""
    parts: list[str] = []
    for name in results.workloads():
        workload = WORKLOADS[name]
        rows = [_row(results, name, adapter) for adapter in results.adapters(name)]
        heads = ["adapter", *(metric.unit for metric in workload.metrics)]
        heads += ["to the SDK", "to the SDK, CPU", "to the best floor"]
        parts += [f"### {name}: {workload.title}", "", *_markdown_rows([heads, *rows]), ""]
    parts.append(
        "Ratios are of the first number (or of CPU time), over the rounds: median (lowest to "
        "highest). Above 1 is better."
    )
    return "\n".join(parts)


def in_rst(results: Results) -> str:
    """What a reader of the documentation wants: the ratios, then the numbers."""
    return "\n".join(
        [
            *_circumstances(results),
            "",
            *_csv_table("Times better than the OpenAI Agents SDK", *_ratios(results)),
            "",
            *_csv_table("The numbers behind them: medians of all rounds", *_numbers(results)),
            "",
            *_csv_table("Releases", *_releases(results)),
            "",
        ]
    )


def _row(results: Results, name: str, adapter: str) -> Row:
    workload = WORKLOADS[name]
    headline = workload.metrics[0]
    floor = results.best_floor(name, headline)
    cpu = Metric(name=workload.cpu, unit="")
    return [
        adapter,
        *(number(results.median(name, adapter, metric.name)) for metric in workload.metrics),
        in_words(results.ratio(name, adapter, PEER, headline)),
        in_words(results.ratio(name, adapter, PEER, cpu)),
        in_words(results.ratio(name, adapter, floor, headline) if floor else None),
    ]


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def in_words(ratio: Ratio | None) -> str:
    """A ratio and its spread."""
    if ratio is None:
        return "–"  # noqa: RUF001 - an empty cell
    return f"{ratio.median:.2f} ({ratio.lowest:.2f} to {ratio.highest:.2f})"


def _markdown_rows(rows: Sequence[Row]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return [lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]


def _circumstances(results: Results) -> list[str]:
    """A paragraph; one for each day and machine, with its workloads, where there are several."""
    lines: list[str] = []
    scales = {"full": "", "quick": " of a quick run", "tiny": " of next to no work"}
    for about in results.about:
        measured = [name for name in results.workloads() if name in about["workloads"]]
        rounds = " or ".join(map(str, sorted({results.rounds(name) for name in measured})))
        pinned = "client and server each on a core of its own" if about["pinned"] else "not pinned"
        what = "; ".join(WORKLOADS[name].title for name in measured)
        lines += [
            "" if len(results.about) == 1 else f"{what}:",
            f"Measured on {about['date']}; {about['processor']}, {about['cores']} cores,",
            f"{about['system']}; {pinned}; rounds{scales[about['scale']]}: {rounds}.",
            "",
        ]
    return lines[:-1]


def _ratios(results: Results) -> tuple[Row, list[Row]]:
    heads = ["workload", "over trio-websocket", "with ``[fast]``", "best floor"]
    rows: list[Row] = []
    for name in results.workloads():
        for metric in WORKLOADS[name].compared():
            adapters = (OURS, OURS_FAST, results.best_floor(name, metric))
            ratios = (results.ratio(name, adapter, PEER, metric) for adapter in adapters)
            rows.append([metric.title, *map(in_words, ratios)])
    return heads, rows


def _numbers(results: Results) -> tuple[Row, list[Row]]:
    adapters = results.adapters()
    rows: list[Row] = []
    for name in results.workloads():
        measured = results.adapters(name)
        for metric in WORKLOADS[name].metrics:
            values = (
                number(results.median(name, adapter, metric.name)) if adapter in measured else ""
                for adapter in adapters
            )
            rows.append([f"{WORKLOADS[name].title}: {metric.unit}", *values])
    return ["number", *adapters], rows


def _releases(results: Results) -> tuple[Row, list[Row]]:
    """Each adapter once, or more often where it was measured with several releases."""
    rows = dict.fromkeys(
        (adapter, ", ".join(f"{name} {release}" for name, release in releases.items()))
        for about in results.about
        for adapter, releases in about["versions"].items()
    )
    return ["adapter", "releases"], list(rows)


def _csv_table(title: str, heads: Row, rows: Iterable[Row]) -> list[str]:
    return [
        f".. csv-table:: {title}",
        "   :header: " + _csv(heads),
        "",
        *(f"   {_csv(row)}" for row in rows),
    ]


def _csv(cells: Row) -> str:
    return ", ".join('"' + cell.replace('"', '""') + '"' for cell in cells)
