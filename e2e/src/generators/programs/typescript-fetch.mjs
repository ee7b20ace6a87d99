// Builds an image with the client that openapi-generator generates for TypeScript.
// Arguments: the compiled client, URL, token, image, archive.
import { readFile } from 'node:fs/promises';

const [client, basePath, accessToken, image, archive] = process.argv.slice(2);
const { Configuration, JobsApi, ResponseError, SourcesApi } = (await import(client)).default;
const configuration = new Configuration({ basePath, accessToken });
const jobs = new JobsApi(configuration);
const body = new Blob([await readFile(archive)]);
const source = await new SourcesApi(configuration).uploadSource({ body });
let job = await jobs.submitJob({ jobRequest: { image, source: { digest: source.digest } } });
while (job.state === 'queued' || job.state === 'running') job = await jobs.getJob({ id: job.id, wait: 30 });
const log = await jobs.getJobLogs({ id: job.id });
const refused = await jobs.getJob({ id: `job_${'0'.repeat(26)}` }).catch((error) => error);
if (!(refused instanceof ResponseError)) throw new Error('a job that does not exist was found');
const { code: problem } = await refused.response.json();
process.stdout.write(
  JSON.stringify({
    source: source.digest,
    job: job.id,
    state: job.state,
    digest: job.result.digest,
    log,
    problem,
  }),
);
