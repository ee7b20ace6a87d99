/** Returns the page of error codes from the table that the services use. */
export function errorsPage({ errorCodes, errorRow }) {
  const rows = errorCodes.map((code) => {
    const { status, fault, retry, title, remedy } = errorRow(code);
    return `| \`${code}\` | ${status} | ${fault} | ${retry.replace('_', ' ')} | ${title}. | ${remedy} |`;
  });
  return `# Error codes

Made by \`pnpm generate\` from \`packages/shared/src/errors/codes\`. Codes are never reused.

Over HTTP an error is \`application/problem+json\` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with the members \`type\` (\`urn:slipway:error:<code>\`),
\`title\`, \`status\`, \`code\`, \`detail\` and \`remedy\`. Where a request did not fit its schema, \`errors\` has the JSON Pointer and message of each field. A job has its
code in \`error.code\`, and the code of each attempt in \`attempts[].outcome\`.

*fault* names who can act. *retry* is the rule for a job whose attempt ended with the code:

- **never**: the job fails.
- **backoff**: the job runs again after a delay and spends an attempt. **long backoff** waits for minutes.
- **replace**: the worker tries another replica, or the job goes back to the queue. It spends no attempt.

| code | HTTP | fault | retry | meaning | remedy |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}
