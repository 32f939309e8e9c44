"""Who may look at a server that others reach."""

from collections.abc import Iterator

import pytest

from compound.orchestrator.live.access.access_token import Access, new_token
from compound.orchestrator.live.access.trusted_names import in_url, is_loopback, trusted_names
from tests.support.live_pages import STUDY, Pages, page_client

TOKEN = "a-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def guarded(published_store: str) -> Iterator[Pages]:
    with page_client(published_store, Access(TOKEN, 8765)) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/", STUDY, f"{STUDY}/charts.json", f"{STUDY}/files/jobs.csv"])
def test_without_the_token_there_is_only_the_question_for_it(guarded: Pages, path: str) -> None:
    answer = guarded.get(path)
    assert answer.status_code == 401 and "needs its token" in answer.text
    assert "cifar10" not in answer.text and "set-cookie" not in answer.headers
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xff"},
        {"Cookie": f"compound_8765={TOKEN}"},
        {"Cookie": "compound_8765="},
        {"Cookie": f"compound_1={Access(TOKEN, 8765).session}"},
        {"Cookie": f"compound_8765={Access('another', 8765).session}"},
    ],
)
def test_what_is_not_the_token_opens_nothing(guarded: Pages, headers: dict[str, str]) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert guarded.get("/", headers=encoded).status_code == 401
    answer = guarded.get("/session", headers=encoded)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_a_token_in_a_url_opens_nothing(guarded: Pages) -> None:
    assert guarded.get(f"/?token={TOKEN}").status_code == 401
    assert guarded.get(f"/session?token={TOKEN}").status_code == 403


def test_the_token_as_a_header_opens_every_page(guarded: Pages) -> None:
    assert guarded.read("/", **BEARER).status_code == 200
    assert guarded.read(STUDY, **BEARER).status_code == 200


def test_a_browser_gets_a_cookie_that_no_script_reads(guarded: Pages) -> None:
    answer = guarded.get("/session", headers=BEARER)
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
    assert "secure" not in cookie and "max-age" not in cookie and TOKEN not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert guarded.read(STUDY).status_code == 200, "the client sends its cookie"
    assert guarded.get("/session").status_code == 204


def test_the_cookie_is_for_https_alone_where_the_page_is(published_store: str) -> None:
    with page_client(published_store, Access(TOKEN, 8765)) as pages:
        answer = pages.get("https://127.0.0.1/session", headers=BEARER)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_files_of_the_package_need_no_token(guarded: Pages) -> None:
    version = guarded.get("/").text.partition("/static/")[2].partition("/")[0]
    assert guarded.get(f"/static/{version}/live/login.js").status_code == 200
    assert guarded.get("/static/../studies").status_code == 401


def test_another_host_is_refused_with_the_token_too(guarded: Pages) -> None:
    assert guarded.get("/", headers={**BEARER, "Host": "evil.example"}).status_code == 400


def test_tokens_cannot_be_guessed() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100 and min(map(len, tokens)) >= 43


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_alone_reaches_loopback(host: str) -> None:
    assert is_loopback(host)
    assert {"localhost", "127.0.0.1", "[::1]", in_url(host)} == {*trusted_names(host)}


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.0.2.7", "::", "2001:db8::1", "head", "", "127.1.evil"]
)
def test_others_reach_anything_else(host: str) -> None:
    assert not is_loopback(host)
    assert {"proxy.example", in_url(host)} <= {*trusted_names(host, ["proxy.example"])}
    assert "*" not in trusted_names(host)
