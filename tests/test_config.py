"""Settings: every value from the environment, and a plain message for each invalid one."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config import DEFAULT_PRESET, DEFAULT_WINDOW, REFRESH_RATE, RETENTION_HOURS, ZSCORE_THRESHOLD, Config, ConfigError

ROOT = Path(__file__).parent.parent
GOOD = {
    "DEFAULT_WINDOW": ("120", 120),
    "ZSCORE_THRESHOLD": ("2.5", 2.5),
    "REFRESH_RATE": ("0.5", 0.5),
    "DEFAULT_PRESET": ("classic", "classic"),
    "RETENTION_HOURS": ("48", 48.0),
    "DURABILITY": ("crash", "crash"),
    "WARM_START_MINUTES": ("0", 0.0),
    "FETCH_LIMIT_IDS": ("1000", 1000),
    "DATA_DIR": ("somewhere/else", Path("somewhere/else")),
    "HISTORY_BARS": ("0", 0),
    "BRIDGE_PORT": ("0", 0),
    "DASHBOARD_PORT": ("65535", 65535),
    "TOKEN": ("a" * 32, "a" * 32),
    "PASSWORD": ("correct horse", "correct horse"),
    "DASHBOARD_HOST": ("::1", "::1"),
    "ALLOWED_HOSTS": ("Harness.example.org, [::1]:8050", ("harness.example.org", "[::1]:8050")),
    "ALLOWED_RECEIVERS": ("bot.lan:9000,localhost", ("bot.lan:9000", "localhost")),
    "OPEN_BROWSER": ("yes", True),
    "HEARTBEAT_LIMIT_S": ("3", 3.0),
    "FEED": ("mine.sources:Mine", "mine.sources:Mine"),
    "PAGES": ("mine.pages:PAGE", "mine.pages:PAGE"),
    "API_REQUESTS_PER_S": ("50", 50.0),
    "LOG_LEVEL": ("DEBUG", "DEBUG"),
}
BAD = [
    ("DEFAULT_WINDOW", "1", "a whole number from 2 to 100000"),
    ("DEFAULT_WINDOW", "20.5", "a whole number from 2 to 100000"),
    ("ZSCORE_THRESHOLD", "nan", "a number from 0.1 to 100"),
    ("DEFAULT_PRESET", "textbook", "one of defended, classic"),
    ("RETENTION_HOURS", "0", "a number from 1 to 87600"),
    ("DURABILITY", "none", "one of power, crash"),
    ("BRIDGE_PORT", "65536", "a whole number from 0 to 65535"),
    ("DATA_DIR", " ", "a folder that can be created and written"),
    ("DASHBOARD_HOST", "localhost", "an IP address of this machine"),
    ("ALLOWED_HOSTS", "http://harness", "names, comma separated"),
    ("ALLOWED_RECEIVERS", "https://bot.lan", "names, comma separated"),
    ("OPEN_BROWSER", "maybe", "1 or 0"),
    ("FEED", "mine.Mine", "module:Class, such as feeds.example_source:ExampleSource"),
]
SECRETS = [("TOKEN", "too-short"), ("PASSWORD", "1234567")]


def test_the_five_names_are_the_defaults() -> None:
    config = Config.from_environ({})
    assert config.default_preset == DEFAULT_PRESET
    assert config.default_window == DEFAULT_WINDOW
    assert config.zscore_threshold == ZSCORE_THRESHOLD
    assert config.refresh_rate == REFRESH_RATE
    assert config.retention_hours == RETENTION_HOURS


def test_every_setting_can_be_overridden() -> None:
    assert {field.name.upper() for field in dataclasses.fields(Config)} == set(GOOD)
    config = Config.from_environ({f"PAIRBRIDGE_{name}": text for name, (text, _) in GOOD.items()})
    for name, (_, value) in GOOD.items():
        assert getattr(config, name.lower()) == value


@pytest.mark.parametrize(("name", "text", "expected"), BAD)
def test_a_bad_value_is_named_with_what_was_expected(name: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environ({f"PAIRBRIDGE_{name}": text})
    assert str(refused.value).startswith(f"PAIRBRIDGE_{name} is {text!r}; expected {expected}")


@pytest.mark.parametrize(("name", "text"), SECRETS)
def test_a_bad_secret_is_not_repeated(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"PAIRBRIDGE_{name} is \\(hidden\\); expected at least") as refused:
        Config.from_environ({f"PAIRBRIDGE_{name}": text})
    assert text not in str(refused.value)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    assert "horse" not in repr(Config(password="correct horse", token="horse" * 8))


def test_others_are_let_in_only_with_a_password() -> None:
    with pytest.raises(ConfigError, match=r"'0\.0\.0\.0', which others can reach; expected PAIRBRIDGE_PASSWORD"):
        Config.from_environ({"PAIRBRIDGE_DASHBOARD_HOST": "0.0.0.0"})
    open_config = Config.from_environ({"PAIRBRIDGE_DASHBOARD_HOST": "0.0.0.0", "PAIRBRIDGE_PASSWORD": "correct horse"})
    assert open_config.dashboard_host == "0.0.0.0"


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({"PAIRBRIDGE_BRIDGE_PORT": "9000", "PAIRBRIDGE_DASHBOARD_PORT": "9000"}, 9000),
        ({"PAIRBRIDGE_BRIDGE_PORT": "8050"}, 8050),
        ({"PAIRBRIDGE_DASHBOARD_PORT": "8765"}, 8765),
    ],
)
def test_the_server_and_the_dashboard_cannot_have_the_same_port(given: dict[str, str], port: int) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_environ(given)
    said = f"PAIRBRIDGE_BRIDGE_PORT and PAIRBRIDGE_DASHBOARD_PORT are both {port}; expected two ports"
    assert str(refused.value) == said


def test_both_may_take_any_free_port() -> None:
    config = Config.from_environ({"PAIRBRIDGE_BRIDGE_PORT": "0", "PAIRBRIDGE_DASHBOARD_PORT": "0"})
    assert (config.bridge_port, config.dashboard_port) == (0, 0)


def test_a_mistyped_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean PAIRBRIDGE_DATA_DIR"):
        Config.from_environ({"PAIRBRIDGE_DATADIR": "x"})


@pytest.mark.parametrize("program", ["server.py", "dashboard.py", "launch.py"])
def test_a_bad_setting_ends_a_program_with_code_2(program: str, tmp_path: Path) -> None:
    environ = os.environ | {"PAIRBRIDGE_BRIDGE_PORT": "http", "PAIRBRIDGE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(ROOT / program)], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr == ("pairbridge: PAIRBRIDGE_BRIDGE_PORT is 'http'; expected a whole number from 0 to 65535\n")
