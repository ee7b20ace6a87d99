import { describe, expect, test } from 'vitest';
import {
  chartFolder,
  helms,
  objectsOf,
  renderText,
  runHelm,
  valueArguments,
  valueFiles,
  withoutRandomValues,
} from './chart.js';

/** `npm run golden` writes the files in the folder `golden` again. Read the difference before you commit it. */
describe.each(valueFiles)('the chart with the values %s', (file) => {
  test('gives the manifests of the golden file', async () => {
    await expect(withoutRandomValues(await renderText({ file }))).toMatchFileSnapshot(`golden/${file}.yaml`);
  });

  test('gives the same objects with Helm 3 and Helm 4', async () => {
    const [three, four] = await Promise.all(
      helms.map(async (helm) => objectsOf(withoutRandomValues(await renderText({ helm, file })))),
    );
    const byName = (objects: typeof three = []) =>
      new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
    expect(byName(four)).toEqual(byName(three));
  });

  test.each(helms)('passes the strict linter of %s', async (helm) => {
    const output = await runHelm(['lint', '--strict', chartFolder, ...valueArguments({ file })], helm);
    expect(output).toContain('1 chart(s) linted, 0 chart(s) failed');
  });
});
