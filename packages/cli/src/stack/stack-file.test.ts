// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts contain references to the environment
import { describe, expect, test } from 'vitest';
import { parseStack, parseTemplateFile } from './stack-file.js';

const provider = 'provider:\n  name: openfaas\n  gateway: http://127.0.0.1:8080\n';
const parse = (text: string, { env = {}, envsubst = true } = {}) =>
  parseStack({ text, file: 'stack.yaml', env, envsubst });
const fn = (fields: string) =>
  `${provider}functions:\n  fn:\n    lang: node\n    handler: ./fn\n    image: fn\n${fields}`;

describe('a stack file', () => {
  test('is read with all fields that a build needs, in order', () => {
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
    const plain = {
      ...{ namespace: undefined, buildArgs: {}, buildOptions: [], platforms: [], buildSecrets: {} },
      own: { tags: [], options: {} },
    };
    expect(functions).toEqual([
      {
        ...{ name: 'second', namespace: 'dev', lang: 'dockerfile', handler: './second' },
        image: 'registry.example/second:7',
        platforms: ['linux/amd64', 'linux/arm64'],
        buildOptions: ['dev', 'native'],
        buildArgs: { GO_VERSION: '1.20', FLAG: 'true', EMPTY: '', QUOTED: 'null' },
        buildSecrets: { npmrc: './.npmrc' },
        own: plain.own,
      },
      { ...plain, name: 'first', lang: 'node', handler: './first', image: 'first' },
      { ...plain, name: 'third', lang: 'node', handler: './first', image: 'third' },
    ]);
  });

  test.each([
    ['linux', '"linux" must be os/arch'],
    ['amd64,linux/x86-64', 'must not name a platform twice: "amd64" and "linux/x86-64" are linux/amd64'],
  ])('with the platforms %s is refused, and names the function', (platforms, message) => {
    expect(() => parse(fn(`    platforms: ${platforms}\n`))).toThrow(
      new RegExp(`^stack\\.yaml: line 9: the function 'fn': platforms ${message}`),
    );
  });

  test('keeps its references with --no-envsubst', () => {
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
  ])('%j is refused with the reason', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('the slipway map of a function', () => {
  const own = (fields: string) => parse(fn(`    slipway: ${fields}\n`)).functions[0]?.own;

  test('has the options of docker build, and is ignored when it is empty', () => {
    const fields =
      '{ dockerfile: ./docker/prod, target: 1, tags: [1.20, r.example/x:2], image_labels: { a: 1.0, b: }, ' +
      'annotations: { c: true }, no_cache: yes, pull: true }';
    expect(own(fields)).toEqual({
      tags: ['1.20', 'r.example/x:2'],
      options: {
        ...{ dockerfile: 'docker/prod', target: '1', image_labels: { a: '1.0', b: '' } },
        ...{ annotations: { c: 'true' }, no_cache: true, pull: true },
      },
    });
    const empty = { tags: [], options: {} };
    expect(own('')).toEqual(empty);
    expect(own('{ no_cache: false, pull: , tags: [], image_labels: {}, target: ~ }')).toEqual(empty);
  });

  test('may be shared by an alias or a merge key', () => {
    const text = `${provider}functions:
  a: &a { lang: node, handler: ./a, image: a, slipway: &own { target: release, pull: true } }
  b: { <<: *a, image: b }
  c: { <<: *a, image: c, slipway: { <<: *own, target: debug } }
`;
    expect(parse(text).functions.map(({ own: { options } }) => options)).toEqual([
      { target: 'release', pull: true },
      { target: 'release', pull: true },
      { target: 'debug', pull: true },
    ]);
  });

  test('leaves labels and annotations of the function to its deployment', () => {
    const text = fn('    labels: { a: b }\n    annotations: { c: d }\n');
    expect(parse(text).functions[0]?.own.options).toEqual({});
  });

  test.each([
    ['release', 'slipway must be a map'],
    ['[target]', 'slipway must be a map'],
    ['{ Target: a }', 'slipway.Target is not known: it may be dockerfile, target, tags, '],
    ['{ labels: { a: b } }', 'slipway.labels is not known: .*image_labels'],
    ['{ target: a b }', 'slipway.target cannot be used: "a b" must be the name of a stage'],
    ['{ target: [a] }', 'slipway.target is a list, and must be a text'],
    ['{ dockerfile: ../x }', 'slipway.dockerfile cannot be used: "../x" must be a path inside'],
    ['{ dockerfile: "" }', 'slipway.dockerfile cannot be used: "" must be a path inside'],
    ['{ tags: latest }', 'slipway.tags must be a list'],
    ['{ tags: [{ a: b }] }', 'slipway.tags must be a list of texts'],
    ['{ tags: [Foo/Bar] }', 'slipway.tags cannot be used: "Foo/Bar" is not an image reference'],
    [
      '{ tags: [r.example/a, r.example/a:latest] }',
      'slipway.tags cannot be used: must not name an image twice',
    ],
    ['{ image_labels: [a=b] }', 'slipway.image_labels must be a map'],
    ['{ image_labels: { a: [b] } }', 'slipway.image_labels.a must be a text'],
    ['{ image_labels: { "-a": b } }', 'slipway.image_labels cannot be used: the name "-a" must be letters'],
    [
      '{ annotations: { Upper: b } }',
      'slipway.annotations cannot be used: the name "Upper" must be lower-case',
    ],
    [
      '{ annotations: { a: "\\t" } }',
      String.raw`slipway.annotations cannot be used: a: "\\t" must not hold control`,
    ],
    ['{ no_cache: never }', 'slipway.no_cache is "never", and must be true or false'],
    ['{ pull: [true] }', 'slipway.pull is a list, and must be a text'],
  ])('with %s is refused by function and line', (fields, message) => {
    expect(() => own(fields)).toThrow(new RegExp(`^stack\\.yaml: line 9: the function 'fn': ${message}`));
  });

  test('is refused at the line of the field that is wrong', () => {
    const text = fn('    slipway:\n      target: a\n      image_labels:\n        a: b\n        c: [d]\n');
    expect(() => parse(text)).toThrow(
      /^stack\.yaml: line 13: the function 'fn': slipway\.image_labels\.c must/,
    );
  });

  test.each([
    'dockerfile: x',
    'target: x',
    'tags: [x]',
    'image_labels: { a: b }',
    'no_cache: true',
    'pull: true',
  ])('is where %s belongs', (field) => {
    const name = field.split(':')[0];
    expect(() => parse(fn(`    ${field}\n`))).toThrow(
      `stack.yaml: line 9: the function 'fn': ${name} belongs in the map \`slipway\` of the function`,
    );
  });
});

test.each([
  ['build_options: dev', 'build_options must be a list'],
  ['build_options: { dev: true }', 'build_options must be a list'],
  ['build_options: [[dev]]', 'build_options must be a list of texts'],
  ['build_args: [A=1]', 'build_args must be a map'],
  ['build_args: { A: { B: 1 } }', 'build_args.A must be a text'],
  ['build_secrets: npmrc', 'build_secrets must be a map'],
  ['platforms: [linux/amd64]', 'platforms is a list, and must be a text'],
  ['namespace: [dev]', 'namespace is a list, and must be a text'],
  ['skip_build: maybe', 'skip_build is "maybe", and must be true or false'],
])('%s, which faas-cli refuses too, is refused', (field, message) => {
  expect(() => parse(fn(`    ${field}\n`))).toThrow(`stack.yaml: line 9: the function 'fn': ${message}`);
});

test.each([
  ['functions: [a]', 'stack.yaml: line 4: functions must be a map'],
  ['functions: { fn: text }', "stack.yaml: the function 'fn': must be a map"],
  ['configuration: { copy: common }', 'stack.yaml: line 4: configuration.copy must be a list'],
])('%s is refused', (text, message) => {
  expect(() => parse(`${provider}${text}\n`)).toThrow(message);
});

test('a template names its handler folder and the packages of its build options', () => {
  const template = (text: string) => parseTemplateFile({ text, file: 'template.yml' });
  expect(template('language: x\n')).toEqual({ handlerFolder: 'function', buildOptions: new Map() });
  const options =
    'build_options:\n  - name: dev\n    packages: [make, "gcc"]\n  - name: dev\n    packages: [no]\n';
  expect(template(`handler_folder: a/b\n${options}`)).toEqual({
    handlerFolder: 'a/b',
    buildOptions: new Map([['dev', ['make', 'gcc']]]),
  });
});
