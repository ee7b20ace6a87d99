import { measureCertificates, measureProcess } from '@slipway/shared/metrics';
import { documentedMetrics, registeredMetrics } from '@slipway/shared/metrics/testing';
import { expect, it } from 'vitest';
import { createMetrics } from './metrics.js';

const none = { detached: 0, readers: 0, results: 0 };

it('docs/metrics.md lists the metrics of a builder', () => {
  const { registry } = createMetrics({
    inFlight: () => 0,
    limit: 4,
    engineUp: () => true,
    attachable: () => none,
  });
  measureProcess({ registry });
  measureCertificates({ registry });
  expect(registeredMetrics(registry)).toEqual(documentedMetrics('builder'));
});
