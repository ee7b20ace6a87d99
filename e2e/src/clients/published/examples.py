"""Sends a packed payload, and reports its end by the rules of published Python clients.

`example` is the Python example of the Function Builder API; `sdk` is the Python SDK, whose caller sees an exception or a result.
"""

import hashlib
import hmac
import json
import sys

import requests


def post(url, tar_path, secret_path):
    with open(tar_path, "rb") as tar, open(secret_path, "rb") as secret:
        body, key = tar.read(), secret.read().strip()
    digest = hmac.new(key, body, hashlib.sha256).hexdigest()
    headers = {"X-Build-Signature": f"sha256={digest}", "Content-Type": "application/octet-stream"}
    return requests.post(f"{url.rstrip('/')}/build", data=body, headers=headers)


def example(answer):
    """Always reads the body as JSON; only 200 is a success."""
    content = answer.json()
    if answer.status_code != 200:
        return {"ok": False, "said": content["status"]}
    return {"ok": True, "said": content["image"]}


def sdk(answer):
    """Raises for any status except 2xx; otherwise returns the result."""
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        return {"ok": False, "said": str(error)}
    return {"ok": True, "said": answer.json()["status"]}


def main():
    rule, url, tar_path, secret_path = sys.argv[1:]
    print(json.dumps({"example": example, "sdk": sdk}[rule](post(url, tar_path, secret_path))))


if __name__ == "__main__":
    main()
