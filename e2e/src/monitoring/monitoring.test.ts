import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Stack, startStack } from '../stack.js';
import {
  canUsePrometheus,
  monitoring,
  type Prometheus,
  readConfig,
  readRules,
  startPrometheus,
} from './prometheus.js';

const dashboards = join(monitoring, '..', 'grafana', 'dashboards');
const [runbook, metrics] = ['operations/alerts.md', 'metrics.md'].map((name) =>
  join(monitoring, '..', '..', 'docs', name),
) as [string, string];

interface Dashboard {
  readonly title: string;
  readonly panels: readonly {
    readonly title: string;
    readonly description?: string;
    readonly datasource: { readonly uid: string };
    readonly fieldConfig: { readonly defaults: { readonly unit?: string } };
    readonly targets: readonly {
      readonly expr: string;
      readonly legendFormat?: string;
      readonly datasource: { readonly uid: string };
    }[];
  }[];
}

async function readDashboards(): Promise<Dashboard[]> {
  const files = (await readdir(dashboards)).filter((file) => file.endsWith('.json'));
  return await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(join(dashboards, file), 'utf8')) as Dashboard),
  );
}

test('every alert has a severity, and docs/operations/alerts.md has its remedy', async () => {
  const alerts = await readRules('alerts.yml');
  const text = await readFile(runbook, 'utf8');
  const documented = [...text.matchAll(/^## (Slipway\w+)$/gm)].map(([, name]) => name);
  expect([...new Set(alerts.map(({ alert }) => alert))].toSorted()).toEqual(documented.toSorted());
  for (const { alert = '', labels, annotations } of alerts) {
    expect(labels?.severity).toMatch(/^(critical|warning)$/);
    expect(annotations?.summary, alert).toMatch(/^[A-Z].{10,90}[^.]$/);
    expect(annotations?.description, alert).toMatch(/\{\{ \$value .*\.$/);
    expect(annotations?.runbook_url).toBe(`docs/operations/alerts.md#${alert.toLowerCase()}`);
  }
});

test('rules, alerts and dashboards query only metrics that docs/metrics.md lists', async () => {
  const listed = new Set((await readFile(metrics, 'utf8')).match(/\bslipway_\w+/g));
  const rules = [...(await readRules('rules.yml')), ...(await readRules('alerts.yml'))];
  const recorded = new Set(rules.map(({ record }) => record));
  const panels = (await readDashboards()).flatMap((dashboard) => dashboard.panels);
  const expressions = [...rules, ...panels.flatMap(({ targets }) => targets)].map(({ expr }) => expr);
  const asked = expressions.flatMap((expr) => expr.match(/(?:\w+:)?\bslipway_\w+(?::\w+)?/g) ?? []);
  expect(asked.length).toBeGreaterThan(100);
  const nowhere = asked.filter(
    (name) =>
      !recorded.has(name) && !listed.has(name) && !listed.has(name.replace(/_(bucket|count|sum)$/, '')),
  );
  expect(nowhere).toEqual([]);
});

test('every panel has a description, a unit, and a legend for each line', async () => {
  for (const { title, panels } of await readDashboards()) {
    for (const { title: name, description, fieldConfig, targets } of panels) {
      const panel = `${title} / ${name}`;
      expect(description, panel).toMatch(/^[A-Z0-9].{10,}\.$/);
      expect(fieldConfig.defaults.unit, panel).toMatch(/^\w+$/);
      for (const { legendFormat } of targets) expect(legendFormat, panel).toMatch(/^(?!__auto)./);
    }
    expect(new Set(panels.map((panel) => panel.title)).size).toBe(panels.length);
  }
});

test('the description of a panel for one metric begins with the help in docs/metrics.md', async () => {
  const rows = (await readFile(metrics, 'utf8')).matchAll(/^\| `(slipway_\w+)` \|.*\| (.*?)(?:\. .*)? \|$/gm);
  const help = new Map([...rows].map(([, name = '', text = '']) => [name, text]));
  const recorded = new Map((await readRules('rules.yml')).map(({ record, expr }) => [record, expr]));
  const queried = (expr: string): string[] =>
    (expr.match(/(?:\w+:)?\bslipway_\w+(?::\w+)?/g) ?? []).flatMap((name) => {
      const rule = recorded.get(name);
      return rule === undefined ? [name.replace(/_(bucket|count|sum)$/, '')] : queried(rule);
    });
  let checked = 0;
  for (const { title, panels } of await readDashboards()) {
    for (const { title: name, description, targets } of panels) {
      const [only, ...more] = new Set(targets.flatMap(({ expr }) => queried(expr)));
      const text = only === undefined || more.length > 0 ? undefined : help.get(only);
      if (text === undefined) continue;
      checked++;
      expect(description?.slice(0, text.length + 1), `${title} / ${name}`).toBe(`${text}.`);
    }
  }
  expect(checked).toBeGreaterThan(40);
});

test('every panel queries the provisioned data source', async () => {
  const provisioned = await readFile(
    join(dashboards, '..', 'provisioning', 'datasources', 'prometheus.yml'),
    'utf8',
  );
  const [, uid] = /^ {4}uid: (\S+)$/m.exec(provisioned) ?? [];
  for (const { panels } of await readDashboards()) {
    const asked = panels.flatMap(({ datasource, targets }) => [
      datasource.uid,
      ...targets.map((target) => target.datasource.uid),
    ]);
    expect(new Set(asked)).toEqual(new Set([uid]));
  }
});

describe.runIf(canUsePrometheus)('Prometheus', () => {
  const promtool = (...args: string[]) => promisify(execFile)('promtool', args, { cwd: monitoring });

  test('accepts the configuration and the rules, and each alert fires when it should and no sooner', async () => {
    expect((await promtool('check', 'config', 'prometheus.yml')).stdout).toContain('2 rule files found');
    await promtool('test', 'rules', 'rules.test.yml', 'quiet.test.yml');
    const tested = await readFile(join(monitoring, 'rules.test.yml'), 'utf8');
    for (const { alert } of await readRules('alerts.yml')) expect(tested).toContain(`- name: ${alert}\n`);
  });

  describe('that scrapes a Slipway at work', () => {
    let stack: Stack;
    let prometheus: Prometheus;
    let closeReceiver: () => void;
    const stopping = new AbortController();
    let working: Promise<void>;

    beforeAll(async () => {
      stack = await startStack({ workers: 2, builders: 2 });
      const hostsOf = (pattern: RegExp) =>
        stack.parts.flatMap(({ name, address }) => (pattern.test(name) ? [new URL(address).host] : []));
      prometheus = await startPrometheus({
        folder: stack.folder,
        targets: {
          'slipway-api': hostsOf(/^api$/),
          'slipway-worker': hostsOf(/^worker \d$/),
          'slipway-builder': hostsOf(/^builder \d$/),
        },
      });
      const receiver = createServer((_req, res) => res.writeHead(204).end());
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
      closeReceiver = () => receiver.close();
      const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
      expect((await post('/v1/webhooks', { url: hook, events: ['job.succeeded'] })).status).toBe(201);
      working = work();
    });
    afterAll(async () => {
      stopping.abort();
      await working;
      closeReceiver();
      await prometheus.stop();
      await stack.stop();
    });

    const post = (path: string, json: object) =>
      stack.call(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(json),
      });

    /** Submits a few builds a second, every other with a user error, and requests that the API refuses. */
    async function work(): Promise<void> {
      for (let turn = 0; !stopping.signal.aborted; turn++) {
        const Dockerfile = `FROM scratch\nCOPY ${turn % 2 === 0 ? 'Dockerfile' : 'nothing'} /${turn}\n`;
        const image = `${stack.registry}/monitoring/function-${turn}:1`;
        await post('/v1/jobs', { image, source: { files: { Dockerfile } }, function: `function-${turn}` });
        await stack.call('/v1/jobs/no-such-job');
        // This pause awaits no event. It only limits the load on the machine.
        await sleep(500, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }

    /** Waits until every expression has a value. Names the expressions without one. */
    async function expectData(expressions: ReadonlyMap<string, string>): Promise<void> {
      const without = new Map(expressions);
      const ask = async () => {
        for (const [name, expression] of without) {
          const samples = await prometheus.query(expression);
          if (samples.some(({ value }) => value[1] !== 'NaN')) without.delete(name);
        }
        return [...without.keys()];
      };
      await expect.poll(ask, { timeout: 90_000, interval: 1_000 }).toEqual([]);
    }

    test('reaches every process', async () => {
      const jobs = (await readConfig()).scrape_configs.map(({ job_name }) => job_name);
      const upBy = async () =>
        (await prometheus.query('sum by (job) (up)'))
          .map(({ metric, value }) => [metric.job, value[1]])
          .sort();
      await expect.poll(upBy).toEqual(jobs.map((job) => [job, job === 'slipway-api' ? '1' : '2']).sort());
    });

    test('has data for every panel', async () => {
      const expressions = (await readDashboards()).flatMap(({ title, panels }) =>
        panels.flatMap((panel) =>
          panel.targets.map(
            ({ expr }, at) =>
              [`${title} / ${panel.title} / ${at}`, expr.replaceAll('$__rate_interval', '1m')] as const,
          ),
        ),
      );
      expect(expressions.length).toBeGreaterThan(50);
      await expectData(new Map(expressions));
    });

    test('has data for every rule, also for quiet alerts', async () => {
      // All registries are reachable here, so this metric has no series.
      const recorded = (await readRules('rules.yml'))
        .map(({ record = '' }) => [record, record] as const)
        .filter(([record]) => record !== 'registry:slipway_circuit_open:max');
      // A quiet alert has no data. With `bool`, its comparisons return 0 or 1.
      const alerts = (await readRules('alerts.yml'))
        // Nothing here has a certificate.
        .filter(({ alert = '' }) => !['SlipwayCertificateExpiring', 'SlipwayRegistryAway'].includes(alert))
        .map(
          ({ alert, labels, expr }) =>
            [`${alert} ${labels?.severity}`, expr.replaceAll(/ (==|<|>) /g, ' $1 bool ')] as const,
        );
      await expectData(new Map([...recorded, ...alerts]));
      expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);
    });

    test('agrees with the API about the fleet', async () => {
      const { builders } = (await (await stack.call('/v1/builders')).json()) as {
        builders: { url: string }[];
      };
      const replicas = await prometheus.query('replica:slipway_slots:max');
      expect(replicas.map(({ metric }) => metric.replica).sort()).toEqual(
        builders.map(({ url }) => url).sort(),
      );
      expect((await prometheus.query('slipway_workers:max'))[0]?.value[1]).toBe('2');
      const states = await prometheus.query('sum by (state) (slipway_jobs_ended_total)');
      expect(states.map(({ metric }) => metric.state).sort()).toEqual(['failed', 'succeeded']);
    });

    test('and the minute series count the same work', async () => {
      const stats = async () => {
        const answer = await stack.call('/v1/stats?minutes=5');
        const { pools, replicas } = (await answer.json()) as {
          pools: { points: Record<string, number>[] }[];
          replicas: { points: Record<string, number>[] }[];
        };
        const sum = (rows: typeof pools, what: string) =>
          rows.reduce(
            (all, { points }) => all + points.reduce((some, point) => some + (point[what] ?? 0), 0),
            0,
          );
        return [
          sum(pools, 'succeeded'),
          sum(pools, 'failed'),
          sum(pools, 'started'),
          sum(replicas, 'builds'),
        ];
      };
      await expect.poll(async () => (await stats()).every((count) => count > 1)).toBe(true);
    });
  });
});
