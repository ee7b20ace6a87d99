import { describe, expect, it } from 'vitest';
import { ConfigError, readEnv } from './fields.js';
import { tracingConfig } from './tracing.js';

const read = (env: Record<string, string>) => readEnv(env, tracingConfig);
const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example:4318/otlp/' };

describe('the tracing configuration', () => {
  it.each<Record<string, string>>([
    {},
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_SERVICE_NAME: 'something else on this machine' },
    { ...collector, OTEL_SDK_DISABLED: 'true' },
    { ...collector, OTEL_TRACES_EXPORTER: 'none', OTEL_TRACES_SAMPLER: 'whatever' },
  ])('is off with %j', (env) => {
    expect(read(env)).toBeUndefined();
  });

  it('uses the common endpoint with a suffix, or the endpoint for traces', () => {
    expect(read(collector)).toMatchObject({
      url: 'https://collector.example:4318/otlp/v1/traces',
      protocol: 'http/protobuf',
      sampler: 'parentbased_always_on',
      ratio: 1,
    });
    expect(read({ OTEL_TRACES_EXPORTER: 'otlp' })?.url).toBe('http://localhost:4318/v1/traces');
    const own = { ...collector, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces.example/x' };
    expect(read(own)?.url).toBe('http://traces.example/x');
  });

  it('reads names, headers and samplers as the specification says', () => {
    const config = read({
      ...collector,
      OTEL_SERVICE_NAME: 'builds',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%20b, team = x',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20abc%3D,x-scope=1',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
    expect(config).toMatchObject({
      serviceName: 'builds',
      resourceAttributes: { 'deployment.environment.name': 'a b', team: 'x' },
      protocol: 'http/json',
      sampler: 'parentbased_traceidratio',
      ratio: 0.25,
    });
    expect([...(config?.headers ?? [])].map(([name, value]) => [name, value.reveal()])).toEqual([
      ['Authorization', 'Bearer abc='],
      ['x-scope', '1'],
    ]);
    expect(JSON.stringify([...(config?.headers ?? [])])).not.toContain('abc');
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'ftp://collector'],
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'no pair'],
  ])('stops the start with %s=%s', (name, value) => {
    expect(() => read({ ...collector, [name]: value })).toThrow(new RegExp(`^.*\n  ${name} `));
  });

  it.each(['secret', 'x=%zz', 'x y=1', 'x=a%0d%0ab'])('never quotes invalid headers: %s', (value) => {
    expect(() => read({ ...collector, OTEL_EXPORTER_OTLP_HEADERS: value })).toThrow(ConfigError);
    expect(() => read({ ...collector, OTEL_EXPORTER_OTLP_HEADERS: value })).not.toThrow(value);
  });
});
