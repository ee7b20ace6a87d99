// The tables of docs/operations/settings.md, made from what the services declare.

/** docs/tracing.md describes the variables of the OpenTelemetry specification. */
const isOpenTelemetry = ({ name }) => name.startsWith('OTEL_');

const services = ['api', 'worker', 'builder'];
/** `<!-- settings: api, worker -->` begins the table of the settings that exactly these services share. */
const table = /(<!-- settings: ([a-z, ]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Returns the page with its tables filled from `declared`: the settings by service. Throws for a setting without a description or a table. */
export function settingsPage(page, declared) {
  const groups = groupsOf(declared);
  const filled = page.replace(table, (_whole, begin, names, end) => {
    const rows = groups.get(names.split(', ').join());
    groups.delete(names.split(', ').join());
    const head = '| variable | default | meaning |\n|---|---|---|\n';
    return `${begin}\n${head}${rows?.join('\n') ?? ''}\n\n${end}`;
  });
  const [left] = groups.keys();
  if (left !== undefined)
    throw new Error(`docs/operations/settings.md has no table of settings for: ${left}`);
  return filled;
}

/** Returns the rows by their services. A setting that means different things in two services has two rows. */
function groupsOf(declared) {
  const settings = new Map();
  for (const service of services) {
    for (const setting of declared[service]) {
      if (isOpenTelemetry(setting)) continue;
      if (setting.doc === undefined) throw new Error(`the setting ${setting.name} has no description`);
      const key = `${setting.name} ${setting.doc}`;
      settings.set(key, new Map(settings.get(key)).set(service, setting));
    }
  }
  const groups = new Map();
  for (const readers of settings.values()) {
    const [{ name, doc }] = readers.values();
    const names = [...readers.keys()].join();
    const row = `| \`${name}\` | ${defaultOf(readers)} | ${doc} |`;
    groups.set(names, [...(groups.get(names) ?? []), row]);
  }
  return groups;
}

function defaultOf(readers) {
  const shown = [...readers].map(([service, setting]) => [service, shownDefault(setting)]);
  if (new Set(shown.map(([, text]) => text)).size === 1) return shown[0][1];
  return shown.map(([service, text]) => `${service} ${text}`).join(', ');
}

function shownDefault({ name, shownDefault, required, default: value }) {
  if (shownDefault !== undefined) return shownDefault;
  if (value === undefined) return required ? 'required' : 'none';
  if (typeof value !== 'number') return `\`${value}\``;
  if (/_BYTES$/.test(name))
    return (
      inUnits(value, [
        [2 ** 30, 'GiB'],
        [2 ** 20, 'MiB'],
      ]) ?? String(value)
    );
  const time =
    /_MS$/.test(name) &&
    inUnits(value, [
      [86_400_000, 'd'],
      [3_600_000, 'h'],
      [60_000, 'min'],
    ]);
  return time ? `${value} (${time})` : String(value);
}

function inUnits(value, units) {
  const unit = value > 0 && units.find(([size]) => value % size === 0);
  return unit ? `${value / unit[0]} ${unit[1]}` : undefined;
}
