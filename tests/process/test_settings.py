"""Settings: flags and environment alike, one clear sentence for what cannot be meant, no secret shown."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from service import settings
from service.settings import SettingWrong


def test_without_anything_the_documented_defaults_hold() -> None:
    told = settings.read({}, {})
    assert (told.host, told.port, told.ops_port, told.workers) == ("127.0.0.1", 8080, None, 1)
    assert (told.catalog, told.var, told.redis_url) == (Path("config/catalog"), Path("var"), None)


def test_a_flag_wins_over_the_environment() -> None:
    environ = {"PINGPOST_PORT": "1000", "PINGPOST_WORKERS": "3"}
    told = settings.read(environ, {"port": "2000", "workers": None})
    assert (told.port, told.workers) == (2000, 3)


def test_every_setting_can_be_given_in_the_environment() -> None:
    given = {
        "PINGPOST_CATALOG": "c",
        "PINGPOST_HOST": "::1",
        "PINGPOST_PORT": "1",
        "PINGPOST_OPS_PORT": "2",
        "PINGPOST_WORKERS": "3",
        "PINGPOST_REDIS_URL": "unix:///r.sock",
        "PINGPOST_REDIS_FSYNC": "always",
        "PINGPOST_TLS_CERT": "cert.pem",
        "PINGPOST_TLS_KEY": "key.pem",
        "PINGPOST_EDGE_TOKEN": "edge-token-0123456789",
        "PINGPOST_ADMIN_TOKEN": "admin-token-0123456789",
        "PINGPOST_SECRET": "a secret of twenty bytes",
        "PINGPOST_VAR": "v",
        "PINGPOST_ARCHIVE": "0",
        "PINGPOST_LEDGER_URL": "postgresql://h/ledger",
        "PINGPOST_DECISIONS_DAYS": "12",
        "PINGPOST_LOG_FORMAT": "json",
        "PINGPOST_LOG_LEVEL": "debug",
        "PINGPOST_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "PINGPOST_DRAIN_SECONDS": "0.5",
        "PINGPOST_FINISH_SECONDS": "7",
        "PINGPOST_KEEPALIVE_SECONDS": "8",
        "PINGPOST_IN_FLIGHT_MAX": "9",
        "PINGPOST_AUDIT_RECORDS_MAX": "1000",
        "PINGPOST_CATALOGS_KEPT_MAX": "11",
    }
    assert given.keys() == {row.env for row in settings.TABLE}
    told = settings.read(given, {})
    defaults = settings.Settings()
    assert [row.name for row in settings.TABLE if getattr(told, row.name) == getattr(defaults, row.name)] == []
    assert told.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert told.secret == b"a secret of twenty bytes"


def test_every_row_of_the_table_is_a_field_and_every_field_a_row() -> None:
    assert sorted(row.name for row in settings.TABLE) == sorted(settings.Settings.__struct_fields__)


@pytest.mark.parametrize(
    ("environ", "flags", "sentence"),
    [
        ({"PINGPOST_PORT": "99999"}, {}, "PINGPOST_PORT must be a whole number from 0 to 65535. You gave '99999'."),
        ({}, {"port": "http"}, "--port must be a whole number from 0 to 65535. You gave 'http'."),
        ({}, {"port": "٣"}, "--port must be a whole number from 0 to 65535. You gave '٣'."),
        ({}, {"workers": "0"}, "--workers must be a whole number from 1 to 256. You gave '0'."),
        ({}, {"drain_seconds": "nan"}, "--drain-seconds must be seconds from 0 to 300. You gave 'nan'."),
        ({}, {"redis_fsync": "never"}, "--redis-fsync must be one of everysec, always. You gave 'never'."),
        ({}, {"host": "a b"}, "--host must be a host name or an address. You gave 'a b'."),
        ({}, {"tls_cert": "c.pem"}, "--tls-cert and --tls-key go together: give both or neither."),
        ({}, {"port": "9", "ops_port": "9"}, "--ops-port must differ from --port; both are 9."),
        (
            {"PINGPOST_TRUSTED_PROXIES": "10.0.0.0/99"},
            {},
            "PINGPOST_TRUSTED_PROXIES must be addresses or CIDR networks with commas between, as in 10.0.0.0/8,::1. "
            "You gave '10.0.0.0/99'.",
        ),
        (
            {"PINGPOST_SECRET": ""},
            {},
            "PINGPOST_SECRET must have at least 16 bytes, else leave it unset and one is created.",
        ),
        (
            {"PINGPOST_EDGE_TOKEN": "the-same-token-twice", "PINGPOST_ADMIN_TOKEN": "the-same-token-twice"},
            {},
            "PINGPOST_EDGE_TOKEN and PINGPOST_ADMIN_TOKEN must differ: a switch is not an operator.",
        ),
    ],
)
def test_a_wrong_value_is_one_clear_sentence(
    environ: dict[str, str], flags: dict[str, str | None], sentence: str
) -> None:
    with pytest.raises(SettingWrong) as wrong:
        settings.read(environ, flags)
    assert str(wrong.value) == sentence


@pytest.mark.parametrize("name", ["PINGPOST_ADMIN_TOKEN", "PINGPOST_SECRET", "PINGPOST_REDIS_URL"])
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(SettingWrong) as wrong:
        settings.read({name: "pass word"} if name != "PINGPOST_REDIS_URL" else {name: "http://u:pass word@h"}, {})
    assert "pass" not in str(wrong.value)


def test_an_empty_value_in_the_environment_counts_as_not_given() -> None:
    told = settings.read({"PINGPOST_ADMIN_TOKEN": "", "PINGPOST_PORT": " "}, {})
    assert (told.admin_token, told.port) == (None, 8080)


def test_a_name_that_no_setting_has_is_told_with_the_one_that_was_meant() -> None:
    environ = {"PINGPOST_WORKER": "4", "PINGPOST_PORT": "1", "PINGPOST_ZZZ": "1", "PATH": "/bin"}
    assert settings.unknown(environ) == [
        "PINGPOST_WORKER is not a setting; did you mean PINGPOST_WORKERS?",
        "PINGPOST_ZZZ is not a setting.",
    ]


def test_secrets_are_not_shown() -> None:
    told = settings.read(
        {
            "PINGPOST_ADMIN_TOKEN": "admin-token-0123456789",
            "PINGPOST_SECRET": "hush-hush-hush-hush",
            "PINGPOST_REDIS_URL": "redis://user:password@host:6379/0",
        },
        {},
    )
    for hidden in ("0123456789", "hush", "password"):
        assert hidden not in f"{told!r} {told}"
    assert "redis://***@host:6379/0" in repr(told)
