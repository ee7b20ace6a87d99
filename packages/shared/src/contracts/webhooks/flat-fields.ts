import type { Message } from '../webhook-message.js';

/** Returns the fields of a message under one name each, for receivers without nested fields. Omits absent fields. */
export function flatFields(message: Message): Record<string, string | number> {
  const { type, timestamp, data } = message;
  const common = { type, timestamp, sequence: data.sequence, url: data.url };
  const own = ((): Record<string, string | number | undefined> => {
    if ('job' in data) {
      const { job, batch, vcs, digest, code, detail } = data;
      return {
        state: job.state,
        job_id: job.id,
        batch_id: batch,
        function: job.function,
        image: job.image,
        digest,
        code,
        detail,
        repo: vcs?.repo,
        sha: vcs?.sha,
      };
    }
    if ('batch' in data) {
      const { id, total, counts } = data.batch;
      const { succeeded, failed, canceled } = counts;
      return {
        state: succeeded === total ? 'succeeded' : 'failed',
        batch_id: id,
        total,
        succeeded,
        failed,
        canceled,
      };
    }
    if ('builder' in data) return { builder_id: data.builder.id, builder_url: data.builder.url };
    if ('base_image' in data) {
      const { reference, digest, previous_digest, functions, behind } = data.base_image;
      return { base_image: reference, digest, previous_digest, functions, behind };
    }
    return { webhook_id: data.webhook.id, reason: data.webhook.reason };
  })();
  return Object.fromEntries(
    Object.entries({ ...common, ...own }).filter(
      (entry): entry is [string, string | number] => entry[1] !== undefined,
    ),
  );
}
