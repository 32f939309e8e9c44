"""What a browser may ask, and what it is told."""

import pytest

from tests.support.live_pages import STUDY, Pages

PATHS = [
    "/",
    STUDY,
    f"{STUDY}/progress",
    f"{STUDY}/tables/jobs",
    f"{STUDY}/charts.json",
    "/compare",
]


@pytest.mark.parametrize("path", [*PATHS, "/nothing", "/static/1/live/live.js", "/session"])
def test_every_answer_has_the_headers(client: Pages, path: str) -> None:
    headers = client.read(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'" and policy["base-uri"] == "'none'"
    assert "unsafe-inline" not in policy["script-src"] + policy["style-src"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8765",
        "localhost.",
        "",
        "[::2]",
        "a b",
    ],
)
def test_another_host_is_refused(client: Pages, host: str) -> None:
    for path in (*PATHS, "/static/1/live/live.js"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 400 and "cifar10" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:8765"])
def test_our_own_names_are_answered(client: Pages, host: str) -> None:
    assert client.get("/compare", headers={"Host": host}).status_code in (200, 503)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", [*PATHS, "/session", "/nothing"])
def test_nothing_can_be_changed(client: Pages, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD"


def test_head_is_an_answer_without_its_body(client: Pages) -> None:
    client.read(STUDY)
    answer = client.head(STUDY)
    assert answer.status_code == 200 and not answer.content


@pytest.mark.parametrize(
    "path",
    [
        "/static/../dashboard_app.py",
        "/static/%2e%2e/%2e%2e/dashboard_app.py",
        "/studies/..%2f..%2fstore.json",
        "/studies/../store.json",
        "/studies/%2e%2e/progress",
        "/studies/cifar10-published/../../store.json",
        "/studies/a%00b",
        "/studies/%3Cscript%3E",
        "/studies/" + "a" * 5000,
        "/studies/CIFAR10-PUBLISHED",
        f"{STUDY}/tables/spec",
        f"{STUDY}/tables/..%2fspec.json",
        f"{STUDY}/tables/jobs.xlsx",
        f"{STUDY}/files/spec.csv",
        f"{STUDY}/files/metrics.json",
        f"{STUDY}/jobs/0000000000000000",
        f"{STUDY}/jobs/..%2f..",
        f"{STUDY}/figures/nothing.json",
        "/nothing",
    ],
)
def test_what_is_not_there_is_404(client: Pages, path: str) -> None:
    answer = client.read(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text and "<script>alert" not in answer.text


def test_static_paths_lead_nowhere_else(client: Pages) -> None:
    version = client.read(STUDY).text.partition("/static/")[2].partition("/")[0]
    inside = client.get(f"/static/{version}/live/live.js")
    assert inside.status_code == 200 and "immutable" in inside.headers["cache-control"]
    for path in ("..", "%2e%2e", "..%2f", "//etc", "live.js/.."):
        assert (
            client.get(f"/static/{version}/live/{path}/templates/base.html.j2").status_code == 404
        )


@pytest.mark.parametrize("path", PATHS)
def test_nothing_new_is_304(client: Pages, path: str) -> None:
    first = client.read(path)
    etag = first.headers["etag"]
    again = client.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert again.status_code == 304 and not again.content and again.headers["etag"] == etag
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_fragment_is_not_taken_for_its_page(client: Pages) -> None:
    page = client.read(f"{STUDY}/tables/jobs")
    fragment = client.get(f"{STUDY}/tables/jobs", headers={"HX-Request": "true"})
    assert "<html" in page.text and "<html" not in fragment.text
    assert page.headers["etag"] != fragment.headers["etag"]
    assert "HX-Request" in page.headers["vary"]


def test_a_url_that_asks_for_nonsense_is_told_what_is_allowed(client: Pages) -> None:
    for query in ("jobs.nothing=1", "jobs.sort=nothing", "jobs.page=x", "jobs.accuracy.min=x"):
        answer = client.read(f"{STUDY}/tables/jobs?{query}")
        assert answer.status_code == 400 and "Allowed:" in answer.text
    answer = client.read(f"{STUDY}/charts.json?candidates.nothing=1")
    assert answer.status_code == 400 and "accuracy" in answer.json()["allowed"]


def test_filters_stay_in_the_links_of_a_table(client: Pages) -> None:
    query = "jobs.phase=search&candidates.sort=macs"
    page = client.read(f"{STUDY}/tables/jobs?{query}").text
    assert "jobs.phase=search&amp;jobs.sort=accuracy" in page
    assert "candidates.sort=macs" in page
