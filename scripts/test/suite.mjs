import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { environment, root } from '../setup/commands.mjs';

/** Where the report of each suite is written. */
export const reports = join(root, '.cache', 'test');

/**
 * Runs the given projects of one vitest configuration, or all of it, and reads its report.
 * Returns the number of passed tests, and what failed, was skipped or is still to do, by name.
 * A file that cannot be loaded, and a run that breaks outside any test, count as failed.
 * `output`: where vitest writes, as in `stdio` of a child process. `wrapper`: a command that runs the command after it. `onStart` receives the child process.
 */
export async function runSuite({
  name,
  config,
  projects = [],
  marker,
  output = 'inherit',
  wrapper = [],
  onStart,
}) {
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const [command, ...args] = [
    ...[...wrapper, process.execPath, join(root, 'node_modules', 'vitest', 'vitest.mjs')],
    ...['run', '--config', config, ...projects.map((project) => `--project=${project}`)],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
  ];
  const vitest = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', output, output],
    env: environment(marker),
  });
  onStart?.(vitest);
  const [code, signal] = await once(vitest, 'exit');
  if (!existsSync(report)) {
    return {
      name,
      passed: 0,
      failed: [`${name}: vitest ended with ${signal ?? code} and no report`],
      left: [],
    };
  }
  const result = readReport(JSON.parse(readFileSync(report, 'utf8')));
  if (code !== 0 && result.failed.length === 0) {
    result.failed.push(`${name}: vitest ended with ${signal ?? code}, outside any test`);
  }
  return { name, ...result };
}

/** Returns the first line of the first message, shortened, with a colon before it; empty without a message. */
function reasonOf([message = ''] = []) {
  const [line] = message.split('\n', 1);
  return line === '' ? '' : `: ${line.slice(0, 300)}`;
}

function readReport({ testResults }) {
  const failed = [];
  const left = [];
  let passed = 0;
  for (const { name: path, status: fileStatus, assertionResults } of testResults) {
    const file = relative(root, path);
    if (fileStatus === 'failed' && !assertionResults.some(({ status }) => status === 'failed'))
      failed.push(file);
    for (const { fullName, status, failureMessages } of assertionResults) {
      const test = `${file}: ${fullName.replace(/\s+/g, ' ')}`;
      if (status === 'passed') passed++;
      else if (status === 'failed') failed.push(`${test}${reasonOf(failureMessages)}`);
      else left.push(`${test} (${status})`);
    }
  }
  return { passed, failed, left };
}
