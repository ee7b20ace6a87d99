"""Builds an image with the client that openapi-python-client generates. Arguments: URL, token, image, archive."""

import json
import sys

import httpx
from slipway_client import AuthenticatedClient
from slipway_client.api.jobs import get_job, get_job_logs, submit_job
from slipway_client.api.sources import upload_source
from slipway_client.models import Job, JobRequest, Problem, UploadedSource
from slipway_client.types import File

url, token, image, archive = sys.argv[1:]
client = AuthenticatedClient(
    base_url=url, token=token, timeout=httpx.Timeout(60), raise_on_unexpected_status=True
)
with open(archive, "rb") as payload:
    source = upload_source.sync(client=client, body=File(payload=payload))
job = submit_job.sync(
    client=client, body=JobRequest(image=image, source=UploadedSource(digest=source.digest))
)
while isinstance(job, Job) and job.state in ("queued", "running"):
    job = get_job.sync(job.id, client=client, wait=30)
log = get_job_logs.sync(job.id, client=client)
problem = get_job.sync("job_" + "0" * 26, client=client)
assert isinstance(problem, Problem)
print(
    json.dumps(
        {
            "source": source.digest,
            "job": job.id,
            "state": job.state,
            "digest": job.result.digest,
            "log": log,
            "problem": problem.code,
        }
    )
)
