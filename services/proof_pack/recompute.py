"""Computes the decision of a proof pack again with numpy alone: python recompute.py PACK.zip (exit code 1: differs)."""

import json
import sys
import zipfile

import numpy as np


def main(path: str) -> int:
    pack = zipfile.ZipFile(path)
    stored, settings, model = (json.loads(pack.read("decision.json"))[key] for key in ("decision", "settings", "model"))
    rows = np.genfromtxt(pack.open("model.csv"), delimiter=",", names=True)
    y, x = (np.log if settings["space"] == "log" else np.array)([rows["y_price"], rows["x_price"]])
    beta, alpha = rows["beta"][-1], rows["alpha"][-1]  # kept for the lines that are fitted on a schedule
    if settings["estimator"] == "ols":
        beta, alpha = np.polyfit(x[-1 - (bars := model["windows"]["beta"]) : -1], y[-1 - bars : -1], 1)
    spread = y - beta * x - alpha
    if settings["estimator"] == "kalman":  # predict, measure, then learn from bars in which both legs traded
        start, spread = model["filter"], np.full(y.size, np.nan)
        state, p = np.array(start["state"][:2]), np.array(start["state"])[[[2, 3], [3, 4]]]
        for t in range(start["place"], y.size):
            f, p = np.array([x[t] - start["centre"], 1.0]), p + np.diag([0.0, start["q_alpha"]])
            spread[t], variance = y[t] - f @ state, f @ p @ f + start["v_e"]
            beta, alpha, gain = state[0], state[1] - state[0] * start["centre"], p @ f / variance
            if not rows["is_filled"][t]:
                state, p = state + gain * spread[t], p - np.outer(gain, f @ p)
    past = spread[-1 - model["windows"]["z"] : -1]
    mean, deviation = (0.0, variance**0.5) if settings["z_scale"] == "filter" else (past.mean(), past.std(ddof=1))
    found = {"beta": beta, "alpha": alpha, "deviation": deviation, "z": (spread[-1] - mean) / deviation}
    if gate := model["gate"]:  # Engle and Granger's latest test: the level's t value in a regression of its steps
        (y, x), lags = (each[gate["place"] + 1 - gate["window"] : gate["place"] + 1] for each in (y, x)), gate["lags"]
        u = y - np.polyval(np.polyfit(x, y, 1), x)
        a = np.array([u[lags:-1], *(np.diff(u)[lags - i : u.size - 1 - i] for i in range(1, lags + 1))]).T
        b, squares, *_ = np.linalg.lstsq(a, np.diff(u)[lags:], rcond=None)
        found["gate_statistic"] = b[0] / np.sqrt(np.linalg.inv(a.T @ a)[0, 0] * squares[0] / (len(a) - lags - 1))
        stored["gate_statistic"] = rows["gate_statistic"][-1]
    hedge = beta if settings["space"] == "price" else beta * stored["y_price"] / stored["x_price"]
    coins = {"enter_long": 1.0, "enter_short": -1.0}.get(stored["kind"], 0.0) * settings["notional"] / stored["y_price"]
    found |= {"quantity_y": coins, "quantity_x": -hedge * coins}
    if stored["kind"] == "exit":
        found |= {name: -model["entry"][name] for name in ("quantity_y", "quantity_x")}
    away = {name: abs(value - stored[name]) / max(abs(stored[name]), 1.0) for name, value in found.items()}
    for name in found:
        sys.stdout.write(f"{name}: stored {stored[name]}, computed {found[name]}, {away[name]:.1e} away\n")
    return int(not np.max(list(away.values())) <= 1e-9)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
