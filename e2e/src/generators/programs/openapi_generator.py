"""Builds an image with the Python client that openapi-generator generates. Arguments: URL, token, image, archive."""

import json
import sys

from openapi_client import (
    ApiClient,
    Configuration,
    JobRequest,
    JobsApi,
    JobSource,
    SourcesApi,
    UploadedSource,
)
from openapi_client.exceptions import NotFoundException

url, token, image, archive = sys.argv[1:]
with ApiClient(Configuration(host=url, access_token=token)) as client:
    jobs = JobsApi(client)
    with open(archive, "rb") as body:
        source = SourcesApi(client).upload_source(body.read())
    job = jobs.submit_job(
        JobRequest(image=image, source=JobSource(UploadedSource(digest=source.digest)))
    )
    while job.state in ("queued", "running"):
        job = jobs.get_job(job.id, wait=30)
    log = jobs.get_job_logs(job.id)
    try:
        jobs.get_job("job_" + "0" * 26)
    except NotFoundException as error:
        problem = error.data.code
    print(
        json.dumps(
            {
                "source": source.digest,
                "job": job.id,
                "state": job.state,
                "digest": job.result.digest,
                "log": log,
                "problem": problem,
            }
        )
    )
