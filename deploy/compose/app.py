"""Stands for your application: asks a question every few seconds, of whatever OPENAI_BASE_URL leads to."""

import json
import os
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8090/v1") + "/chat/completions"
QUESTION = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say hello."}]}


def ask() -> str:
    """Return the answer and who gave it, or why there is none."""
    request = Request(URL, json.dumps(QUESTION).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=60) as response:
            body = json.load(response)
    except URLError as error:
        return f"no answer: {error}"
    return f"{body['provider']}: {body['choices'][0]['message']['content']}"


if __name__ == "__main__":
    while True:
        print(ask(), flush=True)
        time.sleep(5)
