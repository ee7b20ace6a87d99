import type { Env } from '@slipway/shared/config';

/** A variable that the Helm chart of OpenFaaS' builder sets, and ours that means the same. */
interface ChartName {
  readonly chart: string;
  readonly own: string;
  /** Returns the value of Slipway's variable, or undefined if the chart's value adds nothing. Throws an Error for a bad value. */
  readonly translate: (value: string) => string | undefined;
}

const same = (value: string) => value;

const chartNames: readonly ChartName[] = [
  { chart: 'max_inflight', own: 'MAX_INFLIGHT', translate: same },
  { chart: 'disable_hmac', own: 'DISABLE_HMAC', translate: (value) => String(flag(value)) },
  { chart: 'buildkit_url', own: 'BUILDKIT_HOST', translate: same },
  { chart: 'build_secrets_private_key_path', own: 'BUILD_SECRETS_PRIVATE_KEY_FILE', translate: same },
  // The chart always sets it to false, which leaves the list as it is.
  { chart: 'insecure', own: 'INSECURE_REGISTRIES', translate: (value) => (flag(value) ? '*' : undefined) },
  // Owners in a payload are not looked at: BuildKit and buildah make every file of a context root's. So it says nothing here.
  { chart: 'enable_lchown', own: 'enable_lchown', translate: (value) => void flag(value) },
];

interface Translated {
  readonly env: Env;
  readonly problems: readonly string[];
  /** Returns a problem with a variable of Slipway in terms of the chart's variable that set it. */
  readonly reworded: (problem: string) => string;
}

/**
 * An environment in which what the chart's names say stands under ours. Where both are given they must agree: of two different
 * values one would be ignored in silence.
 */
export function withChartNames(env: Env): Translated {
  const translated: Record<string, string | undefined> = { ...env };
  const problems: string[] = [];
  const taken = new Map<string, string>();
  for (const { chart, own, translate } of chartNames) {
    const given = env[chart]?.trim();
    if (given === undefined || given === '') continue;
    try {
      const value = translate(given);
      const ours = own === chart ? '' : (env[own]?.trim() ?? '');
      if (value === undefined) continue;
      if (ours === '') {
        translated[own] = value;
        taken.set(own, chart);
      } else if (ours.toLowerCase() !== value.toLowerCase())
        problems.push(`${own} is '${ours}', but ${chart} is '${given}': give one of them, or the same twice`);
    } catch (error) {
      problems.push(`${chart} ${(error as Error).message}`);
    }
  }
  const reworded = (problem: string) => {
    const name = problem.split(' ', 1)[0] ?? '';
    return `${taken.get(name) ?? name}${problem.slice(name.length)}`;
  };
  return { env: translated, problems, reworded };
}

function flag(value: string): boolean {
  const text = value.toLowerCase();
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw new Error(`must be true or false, not '${value}'`);
}
