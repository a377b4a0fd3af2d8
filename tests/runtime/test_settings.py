"""Where a setting comes from, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.runtime.options import OPTIONS
from tocsin.runtime.settings import SettingsError, load


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    assert load({}, {}, tmp_path).port == 8080
    (tmp_path / "tocsin.toml").write_text("port = 1111\nregion = 'us'\n")
    assert load({}, {}, tmp_path).port == 1111
    assert load({}, {"TOCSIN_PORT": "2222"}, tmp_path).port == 2222
    assert load({"port": "3333"}, {"TOCSIN_PORT": "2222"}, tmp_path).port == 3333
    assert load({"port": "3333"}, {}, tmp_path).region == "us"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load({}, {"TOCSIN_PORT": ""}, tmp_path).port == 8080


def test_the_file_may_lie_in_the_data_directory_or_be_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "tocsin.toml").write_text("port = 1111\n")
    assert load({"data": str(data)}, {}, tmp_path / "elsewhere").port == 1111
    assert load({}, {"TOCSIN_DATA": str(data)}, tmp_path / "elsewhere").port == 1111
    named = tmp_path / "other.toml"
    named.write_text("min-check-frequency = 1\nallow_private_targets = false\ndns_servers = ['127.0.0.1:53', '::1']\n")
    settings = load({"data": str(data)}, {"TOCSIN_CONFIG": str(named)}, tmp_path)
    assert settings.min_check_frequency == 1
    assert settings.allow_private_targets is False
    assert settings.dns_servers == ("127.0.0.1:53", "::1")
    assert settings.port == 8080


def test_an_unknown_key_in_the_file_is_refused_with_the_keys_there_are(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text("prot = 1\n")
    with pytest.raises(SettingsError, match=r"sets prot, which Tocsin does not know\. It knows: data, host, port"):
        load({}, {}, tmp_path)


@pytest.mark.parametrize("content", ["port = ", "port 8080", "\x00"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "tocsin.toml").write_text(content)
    with pytest.raises(SettingsError, match=r"tocsin\.toml cannot be read"):
        load({}, {}, tmp_path)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "８０"),
        ("host", "http://x"),
        ("data", ""),
        ("database_url", "mysql://x/y"),
        ("database_url", "postgresql://"),
        ("base_url", "ftp://x"),
        ("base_url", "https://x?y"),
        ("base_url", "https://"),
        ("smtp_url", "http://x"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://x:port"),
        ("min_check_frequency", "0"),
        ("min_check_frequency", "1.5"),
        ("allow_private_targets", "maybe"),
        ("dns_servers", "dns.example.com"),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("admin_email", "ann"),
        ("admin_password", "short"),
        ("secret_key", "short"),
        ("twilio_account_sid", "my account"),
        ("twilio_auth_token", "short"),
        ("twilio_from", "0777 123 456"),
        ("pushover_app_token", "short"),
    ],
)
def test_a_bad_value_is_refused_by_name_with_the_fix(tmp_path: Path, name: str, bad: str) -> None:
    option = OPTIONS[name]
    with pytest.raises(SettingsError) as refused:
        load({name: bad}, {}, tmp_path)
    assert (option.flag_name if option.flag else option.environment_name) in str(refused.value)


@pytest.mark.parametrize("name", ["database_url", "smtp_url"])
def test_a_bad_url_with_a_password_is_refused_without_repeating_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({name: "gopher://ann:pass-word-1@host"}, {}, tmp_path)
    assert "pass-word-1" not in str(refused.value)


@given(port=st.integers(min_value=0, max_value=65_535))
def test_every_port_there_is_can_be_set(port: int) -> None:
    assert load({"port": str(port)}, {}, Path("/nonexistent")).port == port


@given(text=st.text(max_size=30), name=st.sampled_from(sorted(OPTIONS)))
def test_whatever_is_set_it_is_taken_or_refused_by_name(text: str, name: str) -> None:
    refusal = _refusal(name, text)
    assert refusal is None or refusal.startswith((OPTIONS[name].flag_name, OPTIONS[name].environment_name))


def _refusal(name: str, text: str) -> str | None:
    try:
        load({name: text}, {}, Path("/nonexistent"))
    except SettingsError as error:
        return str(error)
    return None


def test_a_misspelt_variable_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"TOCSIN_SMPT_URL .* Did you mean TOCSIN_SMTP_URL\?"):
        load({}, {"TOCSIN_SMPT_URL": "smtp://mail.example"}, tmp_path)


def test_variables_that_an_orchestrator_adds_are_none_of_ours(tmp_path: Path) -> None:
    added = {"TOCSIN_SERVICE_HOST": "10.0.0.7", "TOCSIN_PORT_8080_TCP_ADDR": "10.0.0.7", "TOCSIN_TEST_REQUIRE_ALL": "1"}
    assert load({}, added, tmp_path) == load({}, {}, tmp_path)
