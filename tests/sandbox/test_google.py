"""Google's SDK, with strict response types, works with the simulated Gemini."""

from __future__ import annotations

import asyncio
import json
import warnings

import pytest
from google import genai
from google.genai import errors, types

from proxy.sandbox.contract import EVENT_STREAM, Call, RateLimitWindow, SimulatedError
from proxy.sandbox.google import SIMULATION, handle
from proxy.sandbox.scenario import Fault
from proxy.sandbox.server import Sandbox

USER = [{"role": "user", "parts": [{"text": "What is the weather?"}]}]
ASKS_WEATHER = [{"role": "user", "parts": [{"text": "Use get_weather please"}]}]
WEATHER = {
    "functionDeclarations": [
        {
            "name": "get_weather",
            "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]},
        }
    ]
}
TOOL = types.Tool.model_validate(WEATHER)
KEY = {"x-goog-api-key": "k"}


@pytest.fixture
async def sandbox():
    sandbox = await Sandbox.start({"google": "google"})
    yield sandbox
    await sandbox.close()


def client(sandbox, version):
    options = types.HttpOptions(base_url=sandbox.base_url("google"), api_version=version)
    return genai.Client(api_key="any", http_options=options)


def reply(body, method="generateContent", model="gemini-3-pro-preview", query=None, **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return handle(Call("google", "POST", f"/v1beta/models/{model}:{method}", KEY, raw, query or {}, **more))


def response_json(body, **more):
    return json.loads(reply(body, **more).frames[0])


def frames(body, **more):
    frames = reply(body, "streamGenerateContent", query={"alt": "sse"}, **more).frames
    assert all(frame.startswith(b"data: {") and frame.endswith(b"}\r\n\r\n") for frame in frames)
    assert all(frame.count(b"\n") == 2 for frame in frames)
    return [json.loads(frame[6:]) for frame in frames]


@pytest.mark.parametrize("version", [None, "v1beta"])
async def test_the_sdk_parses_text_and_a_tool_call_and_sends_the_result(sandbox, version):
    def converse():
        google = client(sandbox, version)
        config = types.GenerateContentConfig(tools=[TOOL], system_instruction="Be kind.", max_output_tokens=99)
        chat = google.chats.create(model="gemini-3-pro-preview", config=config)
        *_, last = chat.send_message_stream("Use get_weather please")
        result = types.Part.from_function_response(name="get_weather", response={"output": "sunny"})
        text = chat.send_message(result).text
        models = [model.name for model in google.models.list()]
        count = google.models.count_tokens(model="gemini-3-pro-preview", contents="12345678").total_tokens
        google.close()
        return last.candidates[0].finish_reason, text, models, count

    finish, text, models, count = await asyncio.to_thread(converse)
    assert finish is types.FinishReason.STOP
    assert text == "Hello from google (gemini-3-pro-preview), simulated. The tool said: sunny"
    assert "models/gemini-2.5-flash" in models
    assert count == 3
    prefix = f"/{version or 'v1'}/models"
    assert all(call.path.startswith(prefix) for call in sandbox.requests("google"))


@pytest.mark.parametrize("status, error", [(429, errors.ClientError), (503, errors.ServerError)])
async def test_the_sdk_raises_its_own_error(sandbox, status, error):
    await sandbox.set_fault("google", Fault("status", status=status))

    def ask():
        google = client(sandbox, "v1beta")
        try:
            google.models.generate_content(model="m", contents="hi")
        finally:
            google.close()

    with pytest.raises(error) as caught:
        await asyncio.to_thread(ask)
    assert caught.value.code == status and caught.value.status in ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


@pytest.mark.parametrize(
    "more",
    [{}, {"generationConfig": {"maxOutputTokens": 3}}, {"contents": ASKS_WEATHER, "tools": [WEATHER]}],
)
def test_responses_match_geminis_types(more):
    body = {"contents": USER, **more}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for one in [response_json(body), *frames(body)]:
            types.GenerateContentResponse.model_validate(one)
            assert {"candidates", "usageMetadata", "modelVersion", "responseId"} == set(one)


def test_every_event_is_a_response_and_only_the_last_has_a_finish_reason():
    *pieces, last = frames({"contents": USER})
    text = "".join(one["candidates"][0]["content"]["parts"][0]["text"] for one in pieces)
    expected = response_json({"contents": USER})
    assert [text] == [part["text"] for part in expected["candidates"][0]["content"]["parts"]]
    assert not any("finishReason" in one["candidates"][0] for one in pieces) and len(pieces) > 2
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"] == expected["usageMetadata"]
    assert last["usageMetadata"]["totalTokenCount"] > pieces[0]["usageMetadata"]["totalTokenCount"]


def test_without_alt_sse_a_stream_is_one_json_array():
    got = reply({"contents": USER}, "streamGenerateContent")
    assert got.headers["content-type"] != EVENT_STREAM
    assert json.loads(b"".join(got.frames)) == frames({"contents": USER})


@pytest.mark.parametrize("model, has_id", [("gemini-2.5-flash", False), ("gemini-3-flash-preview", True)])
def test_from_gemini_3_on_calls_have_ids_and_the_first_is_signed(model, has_id):
    tools = [{"functionDeclarations": [*WEATHER["functionDeclarations"], {"name": "get_time"}]}]
    body = {"contents": [{"parts": [{"text": "get_weather get_time"}]}], "tools": tools}
    first, second = response_json(body, model=model)["candidates"][0]["content"]["parts"]
    assert first["functionCall"]["args"] == {"city": "example"} and second["functionCall"]["args"] == {}
    assert ("thoughtSignature" in first, "thoughtSignature" in second) == (True, False)
    assert ("id" in first["functionCall"], "id" in second["functionCall"]) == (has_id, has_id)


def test_max_tokens_truncates_the_text():
    got = response_json({"contents": USER, "generationConfig": {"maxOutputTokens": 3}})
    [candidate] = got["candidates"]
    assert (candidate["finishReason"], candidate["content"]["parts"]) == ("MAX_TOKENS", [{"text": "Hello from g"}])
    assert got["usageMetadata"]["candidatesTokenCount"] == 3


def test_older_models_return_several_candidates():
    got = response_json({"contents": USER, "generationConfig": {"candidateCount": 2}}, model="gemini-2.5-flash")
    assert [one["index"] for one in got["candidates"]] == [0, 1]


def test_count_tokens_accepts_a_generate_content_request():
    counted = response_json(
        {"generateContentRequest": {"contents": USER, "systemInstruction": USER[0]}}, method="countTokens"
    )
    assert counted["totalTokens"] > response_json({"contents": USER}, method="countTokens")["totalTokens"]


def test_a_429_has_its_retry_delay_in_the_body():
    call = Call("google", "POST", "/", {}, b"", window=RateLimitWindow(resets_in_s=46.3))
    got = SIMULATION.render_error(call, SimulatedError(429))
    error = json.loads(got.frames[0])["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in error["details"]}
    assert details["RetryInfo"]["retryDelay"] == "46.3s"
    assert "PerMinute" in details["QuotaFailure"]["violations"][0]["quotaId"]
    assert "retry-after" not in got.headers


@pytest.mark.parametrize(
    "status, name",
    [(400, "INVALID_ARGUMENT"), (403, "PERMISSION_DENIED"), (422, "FAILED_PRECONDITION"), (502, "UNKNOWN")],
)
def test_errors_have_googles_envelope(status, name):
    error = json.loads(SIMULATION.render_error(Call("g", "GET", "/", {}, b""), SimulatedError(status)).frames[0])[
        "error"
    ]
    assert (error["code"], error["status"], bool(error["message"])) == (status, name, True)
    assert "details" not in error


@pytest.mark.parametrize("headers, query", [(KEY, {}), ({}, {"key": "k"}), ({"Authorization": "Bearer k"}, {})])
def test_the_key_is_accepted_in_three_places(headers, query):
    assert handle(Call("google", "GET", "/v1beta/models", headers, b"", query)).status == 200


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/v1/models", {}, 403),
        ("GET", "/v1/models/gemini-2.5-pro", KEY, 200),
        ("GET", "/v1/models/gemini-0", KEY, 404),
        ("GET", "/v2/models", KEY, 404),
        ("POST", "/v1/models", KEY, 404),
        ("POST", "/v1/models/m:sing", KEY, 404),
        ("GET", "/v1/models/m:generateContent", KEY, 404),
        ("POST", "/v1/chat/completions", KEY, 404),
    ],
)
def test_key_and_path_are_checked(method, path, headers, status):
    call = Call("google", method, path, headers, json.dumps({"contents": USER}).encode())
    if status == 200:
        assert handle(call).status == 200
        return
    with pytest.raises(SimulatedError) as caught:
        handle(call)
    assert caught.value.status == status
