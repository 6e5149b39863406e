"""Settings: the file, the environment, and what is said about a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load_settings
from config.settings import Settings

DEFAULT = Path(__file__).parents[2] / "config" / "default.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "audiowarden.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_default_file_states_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, DEFAULT.read_text(encoding="utf-8")), environ={})
    assert settings == Settings(data_dir=tmp_path / "audiowarden-data")


def test_every_key_is_in_the_default_file() -> None:
    """A key that an operator cannot find does not exist."""
    text = DEFAULT.read_text(encoding="utf-8")

    def keys(section: type) -> list[str]:
        found: list[str] = []
        for name, field in section.model_fields.items():  # type: ignore[attr-defined]  # settings sections are pydantic models
            inner = field.annotation
            found += keys(inner) if isinstance(inner, type) and hasattr(inner, "model_fields") else [name]
        return found

    from config.accounts import AccountSettings

    missing = [
        key for key in [*keys(Settings), *keys(AccountSettings)] if f"{key} =" not in text and key not in text
    ]
    assert missing == []


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nport = 1\nhost = '10.0.0.1'\n")
    environ = {
        "AUDIOWARDEN__SERVER__PORT": "9000",
        "AUDIOWARDEN__ACCOUNTS": '[{"name": "a", "access_key": "secret-key"}]',
        "AUDIOWARDEN__NETWORK__ALLOW_PRIVATE_ADDRESSES": "true",
        "AUDIOWARDEN__CLIPS__PUBLIC_BASE_URL": "http://clips.test/",
    }
    settings = load_settings(path, environ)
    assert (settings.server.port, settings.server.host) == (9000, "10.0.0.1")
    assert settings.accounts[0].name == "a"
    assert settings.network.allow_private_addresses
    assert settings.clips.public_base_url == "http://clips.test"


def test_folders_are_relative_to_the_file(tmp_path: Path) -> None:
    text = """
data_dir = 'state'
enrolled_dir = 'voices'
[network]
ca_file = 'ca.pem'
[recogniser]
cache_dir = 'cache'
[storage]
local_root = 'media'
[[accounts]]
name = 'a'
access_key = 'k'
lists_dir = 'lists'
"""
    settings = load_settings(write(tmp_path, text), {})
    assert settings.data_dir == tmp_path / "state"
    assert settings.enrolled_folder == tmp_path / "voices"
    assert settings.network.ca_file == tmp_path / "ca.pem"
    assert settings.recogniser.cache_dir == tmp_path / "cache"
    assert settings.storage.local_root == tmp_path / "media"
    assert settings.accounts[0].lists_dir == tmp_path / "lists"


def test_what_is_enrolled_is_kept_beside_the_rest(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, "data_dir = 'state'\n"), {})
    assert settings.enrolled_folder == tmp_path / "state" / "enrolled"


def test_folders_may_be_in_the_home_folder(tmp_path: Path) -> None:
    text = "[[accounts]]\nname = 'a'\naccess_key = 'k'\nlists_dir = '~/lists'\n"
    assert load_settings(write(tmp_path, text), {}).accounts[0].lists_dir == Path.home() / "lists"


def test_settings_are_frozen_and_mask_secrets(tmp_path: Path) -> None:
    path = write(tmp_path, "[[accounts]]\nname = 'a'\naccess_key = 'very-secret'\n")
    settings = load_settings(path, {})
    assert "very-secret" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nprot = 1\n", "server.prot: unknown key, did you mean port?"),
        ("[sever]\nport = 1\n", "sever: unknown key, did you mean server?"),
        (
            "[[accounts]]\nname='a'\naccess_key='k'\nmax_stream=1\n",
            "accounts[0].max_stream: unknown key, did you",
        ),
        ("[server]\nport = 'x'\n", "server.port: Input should be a valid integer"),
        ("[server]\nport = 70000\n", "server.port: Input should be less than or equal to 65535 (got 70000)"),
        ("[[accounts]]\nname='a'\n", "accounts[0]: needs exactly one of access_key and access_key_sha256"),
        (
            "[[accounts]]\nname='a'\naccess_key_sha256='…'\n",
            "accounts[0]: access_key_sha256 must be 64 hexadecimal digits: printf",
        ),
        (
            "[[accounts]]\nname='a'\naccess_key='k'\ncallback_secret=''\n",
            "accounts[0]: callback_secret must not be empty",
        ),
        ("[[accounts]]\nname='a'\naccess_key=5\n", "accounts[0].access_key: Input should be a valid string"),
        ("[recogniser]\ncompute_type='int7'\n", "recogniser.compute_type: must be one of auto"),
        ("[recogniser]\nscreen_model='base'\n", "recogniser: screen_model is 'base' as model is"),
        (
            "[clips]\npublic_base_url='clips.test'\n",
            "clips.public_base_url: must be an http or https address",
        ),
        ("[policies.live]\nADD={review=0.1,reject=0.2}\n", "live.ADD is not a risk type"),
        ("[policies.live]\nAD={review=0.9,reject=0.2}\n", "review (0.9) must not be above reject (0.2)"),
        ("server = {", "is not valid TOML"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("[server]\nport = 1" + "0" * 5000, "is not valid TOML"),
        ("[callbacks]\ntimeout_s = inf", "callbacks.timeout_s: Input should be less than or equal to 86400"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "[[accounts]]\nname='a'\naccess_key=12345678\n",
        "accounts = '12345678'",
        "accounts = ['12345678']",
        "[clips]\npublic_base_url = 'ftp://user:12345678@clips.test'",
        "[[accounts]]\nname='a'\naccess_key='k'\ntrtc={roster_url='http://a.test/{b}?key=12345678'}\n",
        "[[accounts]]\nname='a'\naccess_key='k'\nzego={app_id='x', server_secret='12345678'}\n",
    ],
)
def test_secrets_do_not_appear_in_errors(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert "12345678" not in str(caught.value)


def test_two_accounts_need_two_names_and_keys(tmp_path: Path) -> None:
    account = "[[accounts]]\nname='{}'\naccess_key='{}'\n"
    for first, second, said in [
        (("a", "k"), ("a", "l"), "same name"),
        (("a", "k"), ("b", "k"), "same access key"),
    ]:
        with pytest.raises(ConfigError, match=said):
            load_settings(write(tmp_path, account.format(*first) + account.format(*second)), {})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"AUDIOWARDEN__SERVR__PORT": "1"}, "AUDIOWARDEN__SERVR__PORT: unknown key, did you mean server?"),
        ({"AUDIOWARDEN__SERVER__PRT": "1"}, "server.prt: unknown key, did you mean port?"),
        ({"AUDIOWARDEN__ACCOUNTS": "{"}, "accounts"),
        ({"AUDIOWARDEN__ACCOUNTS": "[" * 100_000}, "nested too deeply"),
        ({"AUDIOWARDEN__DATA_DIR": "~nobody-of-that-name/x"}, "~nobody-of-that-name"),
        ({"AUDIOWARDEN__DATA_DIR": "a\0b"}, "NUL"),
    ],
)
def test_mistakes_in_the_environment_are_named(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, environ)
    assert said in str(caught.value)


def test_a_mistake_is_laid_to_the_environment_or_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[server]\nprot = 1\n[jobs]\nat_once = 'x'\n")
    environ = {"AUDIOWARDEN__SERVER__PRT": "1", "AUDIOWARDEN__ACCOUNTS": '[{"name": "a"}]'}
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environ)
    said = sorted(line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines())
    assert [line.split(": ")[:2] for line in said] == [
        ["environment", "accounts[0]"],
        ["environment", "server.prt"],
        ["jobs.at_once", "Input should be a valid integer, unable to parse string as an integer (got 'x')"],
        ["server.prot", "unknown key, did you mean port?"],
    ]


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read configuration .*: No such file or directory"):
        load_settings(tmp_path / "none.toml", {})
