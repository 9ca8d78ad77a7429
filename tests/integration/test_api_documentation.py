from flask.testing import FlaskClient

from tests.integration.conftest import Trader


def test_every_operation_is_described_with_its_parameters(client: FlaskClient) -> None:
    description = client.get("/api/v1/openapi.json").json

    trades = description["paths"]["/api/v1/trades"]["get"]
    recorder = description["paths"]["/api/v1/recorders/{recorder_id}"]
    operations = [each for path in description["paths"].values() for each in path.values()]

    assert trades["summary"] == "List trades, the newest first."
    assert {"recorder_id", "status", "sort", "cursor"} <= {each["name"] for each in trades["parameters"]}
    assert set(recorder) == {"get", "put", "patch", "delete"}
    assert recorder["get"]["parameters"][0]["in"] == "path"
    assert all(each["summary"] for each in operations)
    assert description["components"]["schemas"]["RecorderSettings"]["required"] == ["name"]


def test_each_described_sort_is_one_that_the_list_takes(client: FlaskClient, trader: Trader) -> None:
    description = client.get("/api/v1/openapi.json").json
    for path in ("/api/v1/trades", "/api/v1/signals", "/api/v1/positions"):
        parameters = {each["name"]: each for each in description["paths"][path]["get"]["parameters"]}
        for sort in parameters["sort"]["schema"]["enum"]:
            assert client.get(f"{path}?sort={sort}", headers=trader.bearer).status_code == 200, f"{path} {sort}"


def test_people_read_the_same(client: FlaskClient) -> None:
    page = client.get("/api/docs")

    assert page.status_code == 200
    assert "POST /api/v1/recorders/{recorder_id}/rotate-token" in page.text


def test_the_stream_is_described_with_its_events(client: FlaskClient) -> None:
    operation = client.get("/api/v1/openapi.json").json["paths"]["/api/v1/stream"]["get"]

    assert operation["summary"] == "Follow open positions by server-sent events."
    assert operation["description"].startswith("`positions`, first after each connection")
    assert list(operation["responses"]["2XX"]["content"]) == ["text/event-stream"]
