"""``msray config``."""

import json
from pathlib import Path

import yaml

from tests.cli.conftest import Msray, Said


def test_check_says_good(msray: Msray) -> None:
    Path("a.yaml").write_text("instruments: [binance_usdm:BTCUSDT]\n")

    assert msray("config", "check", "a.yaml") == Said(0, "a.yaml: good (profile development, 1 instruments)\n", "")
    assert msray("config", "check", "a.yaml", "--json").document == {
        "schema": "msray.config.check/1",
        "ok": True,
        "data": {"file": "a.yaml", "profile": "development", "instruments": ["binance_usdm:BTCUSDT"]},
    }


def test_check_names_line_and_nearest_key_and_exits_2(msray: Msray) -> None:
    Path("msray.yaml").write_text("api:\n  prot: 1\n")

    said = msray("config", "check")

    assert said == Said(2, "", "msray: msray.yaml:2: api.prot: unknown key\n  did you mean 'port'?\n")
    assert msray("config", "check", "--json").document["error"]["code"] == "config"


def test_check_without_a_file_says_how_to_get_one(msray: Msray) -> None:
    assert msray("config", "check") == Said(
        2, "", "msray: msray.yaml is not there\n  name a file, or write one with: msray init .\n"
    )


def test_show_is_what_is_in_force_and_can_be_read_back(msray: Msray) -> None:
    Path("msray.yaml").write_text("api: {port: 9000}\n")

    tree = yaml.safe_load(msray("config", "show").out)

    assert tree["api"]["port"] == 9000
    assert tree["detection"]["false_alarms_per_day"] == 24
    assert tree == msray("config", "show", "--json").document["data"]


def test_schema_knows_every_key_and_its_bounds(msray: Msray) -> None:
    schema = msray("config", "schema", "--json").document["data"]

    assert schema["properties"].keys() >= {"profile", "instruments", "detection", "api", "ledger_url"}
    assert schema["additionalProperties"] is False
    port = schema["$defs"]["ApiSettings"]["properties"]["port"]
    assert (port["minimum"], port["maximum"], port["description"]) == (1, 65535, "Port to listen on.")
    assert json.loads(msray("config", "schema").out) == schema
