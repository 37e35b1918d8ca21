"""The benchmarks run, and what they report is right. Nothing here looks at a clock."""

import importlib.util
import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmarks are in the repository alone", allow_module_level=True)
sys.path.append(str(ROOT))

from benchmarks import instruction_cases, instructions, wire  # noqa: E402
from benchmarks.__main__ import main  # noqa: E402
from benchmarks.adapters import ADAPTERS, OURS, OURS_FAST, PEER, is_floor  # noqa: E402
from benchmarks.capacity_plot import in_svg as capacity_in_svg  # noqa: E402
from benchmarks.findings import difference  # noqa: E402
from benchmarks.findings import in_rst as findings_in_rst  # noqa: E402
from benchmarks.load import TICK_NS, Load, steady  # noqa: E402
from benchmarks.load import from_json as load_from_json  # noqa: E402
from benchmarks.measures import percentiles  # noqa: E402
from benchmarks.measuring import Plan, Run, measure_all  # noqa: E402
from benchmarks.plot import in_svg  # noqa: E402
from benchmarks.report import files, write  # noqa: E402
from benchmarks.results import Ratio, Results  # noqa: E402
from benchmarks.results import load as load_results  # noqa: E402
from benchmarks.search import Search  # noqa: E402
from benchmarks.table import in_markdown, in_rst, number  # noqa: E402
from benchmarks.websocket import (  # noqa: E402
    CLOSE,
    PING,
    TEXT,
    control_answer,
    frame_at,
    payload_of,
)
from benchmarks.workloads import WORKLOADS  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks are for Linux")

ABOUT = {
    "workloads": ["small", "uplink"],
    "date": "2026-11-22",
    "processor": "Example",
    "cores": 2,
    "pinned": True,
    "system": "Linux 6.1",
    "scale": "tiny",
    "versions": {OURS: {"trio": "0.35"}},
}


def needs(adapter: str) -> None:
    """Skip where the packages of an adapter are not installed."""
    modules = {PEER: "agents.realtime", OURS_FAST: "websockets", "floor-websockets": "websockets"}
    module = modules.get(adapter)
    if module is not None and importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


# -- the real thing, as little of it as there can be ---------------------------------------------
@pytest.mark.parametrize("workload", sorted(set(WORKLOADS) - {"fanout500", "fanout1000"}))
def test_each_workload_runs_with_this_library(workload: str) -> None:
    (run,) = measure_all(Plan(adapters=[OURS], workloads=[workload], repeats=1, scale="tiny"))
    assert isinstance(run, Run), run
    for metric in WORKLOADS[workload].metrics:
        assert run.numbers[metric.name] > 0, metric


@pytest.mark.parametrize("adapter", [name for name in ADAPTERS if name != OURS])
def test_each_other_adapter_runs(adapter: str) -> None:
    needs(adapter)
    workloads = ["turn_latency" if is_floor(adapter) else "tool_latency", "capacity_tls"]
    runs = list(measure_all(Plan(adapters=[adapter], workloads=workloads, repeats=1, scale="tiny")))
    for run in runs:
        assert isinstance(run, Run), run
        assert run.numbers["cpu_s"] > 0
    assert [run.workload for run in runs] == workloads


def test_the_command_measures_reports_and_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapters = f"{OURS},floor-trio-websocket"
    arguments = ["--tiny", "--repeats", "2", "--workloads", "small", "--adapters", adapters]
    assert main([*arguments, "--docs", str(tmp_path)]) == 0
    assert "### small" in capsys.readouterr().out
    kept = json.loads((tmp_path / "benchmarks.json").read_text())
    assert [(run["round"], run["adapter"]) for run in kept["runs"]] == [
        (0, OURS),
        (0, "floor-trio-websocket"),
        (1, "floor-trio-websocket"),  # the order turns round
        (1, OURS),
    ]
    assert kept["about"][0]["versions"][OURS]["trio"]
    tables = (tmp_path / "benchmarks.txt").read_text()
    write(tmp_path)
    assert (tmp_path / "benchmarks.txt").read_text() == tables


def test_a_measurement_that_fails_is_reported_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    impossible = replace(WORKLOADS["small"], sizes={"words": (1, 1, 1), "audio": (-1,) * 3})
    monkeypatch.setitem(WORKLOADS, "small", impossible)
    out = tmp_path / "out.json"
    arguments = ["--tiny", "--repeats", "1", "--adapters", "floor-trio-websocket"]
    assert main([*arguments, "--workloads", "small,uplink", "--out", str(out)]) == 1
    assert "FAILED: small floor-trio-websocket" in capsys.readouterr().out
    assert [run["workload"] for run in json.loads(out.read_text())["runs"]] == ["uplink"]


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(SystemExit, match="unknown: large; there are capacity_tls"):
        main(["--workloads", "small,large"])


# -- what the server sends -------------------------------------------------------------------------
def test_the_servers_events_are_those_of_the_api() -> None:
    realtime = pytest.importorskip("openai.types.realtime")
    pydantic = pytest.importorskip("pydantic")
    check = pydantic.TypeAdapter(realtime.RealtimeServerEvent).validate_python
    for event in wire.one_of_each():
        assert check(event).type == event["type"]


@pytest.mark.parametrize(("size", "header"), [(100, 2), (1000, 4), (70_000, 10)])
def test_frames_say_how_long_they_are(size: int, header: int) -> None:
    event = wire.event("x", text="")
    event["text"] = "a" * (size - len(json.dumps(event, separators=(",", ":"))))
    frame = wire.frame(event)
    assert len(frame) == size + header
    assert json.loads(frame[header:]) == event


def test_numbered_frames_keep_their_length() -> None:
    frames = wire.frames(wire.response_begins())
    assert len(wire.numbered(frames, 42)) == len(frames)
    assert b"item_00000042" in wire.numbered(frames, 42)


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A frame as a client masks it."""
    mask = b"\x01\x02\x03\x04"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + mask + masked


@pytest.mark.parametrize("payload", [b"", b"hello", b"a" * 200, b"b" * 6_500])
def test_a_clients_frame_is_found_when_all_of_it_is_there(payload: bytes) -> None:
    """Frames are read where they begin, unmasked, and not before their last byte."""
    data = b"before" + client_frame(payload)
    frame = frame_at(data, 6)
    assert frame is not None
    assert (frame.opcode, frame.size, frame.end) == (TEXT, len(payload), len(data))
    assert payload_of(data, frame) == payload
    assert all(frame_at(data[:cut], 6) is None for cut in range(6, len(data)))


def test_pings_and_closes_are_answered() -> None:
    """A ping gets a pong with its payload, a close a close; nothing else gets an answer."""
    assert control_answer(PING, b"x") == b"\x8a\x01x"
    assert control_answer(CLOSE, b"\x03\xe8") == b"\x88\x02\x03\xe8"
    assert control_answer(TEXT, b"{}") is None


# -- the search for the capacity -------------------------------------------------------------------
def searched(
    capacity: float, *, first: int = 100, most: int = 4_000, within: float = 0.03
) -> Search:
    """A finished search with clients whose processor is busy in proportion to their sessions."""
    search = Search(first=first, most=most, within=within)
    for _ in range(40):
        size = search.size()
        if size is None:
            return search
        search.tell(size, punctual=size <= capacity, busy=size / capacity)
    raise AssertionError("the search does not end")


@pytest.mark.parametrize("capacity", [1, 2, 37, 99, 100, 101, 640, 1_500, 3_999])
def test_the_search_finds_the_capacity_within_its_share(capacity: int) -> None:
    """What is found is carried, and what is just above the share is not."""
    search = searched(capacity)
    assert search.carried <= capacity <= search.carried * 1.03 + 1


def test_the_search_ends_at_the_most() -> None:
    """No larger size is tried, and a size that cannot be carried at all ends at nothing."""
    assert searched(10_000, most=500).carried == 500
    assert searched(0.5).carried == 0


def test_a_single_failure_is_tried_again() -> None:
    """A load that is late once may have been disturbed."""
    search = Search(first=100, most=100, within=0.03)
    assert search.size() == 100
    search.tell(100, punctual=False, busy=0.5)
    assert search.size() == 100
    search.tell(100, punctual=True, busy=0.5)
    assert (search.size(), search.carried) == (None, 100)


def test_chunks_of_a_load_are_due_evenly() -> None:
    """Sessions share a tick; what a session sends is due between what it and the next one get."""
    load = Load(sessions=4, ticks=2, begin_ns=1_000, both_ways=True)
    step = TICK_NS // 4
    assert [load.down_due(chunk) - 1_000 for chunk in (0, 1, 4)] == [0, step, TICK_NS]
    assert load.up_due(1, 1) - 1_000 == TICK_NS + step + step // 2
    assert load_from_json(load.in_json()) == load
    assert steady([9, 9, 1, 2, 3, 4, 5, 6, 7, 8]) == [1, 2, 3, 4, 5, 6, 7, 8]


# -- what is made of the numbers -------------------------------------------------------------------
def results(**numbers: list[float]) -> Results:
    """Events for each second in ``small``, by adapter and round."""
    runs = [
        Run(
            workload="small",
            adapter=adapter.replace("_", "-").replace("trio-realtime", "trio_realtime"),
            round=number,
            numbers={"per_s": value, "cpu_us_each": 1 / value, "cpu_s": 1 / value, "peak_mb": 30},
        )
        for adapter, values in numbers.items()
        for number, value in enumerate(values)
    ]
    return Results(about=[ABOUT], runs=runs)


def test_ratios_are_of_the_same_round() -> None:
    found = results(openai_agents=[100, 10, 100], trio_realtime=[200, 40, 100])
    more, less = WORKLOADS["small"].metrics[:2]
    expected = Ratio(median=2, lowest=1, highest=4)
    assert found.ratio("small", OURS, PEER, more) == expected
    ratio = found.ratio("small", OURS, PEER, less)
    assert ratio is not None
    assert ratio.median == pytest.approx(2)  # less is better: the other way round
    assert found.ratio("small", OURS, OURS_FAST, more) is None


def test_the_best_floor_is_that_of_each_number() -> None:
    found = results(floor_websockets=[300], floor_trio_websocket=[200], trio_realtime=[100])
    more, less = WORKLOADS["small"].metrics[:2]
    assert found.best_floor("small", more) == "floor-websockets"
    assert found.best_floor("small", less) == "floor-websockets"
    assert results(trio_realtime=[100]).best_floor("small", more) is None


def test_new_results_take_the_place_of_older_ones_of_the_same_workload() -> None:
    """Workloads that were not measured again stay, with their own circumstances."""
    older = results(trio_realtime=[100, 110])
    uplink = [replace(run, workload="uplink") for run in older.runs]
    older = replace(older, runs=[*older.runs, *uplink])
    newer = results(trio_realtime=[200])
    newer = replace(newer, about=[{**ABOUT, "workloads": ["small"], "date": "2026-12-01"}])
    both = newer.put_into(older)
    assert [(about["date"], about["workloads"]) for about in both.about] == [
        ("2026-12-01", ["small"]),
        ("2026-11-22", ["uplink"]),
    ]
    assert both.median("small", OURS, "per_s") == 200
    assert both.median("uplink", OURS, "per_s") == 105
    assert (both.rounds("small"), both.rounds("uplink")) == (1, 2)
    assert "Transcript deltas received:" in in_rst(both)


def carrying(**sessions: int) -> Results:
    """One round of the search for the capacity over TLS, by adapter."""
    names = {"sdk": PEER, "ours": OURS, "fast": OURS_FAST, "floor": "floor-websockets"}
    metrics = WORKLOADS["capacity_tls"].metrics[1:]
    runs = [
        Run(
            workload="capacity_tls",
            adapter=names[name],
            round=0,
            numbers={"sessions": number, **dict.fromkeys((m.name for m in metrics), 0.25)},
        )
        for name, number in sessions.items()
    ]
    return Results(about=[{**ABOUT, "workloads": ["capacity_tls"]}], runs=runs)


def test_findings_say_what_the_tables_say() -> None:
    """Better, worse and level are sentences of their own; no sentence is made of nothing."""
    said = findings_in_rst(carrying(sdk=100, ours=50, fast=300, floor=280))
    title = WORKLOADS["capacity_tls"].title
    assert f"Over trio-websocket, this library is worse than the SDK at “{title}” (0.50)." in said
    assert f"(``[fast]``), this library is better than the SDK at “{title}” (3.00)." in said
    assert f"better than that library's floor at “{title}” (1.07)" in said
    assert "trio_realtime[fast] 300 (3.00 times the SDK's)" in said
    assert "at most 25% of its own core" in said
    assert "level" not in said


@pytest.mark.parametrize(
    ("median", "lowest", "highest", "said"),
    [
        (2, 1.5, 3, "better"),
        (0.5, 0.4, 0.6, "worse"),
        (2, 0.9, 3, "level"),
        (1.02, 1.01, 1.03, "level"),
    ],
)
def test_a_difference_within_the_spread_is_none(
    median: float, lowest: float, highest: float, said: str
) -> None:
    assert difference(Ratio(median=median, lowest=lowest, highest=highest)) == said


def test_the_capacity_plot_has_a_bar_for_each_adapter() -> None:
    """The longest bar is the largest number, and each is labelled with its own."""
    drawing = ET.fromstring(capacity_in_svg(carrying(sdk=1_000, ours=500)))
    bars = [bar for bar in drawing.findall("{*}rect") if float(bar.attrib["height"]) == 18]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[0] == pytest.approx(2 * widths[1])
    assert {"1,000", "500"} <= {text.text for text in drawing.findall("{*}text")}
    ET.fromstring(capacity_in_svg(results(trio_realtime=[100])))  # not measured: no bars


def test_the_documentation_shows_what_its_json_holds() -> None:
    """Nobody edits a table, a sentence or a plot by hand, or forgets to make them anew."""
    folder = ROOT / "docs" / "_static"
    for name, content in files(load_results(folder / "benchmarks.json")).items():
        assert (folder / name).read_text() == content, f"python -m benchmarks.report ({name})"


def test_the_documentation_explains_every_workload() -> None:
    """Each workload's title, up to its colon, is a term of the page's list."""
    page = (ROOT / "docs" / "benchmarks.rst").read_text()
    terms = {line.strip("*") for line in page.splitlines() if re.fullmatch(r"\*[^*]+\*", line)}
    titles = {workload.title.partition(":")[0] for workload in WORKLOADS.values()}
    generic = {re.sub(r"^[\d,]+ paced", "Paced", title) for title in titles}
    assert generic <= terms


def test_tables_have_ratios_and_numbers() -> None:
    found = results(openai_agents=[100, 100], trio_realtime=[150, 250], floor_websockets=[400, 400])
    assert "2.00 (1.50 to 2.50)" in in_markdown(found)
    assert "4.00 (4.00 to 4.00)" in in_rst(found)
    assert "Example, 2 cores" in in_rst(found)


def test_the_plot_is_svg_with_a_dot_for_each_ratio() -> None:
    found = results(openai_agents=[100], trio_realtime=[150], floor_websockets=[400])
    drawing = ET.fromstring(in_svg(found))
    titles = [title.text for title in drawing.findall("{*}circle/{*}title")]
    assert titles == ["1.50 (1.50 to 1.50)", "4.00 (4.00 to 4.00)"]
    xs = [float(circle.attrib["cx"]) for circle in drawing.findall("{*}circle")][-2:]
    assert xs[0] < xs[1] < 900


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (99.87, "99.9"), (0.12345, "0.123")]
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_percentiles_are_samples() -> None:
    assert percentiles("x", [5, 1, 2, 4, 3]) == {"x_p50": 3, "x_p99": 5, "x_max": 5}


# -- instruction counts ----------------------------------------------------------------------------
@pytest.mark.parametrize("name", instruction_cases.CASES)
def test_each_case_does_its_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.instruction_cases._settle", lambda: None)
    instruction_cases.CASES[name].run(2)


def test_a_count_above_its_limit_fails() -> None:
    lines, fine = instructions.compare({"a": 109, "b": 90, "c": 5}, {"a": 100, "b": 100})
    assert fine
    assert [line.split()[2] for line in lines] == ["+9.0%", "-10.0%", "new"]
    lines, fine = instructions.compare({"a": 111, "b": 90}, {"a": 100, "b": 100})
    assert not fine
    assert "ABOVE THE LIMIT OF +10%" in lines[0]


def test_counts_of_another_environment_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instructions, "BASELINES", tmp_path / "kept.json")
    instructions.keep({"a": 1.4})
    assert instructions.baseline() == {"a": 1}
    instructions.keep({"a": 2})  # in place of the other
    assert instructions.baseline() == {"a": 2}
    here = instructions.environment()
    monkeypatch.setattr(instructions, "environment", lambda: {**here, "trio": "0.1"})
    assert instructions.main([]) == 0
    assert f"no counts are kept for trio 0.1 (kept: {here['trio']})" in capsys.readouterr().out


def test_without_valgrind_nothing_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert instructions.main(["--against", "HEAD", "--update"]) == 0
    assert "Valgrind is not installed" in capsys.readouterr().out
