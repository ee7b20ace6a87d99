import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup/commands.mjs';

const deploy = join(root, 'deploy');
const chart = join(deploy, 'helm', 'slipway', 'files');

/** Returns the files of `deploy` that the chart needs copies of, and the paths of the copies. */
export function chartFiles() {
  const dashboards = join(deploy, 'grafana', 'dashboards');
  const rules = ['rules.yml', 'alerts.yml'].map((name) => ({
    source: join(deploy, 'prometheus', name),
    target: join(chart, 'prometheus', name),
  }));
  const panels = readdirSync(dashboards).map((name) => ({
    source: join(dashboards, name),
    target: join(chart, 'dashboards', name),
  }));
  return [...rules, ...panels];
}
