// Sends a packed payload, and reports its end by the rules of published Node.js clients: `example` is the example of the Function Builder
// API, whose HTTP client throws unless the status is 2xx; `editor` is the function editor, which checks `ok` of `fetch`.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [rule, url, tarFile, secretFile] = process.argv.slice(2);
const data = readFileSync(tarFile);
const secret = readFileSync(secretFile, 'utf8').trim();
const response = await fetch(`${url}/build`, {
  method: 'POST',
  body: data,
  headers: {
    'Content-Type': 'application/octet-stream',
    'X-Build-Signature': `sha256=${createHmac('sha256', secret).update(data).digest('hex')}`,
  },
});
const text = await response.text();
const rules = {
  example() {
    if (response.status >= 200 && response.status < 300) return { ok: true, said: JSON.parse(text).image };
    return { ok: false, said: JSON.parse(text).status };
  },
  editor: () => ({ ok: response.ok, said: text }),
};
process.stdout.write(JSON.stringify(rules[rule]()));
