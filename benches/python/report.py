"""Run every benchmark in Python, and write the results into docs/performance.md, README.md and a chart.

With `--brief` each of them is run so shortly that its numbers mean nothing, and nothing is written: so they cannot rot.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from apps import CREDULOUS, WITHOUT_AUTH
from compare import FLOOR
from layer import CREDULOUS as CREDULOUS_LAYER
from results import RESULTS, ROOT

from fastmcp_rs.cli.bench.chart import Bar, chart
from fastmcp_rs.cli.bench.comparison import SIGNATURE_ALONE
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, OURS_WITHOUT_CACHE

PAGE = ROOT / "docs/performance.md"
CHART = ROOT / "benches/results/compare.svg"
BEGIN, END = "<!-- numbers: written by make bench-python -->\n", "<!-- end of numbers -->\n"
README = ROOT / "README.md"
WAYS_BEGIN, WAYS_END = "<!-- ways: written by make bench-readme -->\n", "<!-- end of ways -->\n"

# Each benchmark with what makes it brief.
SCRIPTS = {
    "compare": ("--rounds", "1", "--tokens", "2"),
    "layer": ("--rounds", "1", "--tokens", "2"),
    "in_app": ("--batches", "2", "--size", "1"),
    "loaded": ("--rounds", "1", "--seconds", "1"),
    "threads": ("--rounds", "1", "--seconds", "0.02"),
    "footprint": ("--runs", "1"),
    "flood": ("--bad", "2000"),
    "ways": ("--rounds", "1", "--calls", "2"),
    "dpop": ("--rounds", "1", "--proofs", "2", "--live", "20"),
}


def run(*, brief: bool, names: list[str]) -> None:
    """Run the benchmarks."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        if brief:
            environment["FASTMCP_RS_RESULTS"] = folder
        for name in names:
            print(f"-- {name}", flush=True)
            command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), *(SCRIPTS[name] if brief else ())]
            ran = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL if brief else None, check=False)
            if ran.returncode:
                raise SystemExit(f"{name} failed")


def result(name: str) -> dict[str, Any]:
    """Read what a benchmark found."""
    found: dict[str, Any] = json.loads((ROOT / f"benches/results/{name}.json").read_text())
    return found


def table(*rows: list[str]) -> str:
    """Write a table of Markdown."""
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def compared(found: dict[str, Any]) -> str:
    """Write the comparison of tokens."""
    rows = [["microseconds for a token", OURS, FASTMCP, "times as fast", "the quickest other", "signature alone"]]
    not_others = {OURS, OURS_WITHOUT_CACHE, FASTMCP, FLOOR, SIGNATURE_ALONE}
    for algorithm, cases in found["algorithms"].items():
        for case, by_name in cases.items():
            us = {name: f"{numbers['us']:.1f}" for name, numbers in by_name.items()}
            best = next((f"{name} {us[name]}" for name in by_name if name not in not_others), "")
            times = f"{by_name[FASTMCP]['times_ours']:.1f}" if FASTMCP in by_name else ""
            theirs = us.get(FASTMCP, "does not know it")
            rows.append([f"{algorithm}, {case}", us[OURS], theirs, times, best, us.get(FLOOR, "")])
    return table(*rows)


def by_claims(found: dict[str, Any]) -> str:
    """Write the comparison of what returns claims, under the interpreter that it was made with."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    names = list(dict.fromkeys(name for by_name in found["algorithms"].values() for name in by_name))
    rows = [["microseconds for a token, to its claims", *found["algorithms"]]]
    for name in names:
        cells = [by_name.get(name, {}) for by_name in found["algorithms"].values()]
        rows.append([name, *[f"{cell['us']:.1f} ({cell['speed_to_ryjwt']:.2f})" if cell else "" for cell in cells]])
    caption = (
        f"Claims beside claims, CPython {found['python']}, {found['rounds']} rounds: {versions}. In brackets the speed"
    )
    return f"{caption} to that of ryjwt, the median of the rounds.\n\n{table(*rows)}"


def in_app(found: dict[str, Any]) -> str:
    """Write what auth adds in an app."""
    rows = [["CPU microseconds that auth adds to a request", OURS, "cache off", FASTMCP, "times as much", CREDULOUS]]
    for kind, by_name in found["kinds"].items():
        ours, without_cache, theirs = (by_name[name] for name in (OURS, OURS_WITHOUT_CACHE, FASTMCP))
        what = "a call without auth" if "accepted" in kind else "a 401 without a token"
        label = f"{kind}, to {by_name[by_name['base']]['cpu_us']:.0f} of {what}"
        times = f"{theirs['added_us'] / ours['added_us']:.1f}" if ours["added_us"] > 0 else ""
        least = added(by_name[CREDULOUS]) if CREDULOUS in by_name else ""
        rows.append([label, *map(added, (ours, without_cache, theirs)), times, least])
    return table(*rows)


def over_a_blind_verifier(found: dict[str, Any]) -> str:
    """Write what a call takes beyond one behind a verifier that looks at nothing."""
    ours = {kind: by_name[OURS] for kind, by_name in found["kinds"].items() if "accepted" in kind}
    new, seen = (spread(numbers["over_credulous_us"], numbers["over_interval_us"]) for numbers in ours.values())
    than = f"than one behind {CREDULOUS} and returns the same claims"
    return f"A call behind {OURS} takes {new} more with a new token {than}, and {seen} more with one seen before.\n"


def added(numbers: dict[str, Any]) -> str:
    """Write what is added, and between what it lies."""
    return spread(numbers["added_us"], numbers["interval_us"])


def spread(median: float, interval: list[float], digits: int = 0) -> str:
    """Write a median, and between what it lies."""
    low, high = interval
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def layers(found: dict[str, Any]) -> str:
    """Write what the middleware takes over a stub application."""
    rows = [["CPU microseconds for a request, RS256, seen before", "in all", "of that", "beyond"]]
    for name, numbers in found["layers"].items():
        if "beyond" in numbers:
            of_that = spread(numbers["beyond_us"], numbers["interval_us"], 2)
            rows.append([name, f"{numbers['us']:.2f}", of_that, numbers["beyond"]])
    return table(*rows)


def under_load(found: dict[str, Any]) -> str:
    """Write the requests a second."""
    names = (WITHOUT_AUTH, OURS, OURS_WITHOUT_CACHE, FASTMCP)
    rates = found["requests_per_second"]
    return table(
        ["requests a second", *names],
        *[[kind, *[f"{by[name]:.0f}" if name in by else "" for name in names]] for kind, by in rates.items()],
    )


def in_threads(found: dict[str, Any]) -> str:
    """Write what a second thread brings."""
    rows = [["", "tokens of two threads to those of one", "processors they had", "microseconds beside work"]]
    for algorithm, by in found["algorithms"].items():
        scaling = [f"{by[name]:.2f}" for name in ("two_to_one", "processors_of_two")]
        rows.append([algorithm, *scaling, f"{by['beside_work_us']:.0f}"])
    return table(*rows)


def of_proofs(found: dict[str, Any]) -> str:
    """Write what proofs of possession cost."""
    cases = found["cases"]
    names = list(next(iter(cases.values())))
    rows = [["microseconds for a bound token, seen before, and its proof", *names]]
    for case, by_name in cases.items():
        cells = [by_name.get(name) for name in names]
        rows.append([case, *[f"{cell['us']:.1f} ({cell['times_ours']:.2f})" if cell else "" for cell in cells]])
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    load = f" Other work gave the machine a load of {found['load']:.0f}: read the ratios." if found["load"] > 1 else ""
    captions = (
        f"Proofs of possession, ES256, CPython {found['python']}{day(found)}, {found['rounds']} rounds: {versions}.",
        f"In brackets how many times as long as `{names[0]}` it took, the median of the rounds.{load}",
    )
    return f"{' '.join(captions)}\n\n{table(*rows)}"


def written() -> str:
    """Write the part of the page."""
    of = {name: result(name) for name in ("compare", "layer", "in_app", "loaded", "threads", "footprint", "flood")}
    found, layer, app, load, threads, small, flood = of.values()
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    on = f"{found['processors']} cores of {found['processor']}, CPython {found['python']}{day(found)}"
    batches = f"{app['batches']} alternated batches, with the 95 % interval of the median"
    footprint = [
        f"Importing `fastmcp_rs.auth.JWTVerifier` once FastMCP is there takes {small['import_ms']} ms; Python has",
        "compiled both before.",
        f"The wheel has {small['wheel_mb']} MB.",
        f"A cache with {small['cached_tokens']} tokens takes {small['cache_mb']} MB.",
        f"{flood['bad_tokens']} bad tokens wrote {flood['log_lines']} lines into the log and took",
        f"{flood['memory_growth_mb']} MB; good tokens, seen before, took {flood['beside_to_alone']} times as long",
        "beside them as alone.",
    ]
    return "\n".join(
        [
            f"Measured on {on}: {versions}.\n",
            "![Microseconds for a token of each verifier](../benches/results/compare.svg)\n",
            compared(found),
            *([by_claims(found["claims"])] if "claims" in found else []),
            f"In a FastMCP server, {batches}:\n",
            in_app(app),
            over_a_blind_verifier(app),
            f"The middleware over a stub application, {layer['rounds']} rounds of {layer['tokens']} tokens:\n",
            layers(layer),
            f"Under load, of uvicorn on one core and wrk with {load['connections']} connections on another:\n",
            under_load(load),
            "With two threads that have an event loop each, cache off; and beside a thread that computes in Python:\n",
            in_threads(threads),
            *([of_proofs(result("dpop"))] if (RESULTS / "dpop.json").exists() else []),
            *footprint,
        ]
    )


def ways(found: dict[str, Any]) -> str:
    """Write the part of README.md: what each way to authenticate a request costs."""
    names = list(next(iter(found["ways"].values()))["costs"])
    rows = [["CPU microseconds for a request with a token seen before", names[0], f"`{names[1]}`", names[2]]]
    for way, measured in found["ways"].items():
        costs = [
            cost(measured["costs"][name], waits=measured["waits"]) if name in measured["costs"] else ""
            for name in names
        ]
        rows.append([way, *costs])
    return table(*rows)


def with_floors() -> str:
    """Write the further part of README.md: what a verification costs, each time beside the least that it can be."""
    token, layer, app = result("compare")["algorithms"]["RS256"], result("layer")["layers"], result("in_app")["kinds"]
    new, call = token["accepted, new"], app["accepted, seen before"]
    return table(
        ["RS256, microseconds", OURS, FASTMCP, "the least"],
        [
            "a new token, to the `AccessToken`",
            *(f"{new[name]['us']:.1f}" for name in (OURS, FASTMCP)),
            f"{new[FLOOR]['us']:.1f}, the signature alone",
        ],
        [
            "a token seen before, by the middleware",
            *(f"{layer[name]['beyond_us']:.1f}" for name in (OURS, FASTMCP)),
            f"{layer[CREDULOUS_LAYER]['beyond_us']:.1f}, FastMCP's with {CREDULOUS}",
        ],
        [
            "the same, CPU time added to a call in a server",
            *(added(call[name]) for name in (OURS, FASTMCP)),
            f"{added(call[CREDULOUS])}, {CREDULOUS}",
        ],
    )


def setting(*names: str) -> str:
    """Write on what and when these were measured."""
    found = [result(name) for name in names]
    machines = [f"{each['processors']} cores of {each['processor']}, CPython {each['python']}" for each in found]
    texts = [f"{on}, FastMCP {each['fastmcp']}{day(each)}" for on, each in zip(machines, found, strict=True)]
    load = max(each.get("load", 0) for each in found)
    busy = f" Other work gave the machine a load of {load:.0f}: read the ratios." if load > 1 else ""
    caption = "Medians, in brackets the 95 % interval, by turns, with `make bench-readme`, on"
    return f"{caption} {'; '.join(dict.fromkeys(texts))}.{busy}"


def day(found: dict[str, Any]) -> str:
    """Write when something was measured, where its result says so."""
    return f", on {found['date']}" if "date" in found else ""


def cost(numbers: dict[str, Any], *, waits: bool) -> str:
    """Write the CPU time of a request, how many times as fast that is, and how long it waits where it does."""
    text = f"{numbers['cpu_us']:.0f}"
    if numbers["times"] != 1:
        text += f", {numbers['times']:.{1 if numbers['times'] < 10 else 0}f} times as fast"  # noqa: PLR2004 - two digits
    return f"{text} ({numbers['elapsed_us'] / 1000:.0f} ms in all)" if waits else text


def put(page: Path, begin: str, end: str, text: str) -> None:
    """Put a text between two marks of a page."""
    pattern = f"(?<={re.escape(begin)}).*(?={re.escape(end)})"
    page.write_text(re.sub(pattern, lambda _: f"\n{text}\n", page.read_text(), flags=re.DOTALL))


def draw() -> None:
    """Draw the chart of new and seen tokens."""
    seen = f"{OURS}, seen before"
    kinds = {OURS: "ours", seen: "ours", FLOOR: "floor"}
    groups = []
    for algorithm, cases in result("compare")["algorithms"].items():
        by_name = {**cases["accepted, new"], seen: cases["accepted, seen before"][OURS]}
        shown = [name for name in by_name if name not in {SIGNATURE_ALONE, OURS_WITHOUT_CACHE}]
        shown.sort(key=lambda name: by_name[name]["us"])
        bars = [
            Bar(name, by_name[name]["us"], f"{by_name[name]['us']:.1f} us", kinds.get(name, "bar")) for name in shown
        ]
        groups.append((f"{algorithm}, a token not seen before", bars))
    CHART.write_text(chart("Microseconds from a token to FastMCP's AccessToken", groups), "utf-8")


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brief", action="store_true", help="run everything once, and write nothing")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS), help="run these")
    parser.add_argument("--write", action="store_true", help="run nothing, and write what is there")
    options = parser.parse_args()
    if not options.write:
        run(brief=options.brief, names=options.only)
    if options.brief:
        return
    draw()
    put(PAGE, BEGIN, END, written())
    if (RESULTS / "ways.json").exists():
        measured = setting("ways", "compare", "layer", "in_app")
        put(README, WAYS_BEGIN, WAYS_END, f"{ways(result('ways'))}\n{with_floors()}\n{measured}\n")


if __name__ == "__main__":
    main()
