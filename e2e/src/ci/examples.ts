import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const exampleFile = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/ci/${name}`, import.meta.url));
const read = (name: string) => readFileSync(exampleFile(name), 'utf8');

type Variables = Readonly<Record<string, string>>;

/** A script of a pipeline, with the variables that the pipeline adds to its environment. */
export interface Step {
  readonly script: string;
  /** Variables, whose values may contain GitHub expressions. */
  readonly env: Variables;
  readonly id?: string;
}

interface Workflow {
  readonly env: Variables;
  readonly defaults: { readonly run: { readonly shell: string } };
  readonly jobs: Readonly<
    Record<string, { readonly env: Variables; readonly steps: readonly WorkflowStep[] }>
  >;
}
interface WorkflowStep {
  readonly id?: string;
  readonly run?: string;
  readonly env?: Variables;
}

/** The `run:` steps of a job of the workflow for GitHub Actions. */
export function githubSteps(job: string): Step[] {
  const workflow = parse(read('github-actions.yml')) as Workflow;
  // The test runner runs steps as `shell: bash` does.
  if (workflow.defaults.run.shell !== 'bash') throw new Error('the steps are not for bash');
  const found = workflow.jobs[job];
  if (!found) throw new Error(`there is no job ${job}`);
  return found.steps.flatMap(({ id, run, env }) =>
    run === undefined
      ? []
      : [{ script: run, env: { ...workflow.env, ...found.env, ...env }, ...(id !== undefined && { id }) }],
  );
}

/** The `script:` of a job for GitLab CI, which its runner runs in one shell. */
export function gitlabSteps(job: string): Step[] {
  const found = (parse(read('gitlab-ci.yml')) as Record<string, { script?: string[] }>)[job]?.script;
  if (!found) throw new Error(`there is no job ${job} with a script`);
  return [{ script: found.join('\n'), env: {} }];
}

/** The `sh` step of a stage of the Jenkinsfile. */
export function jenkinsSteps(stage: string): Step[] {
  const [, after] = read('Jenkinsfile').split(`stage('${stage}')`);
  const [, script] = /\bsh '''(#!\/bin\/bash\n.*?)'''/s.exec(after ?? '') ?? [];
  if (script === undefined) throw new Error(`there is no stage ${stage} with a script`);
  return [{ script, env: {} }];
}

/** Returns the value of a text with `${{ … }}` in it. Throws on an expression without a value. */
export function expand(text: string, values: Variables): string {
  return text.replace(/\$\{\{ *(.+?) *\}\}/g, (_, expression: string) => {
    const value = expression
      .split(' || ')
      .map((each) => values[each])
      .find((each) => each !== undefined && each !== '');
    if (value === undefined) throw new Error(`nothing says what ${expression} is`);
    return value;
  });
}
