/** The page of error codes, made from the table that the services use. */
export function errorsPage({ errorCodes, errorRow }) {
  const rows = errorCodes.map((code) => {
    const { status, fault, retry, title, remedy } = errorRow(code);
    return `| \`${code}\` | ${status} | ${fault} | ${retry.replace('_', ' ')} | ${title}. | ${remedy} |`;
  });
  return `# Error codes

Made by \`pnpm generate\` from \`packages/shared/src/errors/table.ts\`. Codes are never reused.

Over HTTP an error is \`application/problem+json\` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with the members \`type\`
(\`urn:slipway:error:<code>\`), \`title\`, \`status\`, \`code\`, \`detail\`, \`remedy\`, and \`errors\` (JSON Pointer and message of each field)
where a request did not fit its schema. On a job, \`error.code\` says why it failed and \`attempts[].outcome\` how each attempt ended.

*whose*: who can do something about it. *then*: what happens to an attempt that ends so: **never** tried again; **backoff**, tried again
after a delay, which spends one of the job's attempts; **long backoff**, the same with minutes between; **replace**, another replica is
tried at once, or the job goes back to the queue, and no attempt is spent.

| code | HTTP | whose | then | what it means | what to do |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

/** Returns the dashboard's text for each code. An API that is newer than the page may have other codes. */
export function errorWords({ errorCodes, errorRow }) {
  const rows = errorCodes.map((code) => {
    const { title, remedy } = errorRow(code);
    return `  ${code}: ${JSON.stringify({ title, remedy })},`;
  });
  return `// Made by \`pnpm generate\` from packages/shared/src/errors/table.ts.
export const errorWords: Readonly<Record<string, { readonly title: string; readonly remedy: string }>> = {
${rows.join('\n')}
};
`;
}
