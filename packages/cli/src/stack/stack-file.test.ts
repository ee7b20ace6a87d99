// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment look like that
import { describe, expect, test } from 'vitest';
import { parseStack, parseTemplateFile } from './stack-file.js';

const provider = 'provider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\n';
const parse = (text: string, { env = {}, envsubst = true } = {}) =>
  parseStack({ text, file: 'stack.yaml', env, envsubst });
const fn = (fields: string) =>
  `${provider}functions:\n  fn:\n    lang: node\n    handler: ./fn\n    image: fn\n${fields}`;

describe('a stack file', () => {
  test('is read with all that a build needs, in its order', () => {
    const { functions, skipped, copy, templates } = parse(
      `version: 1.0
${provider}configuration:
  copy: [common, ./shared]
  templates:
    - name: node
      source: https://example.com/templates
functions:
  second:
    lang: Dockerfile
    handler: ./second
    image: \${REGISTRY:-registry.example}/second:\${TAG}
    namespace: dev
    platforms: Linux/x86_64, aarch64
    build_options: [dev, native]
    build_args: { GO_VERSION: 1.20, FLAG: true, EMPTY: , QUOTED: "null" }
    build_secrets: { npmrc: ./.npmrc }
    environment: { ignored: 1 }
  first: &base
    lang: node
    handler: ./first
    image: first
  third:
    <<: *base
    image: third
  left: { skip_build: true }
`,
      { env: { TAG: '7' } },
    );
    expect(skipped).toEqual(['left']);
    expect(copy).toEqual(['common', './shared']);
    expect(templates).toEqual([{ name: 'node', source: 'https://example.com/templates' }]);
    const plain = { namespace: undefined, buildArgs: {}, buildOptions: [], platforms: [], buildSecrets: {} };
    expect(functions).toEqual([
      {
        ...{ name: 'second', namespace: 'dev', lang: 'dockerfile', handler: './second' },
        image: 'registry.example/second:7',
        platforms: ['linux/amd64', 'linux/arm64'],
        buildOptions: ['dev', 'native'],
        buildArgs: { GO_VERSION: '1.20', FLAG: 'true', EMPTY: '', QUOTED: 'null' },
        buildSecrets: { npmrc: './.npmrc' },
      },
      { ...plain, name: 'first', lang: 'node', handler: './first', image: 'first' },
      { ...plain, name: 'third', lang: 'node', handler: './first', image: 'third' },
    ]);
  });

  test.each([
    ['linux', '"linux" must be os/arch'],
    ['amd64,linux/x86-64', 'must not name a platform twice: "amd64" and "linux/x86-64" are linux/amd64'],
  ])('with the platforms %s is refused, and says whose they are', (platforms, message) => {
    expect(() => parse(fn(`    platforms: ${platforms}\n`))).toThrow(
      new RegExp(`^stack\\.yaml: the platforms of the function 'fn': .*${message}`),
    );
  });

  test('keeps its references when it is told to', () => {
    const text = fn('    build_args: { A: "${B}" }\n');
    expect(parse(text, { envsubst: false }).functions[0]?.buildArgs).toEqual({ A: '${B}' });
  });

  test.each([
    ['functions: {}', /provider\.name is '', and must be 'openfaas'/],
    ['provider: { name: faas }', /provider\.name is 'faas'/],
    [`version: 2.0\n${provider}`, /version is 2\.0, and must be 1\.0/],
    [`${provider}functions:\n  fn: { handler: ., image: x }`, /the function 'fn' has no lang/],
    [`${provider}functions:\n  fn: { lang: node, image: x }`, /the function 'fn' has no handler/],
    [`${provider}functions:\n  fn: { lang: node, handler: . }`, /the function 'fn' has no image/],
    [fn('    image: twice\n'), /stack\.yaml: Map keys must be unique/],
    [`${provider}functions: [`, /stack\.yaml: .*/],
    [fn('    build_args: { A: "${" }\n'), /stack\.yaml: line 9: .*--no-envsubst/],
  ])('%j is refused with why', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

test('a template says where handlers go and what its build options bring', () => {
  const template = (text: string) => parseTemplateFile({ text, file: 'template.yml' });
  expect(template('language: x\n')).toEqual({ handlerFolder: 'function', buildOptions: new Map() });
  const options =
    'build_options:\n  - name: dev\n    packages: [make, "gcc"]\n  - name: dev\n    packages: [no]\n';
  expect(template(`handler_folder: a/b\n${options}`)).toEqual({
    handlerFolder: 'a/b',
    buildOptions: new Map([['dev', ['make', 'gcc']]]),
  });
});
