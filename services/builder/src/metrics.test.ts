import { measureCertificates, measureProcess } from '@slipway/shared/metrics';
import { documentedMetrics, registeredMetrics } from '@slipway/shared/metrics/testing';
import { expect, it } from 'vitest';
import { createMetrics } from './metrics.js';

it('docs/metrics.md lists the metrics of a builder', () => {
  const { registry } = createMetrics({ inFlight: () => 0, limit: 4, engineUp: () => true });
  measureProcess({ registry });
  measureCertificates({ registry });
  expect(registeredMetrics(registry)).toEqual(documentedMetrics('builder'));
});
