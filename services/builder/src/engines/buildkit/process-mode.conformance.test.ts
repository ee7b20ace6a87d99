import { temporaryFolder } from '@slipway/local';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isTested, openEngine } from '../../testing/engines.js';

describe.runIf(isTested('buildkit'))('BuildKit', () => {
  test.each([
    ['with a process sandbox', false, 'buildkit'],
    ['without a process sandbox', true, 'buildkit-no-sandbox'],
  ])('%s reports so once it is checked', async (_what, noProcessSandbox, reported) => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const { engine, close } = await openEngine({
      ...{ name: 'buildkit', dir: folder.path, insecureRegistries: [], noProcessSandbox },
    });
    onTestFinished(close);
    expect(engine.reported).toBeUndefined();
    await engine.check();
    expect(engine.reported).toBe(reported);
  });
});
