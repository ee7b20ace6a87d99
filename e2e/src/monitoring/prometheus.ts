import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool, freePort, type ProcessHandle, startProcess } from '@slipway/local';
import { parse } from 'yaml';

export const monitoring = fileURLToPath(new URL('../../../deploy/prometheus', import.meta.url));

/** True where promtool is installed, and always in CI. */
export const canUsePrometheus = Boolean(process.env.CI) || findTool('promtool') !== undefined;

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export async function readRules(file: 'rules.yml' | 'alerts.yml'): Promise<Rule[]> {
  const { groups } = parse(await readFile(join(monitoring, file), 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

interface ScrapeConfig {
  readonly job_name: string;
  readonly dns_sd_configs: readonly { readonly names: readonly string[]; readonly port: number }[];
}

export interface PrometheusConfig {
  readonly global: Readonly<Record<string, string>>;
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly ScrapeConfig[];
}

export async function readConfig(): Promise<PrometheusConfig> {
  return parse(await readFile(join(monitoring, 'prometheus.yml'), 'utf8')) as PrometheusConfig;
}

interface StartOptions {
  readonly folder: string;
  /** The targets (`host:port`), by the name of the scrape job. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

export interface Prometheus extends ProcessHandle {
  /** Resolves to the current value of an expression. Rejects when the expression is invalid. */
  query(expression: string): Promise<Sample[]>;
}

/** A real Prometheus with the configuration and rules of deploy/prometheus, except for its targets. It scrapes every second instead of every 15. */
export async function startPrometheus({ folder, targets }: StartOptions): Promise<Prometheus> {
  const { rule_files, scrape_configs } = await readConfig();
  const config = join(folder, 'prometheus.yml');
  const settings = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rule_files.map((file) => join(monitoring, file)),
    scrape_configs: scrape_configs.map(({ job_name }) => ({
      job_name,
      static_configs: [{ targets: targets[job_name] }],
    })),
  };
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const handle = await startProcess({
    name: 'prometheus',
    command: 'prometheus',
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=${address}`,
    ],
    ready: async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true,
  });
  return {
    ...handle,
    async query(expression) {
      const answer = await fetch(`${url}/api/v1/query`, {
        method: 'POST',
        body: new URLSearchParams({ query: expression }),
      });
      const { status, data, error } = (await answer.json()) as {
        status: string;
        data?: { result: Sample[] };
        error?: string;
      };
      if (status !== 'success' || !data) throw new Error(`${expression}: ${error}`);
      return data.result;
    },
  };
}
