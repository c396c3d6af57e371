from __future__ import annotations

from pathlib import Path

import pytest

from kc_schema.errors import UsageError
from pipelines import index_text
from pipelines.text_index import TextIndexError
from pipelines.text_index.connection import Connection
from pipelines.text_index.options import ClusterOptions, TextIndexOptions

KEY = {"ELASTICSEARCH_API_KEY": "secret-key"}
PASSWORD = {"ELASTICSEARCH_USER": "ann", "ELASTICSEARCH_PASSWORD": "secret-word"}


def test_credentials_come_from_the_environment() -> None:
    assert Connection.from_url("https://host:9200", environment=KEY).api_key == "secret-key"
    connection = Connection.from_url("https://host:9200/", environment=PASSWORD)
    assert (connection.url, connection.user, connection.password) == (
        "https://host:9200",
        "ann",
        "secret-word",
    )


def test_what_is_given_comes_before_the_environment() -> None:
    connection = Connection.from_url(
        "https://host", user="ben", password="own", environment={**KEY, **PASSWORD}
    )
    assert (connection.user, connection.password, connection.api_key) == ("ben", "own", None)
    assert Connection.from_url("https://host", user="ben", environment=PASSWORD).password == "secret-word"


def test_credentials_in_the_address_are_taken_out_of_it() -> None:
    connection = Connection.from_url("https://ann:p%40ss@host:9200/es/", environment={})
    assert (connection.url, connection.user, connection.password) == ("https://host:9200/es", "ann", "p@ss")


def test_no_secret_is_shown() -> None:
    shown = repr(Connection.from_url("https://ann:secret@host", environment={}))
    assert "secret" not in shown
    assert "secret" not in repr(Connection.from_url("https://host", environment=KEY))


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("host:9200", {}, "must read http"),
        ("https://", {}, "must read http"),
        ("https://host", {"user": "ann"}, "a user without a password"),
        ("https://host", {"user": "ann", "password": "x", "api_key": "y"}, "an API key and a user"),
        ("https://host", {"ca_file": "/no/such/file"}, "no such file"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_asked(
    url: str, options: dict[str, str], reason: str
) -> None:
    with pytest.raises(TextIndexError, match=reason):
        Connection.from_url(url, environment={}, **options)


def test_a_ca_file_without_https_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    with pytest.raises(TextIndexError, match="not https"):
        Connection.from_url("http://host", ca_file=str(tmp_path / "ca.pem"), environment={})


def test_a_cluster_that_is_not_there_is_one_clear_line() -> None:
    from pipelines.text_index import open_index

    with pytest.raises(TextIndexError) as raised:
        open_index("http://127.0.0.1:9")
    assert str(raised.value) == (
        "http://127.0.0.1:9: cannot be reached: Failed to establish a new connection: [Errno 111] Connection refused;"
        " is it running there?"
    )


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        (["--text-index", "elasticsearch"], 2, "needs --elasticsearch-url"),
        (
            ["--text-index", "tantivy", "--elasticsearch-url", "http://host"],
            2,
            "--elasticsearch-url goes with",
        ),
        (["--keep", "2"], 2, "--keep goes with"),
        (["--index-prefix", "x"], 2, "--index-prefix goes with"),
        (["--elasticsearch-url", "host"], 1, "must read http"),
        (["--elasticsearch-url", "http://[::1:9200"], 1, "must read http"),
        (["--elasticsearch-url", "http://host:123456"], 1, "must read http"),
        (["--elasticsearch-url", "http://host:nine"], 1, "must read http"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_any_work(
    given: list[str], status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert index_text.main([*given, "--kc", "no/such/folder"]) == status
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_options_that_go_together() -> None:
    assert TextIndexOptions().kind == "tantivy"
    assert TextIndexOptions(text_index="none").kind == "none"
    cluster = TextIndexOptions(cluster=ClusterOptions(elasticsearch_url="http://host"), keep=0)
    assert (cluster.kind, cluster.cluster.prefix) == ("elasticsearch", "kc")
    with pytest.raises(UsageError, match="--keep goes with"):
        TextIndexOptions(keep=0).check()


def test_no_option_shows_a_secret() -> None:
    shown = repr(
        ClusterOptions(elasticsearch_url="http://h", elasticsearch_user="u", elasticsearch_password="secret")
    )
    assert "secret" not in shown
