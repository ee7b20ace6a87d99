// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts contain references to the environment
import { expect, test } from 'vitest';
import { SubstitutionError, substitute } from './substitute.js';

const env: Readonly<Record<string, string>> = {
  ...{ NAME: 'world', EMPTY: '', PATHY: 'a/b/c.tar.gz', REG: 'ttl.sh', UP: 'ABC', UML: 'Äpfel' },
};
const run = (text: string) => substitute(text, (name) => env[name]);

// Results of drone/envsubst 1.0.3, which faas-cli uses.
test.each(
  // biome-ignore format: a table
  [
    ['hello ${NAME}!', 'hello world!'], ['${NAME}${REG}', 'worldttl.sh'], ['${MISSING}x', 'x'], ['$NAME ${NAME}', '$NAME world'],
    ['$${NAME} $$ $', '${NAME} $ $'], ['a\\\\b \\/ \\n \\', 'a\\b / \\n \\'], ['{"a": "${NAME}"}', '{"a": "world"}'],
    ['image: ${REG:-docker.io}/${OWNER:-me}/fn:${TAG:-latest}', 'image: ttl.sh/me/fn:latest'],
    ['${MISSING:-def}', 'def'], ['${EMPTY:-def}', 'def'], ['${NAME:-def}', 'world'], ['${MISSING:-}', ''],
    ['${MISSING:-a${REG}b${NAME:-x}c}', 'attl.shbworldc'], ['${MISSING:-$${NAME}}', '$world'], ['${MISSING:-a:b}', 'a:b'],
    ['${MISSING:=d}', 'd'], ['${MISSING=d}', 'd'], ['${MISSING:?d}', 'd'], ['${MISSING:+d}', 'd'], ['${NAME:+d}', 'world'],
    ['${#NAME}', '5'], ['${#MISSING}', '0'], ['${#UML}', '6'],
    ['${NAME^}', 'World'], ['${NAME^^}', 'WORLD'], ['${UP,}', 'aBC'], ['${UP,,}', 'abc'], ['${UML,,}', 'äpfel'],
    ['${NAME:1}', 'orld'], ['${NAME:1:3}', 'orl'], ['${NAME: -3}', 'world'], ['${NAME:9}', ''], ['${NAME:1:99}', 'orld'], ['${NAME:x}', 'world'],
    ['${PATHY#*/}', 'b/c.tar.gz'], ['${PATHY##*/}', 'c.tar.gz'], ['${PATHY%.*}', 'a/b/c.tar'], ['${PATHY%%.*}', 'a/b/c'],
    ['${PATHY#?/}', 'b/c.tar.gz'], ['${PATHY#[a-c]/}', 'b/c.tar.gz'], ['${PATHY#[^a]/}', 'a/b/c.tar.gz'], ['${EMPTY#x}', ''],
    ['${PATHY/a/X}', 'X/b/c.tar.gz'], ['${PATHY//\\//-}', 'a-b-c.tar.gz'], ['${PATHY//a/}', '/b/c.tr.gz'],
    ['${PATHY/#a/X}', 'X/b/c.tar.gz'], ['${PATHY/%gz/X}', 'a/b/c.tar.X'], ['${PATHY/#a/}', 'a/b/c.tar.gz'],
  ],
)('%j becomes %j', (text, wanted) => {
  expect(run(text)).toBe(wanted);
});

test.each([
  '${NAME',
  '${}',
  '${ NAME}',
  '${NAME }',
  '${MISSING-d}',
  '${NAME:-x',
  '${NAME.x}',
  '${PATHY/foo}',
  '${PATHY#}',
  '${NAME:1:-9}',
])('%j is refused', (text) => {
  expect(() => run(text)).toThrow(SubstitutionError);
});

test('the line is named', () => {
  expect(() => run('a\nb\n  image: ${NAME\n')).toThrow(/^line 3: /);
});
