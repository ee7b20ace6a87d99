"""Builds a function with tarfile, hmac and requests, and prints the answer as JSON."""

import argparse
import hashlib
import hmac
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import requests

CONFIG = "com.openfaas.docker.config"


def shrinkwrap(program, image, handler, lang):
    """Runs faas-cli, or a program with its flags, to lay the handler over its template at ./build/context."""
    command = [program, "build", "--shrinkwrap", "--name", "context"]
    command += ["--image", image, "--handler", handler, "--lang", lang]
    subprocess.run(command, check=True, stdout=sys.stderr)


def make_tar(config, folder, tar_path):
    config_path = folder / CONFIG
    config_path.write_text(json.dumps(config))
    with tarfile.open(tar_path, "w") as tar:
        tar.add(config_path, arcname=CONFIG)
        tar.add(folder / "context", arcname="context")


def call_builder(url, tar_path, secret_path):
    body = tar_path.read_bytes()
    secret = secret_path.read_bytes().strip()
    signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Build-Signature": f"sha256={signature}",
    }
    return requests.post(f"{url}/build", data=body, headers=headers)


def main():
    parser = argparse.ArgumentParser()
    for name in ("shrinkwrap", "url", "image", "handler", "lang", "payload"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    shrinkwrap(args.shrinkwrap, args.image, args.handler, args.lang)
    folder = Path("build")
    tar_path = folder / "req.tar"
    make_tar({"image": args.image}, folder, tar_path)
    answer = call_builder(args.url, tar_path, Path(args.payload))
    print(json.dumps({"status": answer.status_code, "body": answer.json()}))


if __name__ == "__main__":
    main()
