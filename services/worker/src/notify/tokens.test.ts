import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { ConfigError, type Env } from '@slipway/shared/config';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../config.js';
import { parseWebhookTokens } from './tokens.js';

const url = 'https://api.github.com/';

describe('WEBHOOK_TOKENS', () => {
  it('gives a token to its tenant and its host alone', () => {
    const tokens = parseWebhookTokens(
      'ci@api.github.com=ghp_1, acme/ci@api.github.com=ghp_2\nlab@gitlab.example:8443=glpat-3==\n',
    );
    expect(tokens.size).toBe(3);
    expect(tokens.find({ tenant: 'default', name: 'ci', url })?.reveal()).toBe('ghp_1');
    expect(tokens.find({ tenant: 'acme', name: 'ci', url })?.reveal()).toBe('ghp_2');
    expect(
      tokens.find({ tenant: 'default', name: 'lab', url: 'https://gitlab.example:8443/sub' })?.reveal(),
    ).toBe('glpat-3==');
    for (const other of [
      { tenant: 'acme', name: 'lab', url: 'https://gitlab.example:8443' },
      { tenant: 'default', name: 'lab', url: 'https://gitlab.example' },
      { tenant: 'default', name: 'none', url },
      { tenant: 'default', name: 'ci', url: 'https://api.github.com.evil.example' },
      { tenant: 'default', name: 'ci', url: 'https://evil.example/?https://api.github.com' },
      { tenant: 'default', name: 'ci', url: 'https://api.github.com:444' },
      { tenant: 'default', name: 'ci', url: 'http://api.github.com' },
    ]) {
      expect(tokens.find(other), JSON.stringify(other)).toBeUndefined();
    }
  });

  it('takes several hosts for one name, and plain http where the URL names it', () => {
    const tokens = parseWebhookTokens('ci@a.example=1,ci@http://b.internal:8080=2');
    const at = (where: string) => tokens.find({ tenant: 'default', name: 'ci', url: where })?.reveal();
    expect([at('https://a.example'), at('http://b.internal:8080/x'), at('https://b.internal:8080')]).toEqual([
      '1',
      '2',
      undefined,
    ]);
  });

  it.each([
    'hush',
    'ci=hush',
    'ci@=hush',
    'ci@host',
    'CI@host=hush',
    'a/b/ci@host=hush',
    'ci@host/path=hush',
    'ci@ftp://host=hush',
    'ci@user@host=hush',
    'ci@host=hush hush',
    'ci@host=',
    'ci@host=hush,ci@host=hush',
    'ci@host:99999=hush',
  ])('refuses %j, and quotes no value', (text) => {
    const read = () => loadConfig({ ...required, WEBHOOK_TOKENS: text });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/^ {2}WEBHOOK_TOKENS /m);
    expect(read).not.toThrow(/hush/);
  });

  it('is read from a file, one a line, and never printed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'tokens');
    writeFileSync(file, 'ci@api.github.com=hush\nacme/ci@api.github.com=hush-too\n');
    const { webhookTokens } = loadConfig({ ...required, WEBHOOK_TOKENS_FILE: file });
    expect(webhookTokens.find({ tenant: 'acme', name: 'ci', url })?.reveal()).toBe('hush-too');
    expect(
      inspect(webhookTokens, { depth: 9, showHidden: true }) + JSON.stringify(webhookTokens),
    ).not.toContain('hush');
    expect(loadConfig(required).webhookTokens.size).toBe(0);
  });
});

const required: Env = {
  BLOB_STORE: 'file:///nowhere',
  PAYLOAD_SECRET: 'payload-secret',
  BUILDERS: 'http://127.0.0.1:1',
};
