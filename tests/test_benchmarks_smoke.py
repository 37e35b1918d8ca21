"""The benchmarks run, and what they report is right. Nothing here looks at a clock."""

import importlib.util
import json
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
from benchmarks.measures import percentiles  # noqa: E402
from benchmarks.measuring import Plan, Run, measure_all  # noqa: E402
from benchmarks.plot import in_svg  # noqa: E402
from benchmarks.report import write  # noqa: E402
from benchmarks.results import Ratio, Results  # noqa: E402
from benchmarks.server import unmasked  # noqa: E402
from benchmarks.table import in_markdown, in_rst, number  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks are for Linux")

ABOUT = {
    "date": "2026-11-22",
    "processor": "Example",
    "cores": 2,
    "pinned": True,
    "system": "Linux 6.1",
    "scale": "tiny",
    "repeats": 2,
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
        assert run.numbers[metric.name] > 0


@pytest.mark.parametrize("adapter", [name for name in ADAPTERS if name != OURS])
def test_each_other_adapter_runs(adapter: str) -> None:
    needs(adapter)
    workload = "turn_latency" if is_floor(adapter) else "tool_latency"
    (run,) = measure_all(Plan(adapters=[adapter], workloads=[workload], repeats=1, scale="tiny"))
    assert isinstance(run, Run), run
    assert run.numbers["cpu_s"] > 0


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
    assert kept["about"]["versions"][OURS]["trio"]
    tables = (tmp_path / "benchmarks.txt").read_text()
    write(tmp_path)
    assert (tmp_path / "benchmarks.txt").read_text() == tables


def test_a_measurement_that_fails_is_reported_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    impossible = replace(WORKLOADS["small"], tiny={"words": 1, "audio": -1})
    monkeypatch.setitem(WORKLOADS, "small", impossible)
    out = tmp_path / "out.json"
    arguments = ["--tiny", "--repeats", "1", "--adapters", "floor-trio-websocket"]
    assert main([*arguments, "--workloads", "small,uplink", "--out", str(out)]) == 1
    assert "FAILED: small floor-trio-websocket" in capsys.readouterr().out
    assert [run["workload"] for run in json.loads(out.read_text())["runs"]] == ["uplink"]


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(SystemExit, match="unknown: large; there are throughput"):
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


def test_unmasking() -> None:
    mask = bytearray(b"\x01\x02\x03\x04")
    masked = bytearray(byte ^ mask[at % 4] for at, byte in enumerate(b"hello"))
    assert unmasked(masked, mask) == b"hello"


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
    return Results(about=ABOUT, runs=runs)


def test_ratios_are_of_the_same_round() -> None:
    found = results(openai_agents=[100, 10, 100], trio_realtime=[200, 40, 100])
    more, less = WORKLOADS["small"].metrics[:2]
    expected = Ratio(median=2, lowest=1, highest=4)
    assert found.ratio("small", OURS, PEER, more) == expected
    ratio = found.ratio("small", OURS, PEER, less)
    assert ratio is not None
    assert ratio.median == pytest.approx(2)  # less is better: the other way round
    assert found.ratio("small", OURS, OURS_FAST, more) is None


def test_the_best_floor_is_the_one_with_the_best_headline() -> None:
    found = results(floor_websockets=[300], floor_trio_websocket=[200], trio_realtime=[100])
    assert found.best_floor("small") == "floor-websockets"
    assert results(trio_realtime=[100]).best_floor("small") is None


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
