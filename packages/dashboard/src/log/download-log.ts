/** Lets the browser save the log as text. The token goes in a header, so that no URL contains it. Rejects when the log cannot be read. */
export async function downloadLog({ jobId, token }: { jobId: string; token: string }): Promise<void> {
  const answer = await fetch(`/v1/jobs/${encodeURIComponent(jobId)}/logs?follow=0`, {
    headers: { Authorization: `Bearer ${token}`, Accept: 'text/plain' },
  });
  if (!answer.ok) throw new Error(`The log could not be read: the API answered ${answer.status}.`);
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = `${jobId}.log`;
  link.click();
  URL.revokeObjectURL(url);
}
