import { once } from 'node:events';
import { createServer } from 'node:http';
import { pnpm } from './pnpm.mjs';

/**
 * The advisories that hold for the installed versions, as pnpm matches them, or `{unasked: why}` where the registry does not answer.
 * `registry`: undefined for the one that is configured.
 */
export async function audit({ root, registry }) {
  const { code, stdout, stderr } = await pnpm({
    cwd: root,
    args: ['audit', '--json', ...(registry === undefined ? [] : [`--registry=${registry}`])],
  });
  const report = code === 0 || code === 1 ? parseReport(stdout) : undefined;
  if (report === undefined) return { unasked: shortened(stderr || stdout) };
  return {
    findings: Object.values(report.advisories).map((advisory) => ({
      advisory: advisory.github_advisory_id ?? String(advisory.id),
      package: advisory.module_name,
      versions: advisory.findings.map(({ version }) => version),
      severity: advisory.severity,
      title: advisory.title,
    })),
  };
}

/** The same against advisories that are given: package → those of the registry's bulk endpoint. */
export async function auditOffline({ root, advisories }) {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.method === 'POST' ? advisories : {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await audit({ root, registry: `http://127.0.0.1:${server.address().port}/` });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/**
 * Returns the findings without an exception, and the faults of the exceptions. `today`: YYYY-MM-DD.
 * `isComplete`: whether all advisories were asked for, so that an exception without a finding is one too many.
 */
export function auditProblems({ findings, exceptions, today, isComplete }) {
  const problems = [];
  const used = new Set();
  for (const exception of exceptions) {
    const name = `the exception for ${exception.advisory} of ${exception.package}`;
    const missing = ['advisory', 'package', 'why', 'until'].filter((field) => !exception[field]);
    if (missing.length > 0) problems.push(`${name} does not say: ${missing.join(', ')}`);
    else if (!isDate(exception.until))
      problems.push(`${name} ends on '${exception.until}', which is no date`);
    else if (exception.until < today) problems.push(`${name} ended on ${exception.until}`);
  }
  for (const { advisory, package: name, versions, severity, title } of findings) {
    const exception = exceptions.find((each) => each.advisory === advisory && each.package === name);
    if (exception) used.add(exception);
    else problems.push(`${name} ${versions.join(', ')}: ${severity}: ${title} (${advisory})`);
  }
  for (const exception of isComplete ? exceptions : [])
    if (!used.has(exception))
      problems.push(`the exception for ${exception.advisory} of ${exception.package} excepts nothing`);
  return problems;
}

function parseReport(text) {
  try {
    const report = JSON.parse(text);
    return typeof report.advisories === 'object' ? report : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const isDate = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

/** Returns the text of an error that pnpm prints as a box, without addresses, which do not belong in logs. */
function shortened(text) {
  const start = Math.max(text.indexOf('ERR_PNPM'), text.indexOf('×'), 0);
  const words = text
    .slice(start)
    .replace(/[│├╰─▶×]/g, ' ')
    .replace(/\(at [^)]*\)/g, '')
    .replace(/\s+/g, ' ');
  return words
    .trim()
    .replace(/https?:\/\/\S*/g, '…')
    .slice(0, 200);
}
