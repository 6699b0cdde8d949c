"""The comparison of verifiers, run as briefly as it can be: what it times has to be right, however fast it is."""

import asyncio
import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from fastmcp_rs.cli.bench import comparison
from fastmcp_rs.cli.bench.chart import Bar, chart
from fastmcp_rs.cli.bench.comparison import (
    CASES,
    WARM_UP_ROUNDS,
    Case,
    Timings,
    compare,
    demands_of,
    timer,
    timers_of,
    typical,
)
from fastmcp_rs.cli.bench.contenders import FASTMCP, OURS, OURS_WITHOUT_CACHE, contenders, signature_alone
from fastmcp_rs.cli.parser import TIMED_ALGORITHMS

SVG = "{http://www.w3.org/2000/svg}"


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastmcp_rs", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )


def test_the_command_prints_every_case_and_draws_them(tmp_path):
    drawing = tmp_path / "chart.svg"
    finished = bench("--algorithm", "HS256", "--rounds", "2", "--svg", str(drawing))
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    shown = finished.stdout.splitlines()
    for case in CASES:
        rows = shown[shown.index(case.name) + 1 :]
        rows = rows[: rows.index("") if "" in rows else None]
        assert {OURS, OURS_WITHOUT_CACHE, FASTMCP} <= {row[2:38].strip() for row in rows}
    texts = [text.text for text in ET.parse(drawing).iter(f"{SVG}text")]  # noqa: S314 - it was written just now
    assert texts.count(OURS) == len(CASES)


def test_the_json_option_prints_the_numbers():
    finished = bench("--algorithm", "HS256", "--rounds", "1", "--json")
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert (report["algorithm"], report["rounds"]) == ("HS256", 1)
    assert list(report["cases"]) == [case.name for case in CASES]
    for numbers in report["cases"].values():
        assert numbers[OURS]["times_ours"] == 1
        assert numbers[FASTMCP]["median_us"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rounds", "0"), "--rounds must be at least 1"),
        (("--algorithm", "ES512"), "the algorithm is one of RS256"),
        (("--rounds", "1", "--algorithm", "HS256", "--svg", "/no/such/folder/chart.svg"), "cannot be written"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_right(arguments, message):
    finished = bench(*arguments)
    assert finished.returncode == 2
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("algorithm", TIMED_ALGORITHMS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_subject_gives_the_right_answer_to_every_case(algorithm):
    demands = demands_of(algorithm)
    found = contenders(demands)
    assert {OURS, OURS_WITHOUT_CACHE, "PyJWT", "joserfc", "authlib"} <= found.keys()
    for case in CASES:
        for name, verify in found.items():
            answer = asyncio.run(verify(case.make(demands)))
            assert (answer is not None) == case.accepted, (case.name, name)


@pytest.mark.parametrize("algorithm", TIMED_ALGORITHMS)
def test_every_subject_makes_the_same_token_of_a_typical_one(algorithm):
    demands = demands_of(algorithm)
    token = typical(demands)
    made = {name: asyncio.run(verify(token)) for name, verify in contenders(demands).items()}
    for name, one in made.items():
        assert one == made[OURS] or (one.resource is None and one.claims == made[OURS].claims), name
        assert len(one.claims) == 10


@pytest.mark.parametrize("algorithm", TIMED_ALGORITHMS)
def test_the_signature_alone_is_checked(algorithm):
    demands = demands_of(algorithm)
    check = signature_alone(demands)
    timed = comparison._timer_of_signatures(check)  # noqa: SLF001 - the floor of every number
    assert asyncio.run(timed([typical(demands)], True)) > 0  # noqa: FBT003 - as it is called there
    forged = next(case for case in CASES if case.name == "refused: bad signature").make(demands)
    with pytest.raises(Exception, match=r"^(Signature did not match digest\.)?$"):
        asyncio.run(timed([forged], True))  # noqa: FBT003 - likewise


@pytest.mark.parametrize("accepted", [True, False])
def test_a_wrong_answer_is_not_timed(accepted):
    async def contrary(_token):
        return None if accepted else "a token"

    demands = demands_of("HS256")
    case = Case("contrary", accepted=accepted, make=lambda _: "token")
    with pytest.raises(RuntimeError, match="wrong answer"):
        asyncio.run(compare(case, demands, {"contrary": timer(contrary)}, 1, 1))


def test_each_round_has_tokens_of_its_own_unless_they_are_to_be_seen_again():
    demands = demands_of("HS256")
    for case, different in ((CASES[0], 4 * 2), (CASES[1], 2)):
        asked = []

        async def listening(token, asked=asked):
            asked.append(token)
            return token

        timings = asyncio.run(compare(case, demands, {"one": timer(listening)}, 3, 2))
        assert len(asked) == (WARM_UP_ROUNDS + 3) * 2, "three rounds, and those before them that are not timed"
        assert len(set(asked)) == different
        assert len(timings.rounds["one"]) == 3


def test_a_ratio_compares_runs_of_the_same_round():
    timings = Timings({"one": [1.0, 10.0, 2.0], "other": [2.0, 20.0, 6.0]})
    assert timings.median("other") == 6.0
    assert timings.ratio("other", "one") == 2.0


def test_refused_tokens_have_no_signature_row():
    demands = demands_of("HS256")
    timings = asyncio.run(compare(CASES[4], demands, timers_of(demands), 1, 1))
    assert comparison.SIGNATURE_ALONE not in timings.rounds
    assert FASTMCP in timings.rounds


def test_the_chart_is_valid_xml_and_longer_bars_mean_more_time():
    drawn = ET.fromstring(chart("<&>", [("a & b", [Bar("<one>", 1, '"1"', "ours"), Bar("two", 4, "4")]), ("none", [])]))  # noqa: S314
    ground, one, two = drawn.iter(f"{SVG}rect")
    assert (ground.get("class"), ground.get("height")) == ("page", drawn.get("height"))
    assert float(two.get("width")) == pytest.approx(4 * float(one.get("width")), rel=0.01)
    assert (one.get("class"), two.get("class")) == ("ours", "bar")
    assert drawn.find(f"{SVG}title").text == "<&>"
    assert "<one>" in [text.text for text in drawn.iter(f"{SVG}text")]
