"""The API of a whole dashboard: what reads say, pages, repeats, changes and their log, errors, documents."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.routing import APIRoute

from api.roles import LEAST
from engine.stats import hedge_interval
from services.backtests import BacktestService
from services.requests import RequestService
from tests.api.stand import Stand, opened
from tests.conftest import ROOT, until

DOCS = (ROOT / "docs/api.md").read_text()
PROBLEM = {"type", "title", "status", "detail", "code"}


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with opened(tmp_path) as made:
        yield made


async def pages(stand: Stand, path: str) -> list[Any]:
    items, cursor = [], ""
    while True:
        page = await stand.read(f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = page["next"]


def stored(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "ticks.db")) as db:
        return db.execute(query).fetchall()


async def test_symbols_trades_and_bars_are_those_of_the_store(stand: Stand) -> None:
    assert [each["symbol"] for each in (await stand.read("/api/symbols?market=sim"))["items"]] == ["XUSDT", "YUSDT"]
    ticks = await pages(stand, "/api/ticks?symbol=YUSDT&limit=97")
    rows = stored(
        stand.folder, "SELECT agg_id, price, quantity, trade_time_ms FROM v_ticks WHERE symbol='YUSDT' ORDER BY 1"
    )
    assert [(int(t["id"]), t["price"], t["quantity"], t["time_ms"]) for t in ticks] == rows and len(rows) > 300
    middle = rows[len(rows) // 2][3]
    later = await pages(stand, f"/api/ticks?symbol=YUSDT&limit=50&from={middle}")
    assert [int(each["id"]) for each in later] == [row[0] for row in rows if row[3] >= middle]
    assert later == await pages(stand, f"/api/ticks?market=sim&symbol=YUSDT&from={middle}&limit=10000")

    bars = await pages(stand, f"/api/ohlc?symbol=YUSDT&interval=5s&limit=7&from={rows[0][3] - 10_000}")
    columns = "open_time_ms, open, high, low, close, trades"
    query = f"SELECT {columns} FROM v_bars WHERE symbol='YUSDT' AND interval='5s' ORDER BY 1"
    complete = stored(stand.folder, query)[: len(bars)]
    assert [(b["open_time_ms"], b["open"], b["high"], b["low"], b["close"], b["trades"]) for b in bars] == complete
    newest = (await stand.read("/api/ohlc?symbol=YUSDT&interval=5s&limit=3"))["items"]
    assert newest == bars[-3:] and {each["source"] for each in newest} == {"live"}
    assert (await stand.read("/api/ohlc?symbol=YUSDT&interval=5s&source=upload"))["items"] == []


async def test_a_pairs_statistics_are_the_engines_and_each_has_its_error(stand: Stand) -> None:
    asked = "/api/analytics/pair?y=YUSDT&x=XUSDT&interval=2s&bars=100&window=40"
    found = await stand.read(asked)
    series = found["series"]
    y, x = np.log(series["y"]), np.log(series["x"])
    for name, hedge in found["hedges"].items():
        expected = hedge_interval(y, x, name)
        assert hedge["beta"] == pytest.approx(expected.beta) and hedge["beta_error"] == pytest.approx(
            expected.beta_error
        )
    assert found["hedge_ratio"] == found["hedges"]["ols"]["beta"] and found["hedge_error"] > 0
    spread = y - found["hedges"]["ols"]["alpha"] - found["hedge_ratio"] * x
    window = spread[-41:-1]
    assert found["spread"]["value"] == pytest.approx(spread[-1])
    assert found["zscore"]["value"] == pytest.approx((spread[-1] - window.mean()) / window.std(ddof=1), rel=1e-6)
    assert found["zscore"]["error"] > 1 / np.sqrt(40)
    r = np.corrcoef(np.diff(y)[-40:], np.diff(x)[-40:])[0, 1]
    assert found["correlation"]["value"] == pytest.approx(r)
    assert found["correlation"]["low"] < r < found["correlation"]["high"]
    stats = found["price_stats"]["YUSDT"]
    assert stats["last_price"] == series["y"][-1] and stats["mean"] == pytest.approx(np.mean(series["y"]))
    assert stats["annualised_volatility_error"] > 0 and stats["mean_return_error"] > 0
    assert 0 <= found["adf"]["pvalue"] <= 1 and set(found["adf"]["critical"]) == {"1%", "5%", "10%"}
    plain = await stand.read(asked + "&adf=false&series=0&regression=robust")
    assert plain["adf"] is None and "series" not in plain and plain["hedge_ratio"] == found["hedges"]["huber"]["beta"]
    # watched pairs answer from memory, others from the store: with the same numbers
    other = await stand.read("/api/analytics/pair?y=XUSDT&x=YUSDT&interval=2s&bars=100&window=40")
    assert other["series"]["y"] == series["x"] and other["series"]["x"] == series["y"]
    assert other["series"]["open_time_ms"] == series["open_time_ms"]


async def test_decisions_trades_runs_and_pairs(stand: Stand) -> None:
    signals = await pages(stand, "/api/signals?pair=sim/YUSDT~XUSDT")
    trades = await stand.read("/api/trades")
    assert len({each["id"] for each in signals}) == len(signals) > 20
    assert {each["kind"] for each in await pages(stand, "/api/signals?show=trades")} <= {
        "enter_long",
        "enter_short",
        "exit",
    }
    assert sum(each["trades"] for each in trades["totals"]) == len(trades["items"]) > 3
    (pair,) = (await stand.read("/api/pairs"))["items"]
    (run,) = (await stand.read("/api/runs"))["items"]
    assert (pair["watch"], pair["y"], pair["x"], run["y"]) == ("1", "YUSDT", "XUSDT", "YUSDT")
    assert run["settings"]["interval_ms"] == pair["settings"]["interval_ms"] and run["began_seq"].isdecimal()


async def test_a_read_that_is_as_before_has_no_body(stand: Stand) -> None:
    for path in ("/api/symbols", "/api/ohlc?symbol=YUSDT", "/api/signals", "/api/config", "/api/openapi.json"):
        first = await stand.viewer.get(path)
        if path == "/api/openapi.json":
            continue
        again = await stand.viewer.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"") and again.headers["etag"] == first.headers["etag"]
    before = await stand.viewer.get("/api/pairs")
    await stand.owner.post("/api/pairs", json={"market": "sim", "y": "XUSDT", "x": "YUSDT"})
    after = await stand.viewer.get("/api/pairs", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200 and len(after.json()["items"]) == 2


async def test_changes_and_who_made_them(stand: Stand) -> None:
    secret = await stand.token("trader")
    trader = stand.with_token(secret)
    body = {"market": "sim", "y": "XUSDT", "x": "YUSDT", "settings": {"entry_z": 2.5}}
    made = await trader.post("/api/pairs", json=body)
    assert made.status_code == 201
    changed = await trader.post("/api/pairs", json=body | {"settings": {"entry_z": 3.0}})
    assert changed.json() == made.json()
    await trader.post("/api/pairs", json=body | {"settings": {"entry_z": 3.0}})  # as it is: no change
    gone = await stand.owner.delete(f"/api/pairs/{made.json()['watch']}")
    assert gone.status_code == 200
    log = (await stand.owner.get("/api/audit")).json()["items"]
    assert [each["what"] for each in log[:4]] == [
        "unwatch sim/XUSDT~YUSDT", "watch sim/XUSDT~YUSDT", "watch sim/XUSDT~YUSDT",
        f"make the token {secret.split('_')[1]}",
    ]  # fmt: skip
    assert log[0]["who"] == "the key of the data folder" and log[1]["who"].startswith("token ")
    assert [each["before"] and each["before"]["settings"]["entry_z"] for each in log[:3]] == [3.0, 2.5, None]
    assert [each["after"] and each["after"]["settings"]["entry_z"] for each in log[:3]] == [None, 3.0, 2.5]
    assert secret.rpartition("_")[2] not in json.dumps(log)
    with closing(sqlite3.connect(stand.folder / "analysis.db")) as db:
        for forbidden in ("DELETE FROM changes", "UPDATE changes SET who='nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                db.execute(forbidden)


async def test_a_repeated_write_is_done_once(stand: Stand) -> None:
    key, body = {"Idempotency-Key": "one"}, {"market": "sim", "y": "XUSDT", "x": "YUSDT"}
    answers = await asyncio.gather(*(stand.owner.post("/api/pairs", json=body, headers=key) for _ in range(5)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", *["true"] * 4]
    watch = answers[0].json()["watch"]
    await stand.owner.delete(f"/api/pairs/{watch}")
    again = await stand.owner.post("/api/pairs", json=body, headers=key)
    assert again.json() == {"watch": watch} and len((await stand.read("/api/pairs"))["items"]) == 1
    other = await stand.owner.post("/api/pairs", json=body | {"y": "ZUSDT"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key")
    trader = stand.with_token(await stand.token("trader"))
    assert (await trader.post("/api/pairs", json=body, headers=key)).headers.get("idempotency-replayed") is None


async def test_the_log_has_pages(stand: Stand) -> None:
    from engine.store import open_backend

    service = RequestService(open_backend(stand.folder).requests())
    for number in range(250):
        service.changed("a test", f"change {number}", None, {"api_key": "hush", "n": number})
    items, cursor = [], ""
    while cursor is not None:
        page = (await stand.owner.get(f"/api/audit?cursor={cursor}")).json()
        items, cursor = items + page["items"], page["next"]
    assert [each["what"] for each in items] == [f"change {number}" for number in reversed(range(250))]
    assert items[0]["after"] == {"api_key": "(hidden)", "n": 249}


async def test_a_cursor_is_of_one_list_and_filter(stand: Stand) -> None:
    """And of the market that the first page found, whatever holds the symbol by then."""
    first = await stand.read("/api/ticks?symbol=YUSDT&limit=3")
    same = await stand.read(f"/api/ticks?symbol=YUSDT&limit=7&market=&cursor={first['next']}")
    assert same["market"] == "sim" and len(same["items"]) == 7
    others = ("ticks?symbol=XUSDT", "ticks?symbol=YUSDT&market=other", "ticks?symbol=YUSDT&from=1", "signals?show=all")
    for other in others:
        answer = await stand.viewer.get(f"/api/{other}&cursor={first['next']}")
        assert answer.status_code == 400 and "cursor is" in answer.json()["detail"], answer.text
    answer = await stand.viewer.get(f"/api/ticks?symbol=XUSDT&cursor={first['next']}")
    assert "of another list or filter" in answer.json()["detail"]


async def test_a_backtest_is_waited_for_followed_and_cancelled(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    record_read_in: set[bool] = set()
    result = BacktestService.result

    def noted(self: BacktestService, number: int) -> dict[str, Any] | None:
        record_read_in.add(threading.current_thread() is threading.main_thread())
        return result(self, number)

    monkeypatch.setattr(BacktestService, "result", noted)
    source = {"market": "sim", "y": "YUSDT", "x": "XUSDT", "from_ms": 1_230_768_000_000}
    settings = (await stand.read("/api/pairs"))["items"][0]["settings"]
    done = await stand.owner.post(
        "/api/analytics/backtest?wait_s=60", json={"source": source, "settings": settings}, timeout=90
    )
    assert done.status_code == 200, done.text
    number = done.json()["backtest_id"]
    record = await stand.read(f"/api/backtests/{number}")
    assert record["metrics"] == done.json()["metrics"] and record["y"] == "YUSDT"
    assert [each["backtest_id"] for each in (await stand.read("/api/backtests"))["items"]] == [number]
    assert record_read_in == {False}, "the record is read beside the event loop"
    table = await stand.viewer.get(f"/api/export/backtest?backtest={number}")
    assert table.status_code == 200 and len(table.text.splitlines()) == record["trades"] + 1
    same = await stand.viewer.get(f"/api/backtests/table?backtest={number}&table=trades")
    assert same.content == table.content
    sweep = {
        "source": source,
        "settings": settings,
        "search": {"axes": {"entry_z": [round(1 + n / 100, 2) for n in range(200)]}},
    }
    assert (await stand.owner.post("/api/backtests", json=sweep)).status_code == 400
    started = await stand.owner.post("/api/sweeps", json=sweep)
    assert (started.status_code, started.json()["phase"]) == (202, "running")
    busy = await stand.owner.post("/api/backtests", json={"source": source, "settings": settings})
    assert (busy.status_code, busy.json()["code"]) == (409, "busy")
    assert (await stand.owner.delete("/api/backtests/job")).json()["phase"] == "cancelled"
    await until(lambda: (stand.folder / "analysis.db").exists(), 1)
    refused = await stand.owner.post("/api/backtests", json={"source": {"kind": "files", "paths": ["/etc/passwd"]}})
    assert refused.status_code == 400 and "expected stored bars" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/ticks?symbol=NONE", 404, "any market has no trades of NONE"),
        ("/api/ticks?symbol=YUSDT&limit=0", 400, "limit: Input should be greater than or equal to 1"),
        ("/api/ticks?symbol=YUSDT&cursor=WzFd", 400, "cursor is 'WzFd'; expected the `next`"),
        ("/api/ticks?symbol=YUSDT&cursor=%F0%9F%92%A5", 400, "cursor is"),
        ("/api/ticks", 400, "symbol: Field required"),
        ("/api/ohlc?symbol=YUSDT&interval=1M", 400, "interval is '1M'"),
        ("/api/ohlc?symbol=YUSDT&source=x", 400, "source is 'x'; expected live, upload"),
        ("/api/analytics/pair?y=YUSDT&x=YUSDT", 400, "expected two legs"),
        ("/api/analytics/pair?y=YUSDT&x=XUSDT&interval=1h", 404, "expected at least 51"),
        ("/api/analytics/pair?y=YUSDT&x=XUSDT&regression=magic", 400, "regression is 'magic'"),
        ("/api/signals?pair=x", 400, "expected market/Y~X"),
        ("/api/trades?counted=x", 400, "expected book or log"),
        ("/api/scans/x", 400, "scan is 'x'; expected a whole number"),
        ("/api/scans/7", 404, "scan 7 is not stored"),
        ("/api/backtests/99999999999999999999", 400, "expected a whole number"),
        ("/api/data/gaps?status=x", 400, "status is 'x'; expected open"),
        ("/api/none", 404, "there is no /api/none here"),
    ],
)
async def test_errors_are_problems(stand: Stand, path: str, status: int, says: str) -> None:
    answer = await stand.viewer.get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert set(found) >= PROBLEM and answer.status_code == found["status"] == status, answer.text
    assert says in found["detail"], answer.text


async def test_other_methods_and_bodies_are_problems_too(stand: Stand) -> None:
    wrong = await stand.viewer.put("/api/pairs", content=b"")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert wrong.headers["content-type"] == "application/problem+json"
    for body in (b"{", b"[]", b"\xff", b'{"market": 1}'):
        answer = await stand.owner.post("/api/pairs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400 and set(answer.json()) >= PROBLEM
    head = await stand.viewer.head("/api/symbols")
    assert head.status_code == 200 and head.content == b""


async def test_no_secret_is_shown(stand: Stand) -> None:
    secret = await stand.token("viewer")
    texts = [(await stand.owner.get(path)).text for path in ("/api/config", "/api/tokens", "/api/audit", "/metrics")]
    hidden = [secret.rpartition("_")[2], (stand.folder / "dashboard-key").read_text().strip()]
    assert not any(each in text for each in hidden for text in texts)


async def test_the_documents_need_nothing_from_elsewhere(stand: Stand) -> None:
    page = await stand.viewer.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe-eval" not in policy
    assert not re.search(r"https?://", page.text)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert (await stand.viewer.get(path)).status_code == 200


def test_every_route_is_described_with_an_example() -> None:
    for method, path in LEAST:
        section = DOCS.partition(f"### `{method} {path}`\n")[2].partition("\n### ")[0]
        assert "curl" in section and f"Least role: {LEAST[method, path]}." in section, (method, path)


async def test_the_documents_name_the_writes_that_take_a_key(stand: Stand) -> None:
    paths = (await stand.read("/api/openapi.json"))["paths"]
    documented = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, of in methods.items()
        if any(each["name"] == "Idempotency-Key" for each in of.get("parameters", ()))
    }
    taking = {
        (method, each.path)
        for each in stand.server.routes
        if isinstance(each, APIRoute) and {"writes", "posts"} & set(each.endpoint.__code__.co_freevars)
        for method in each.methods
    }
    assert documented == taking and len(taking) > 15


async def test_an_upload_of_bars_needs_a_file_and_a_server(stand: Stand) -> None:
    empty = await stand.owner.post("/api/upload/ohlc?symbol=AUSDT", content=b"")
    assert (empty.status_code, empty.json()["code"]) == (400, "upload")
    no_role: httpx.Response = await stand.viewer.post("/api/upload/ohlc?symbol=AUSDT", content=b"x")
    assert no_role.status_code == 403
