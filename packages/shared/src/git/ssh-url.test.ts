import { describe, expect, it } from 'vitest';
import { isSshUrl, sshUrl } from './ssh-url.js';

describe('a URL of ssh', () => {
  it.each([
    ['git@github.com:acme/shop.git', 'git@github.com:acme/shop.git', 'github.com', 'acme/shop'],
    ['git@GitHub.com:acme/shop', 'git@github.com:acme/shop', 'github.com', 'acme/shop'],
    ['git@h:/srv/shop.git', 'ssh://git@h/srv/shop.git', 'h', 'srv/shop'],
    ['git@h:shop.git/', 'git@h:shop.git', 'h', 'shop'],
    ['git@h:~alice/x', 'git@h:~alice/x', 'h', '~alice/x'],
    ['git@h:a%20b', 'git@h:a%20b', 'h', 'a%20b'],
    ['ssh://git@github.com/acme/shop.git', 'ssh://git@github.com/acme/shop.git', 'github.com', 'acme/shop'],
    ['ssh://github.com/acme/shop.git', 'ssh://git@github.com/acme/shop.git', 'github.com', 'acme/shop'],
    ['SSH://git@h:22/x', 'ssh://git@h/x', 'h', 'x'],
    ['ssh://git@h:/x', 'ssh://git@h/x', 'h', 'x'],
    ['ssh://git@h:02222//a//x/', 'ssh://git@h:2222/a/x', 'h:2222', 'a/x'],
    [
      'ssh://APKA123@git-codecommit.example/v1/x',
      'ssh://APKA123@git-codecommit.example/v1/x',
      'git-codecommit.example',
      'v1/x',
    ],
    ['ssh://git@[2001:DB8::1]:2222/x', 'ssh://git@[2001:db8::1]:2222/x', '[2001:db8::1]:2222', 'x'],
    ['ssh://git@192.0.2.1/x', 'ssh://git@192.0.2.1/x', '192.0.2.1', 'x'],
    ['ssh://git@h/a%20b/naïve', 'ssh://git@h/a%20b/na%C3%AFve', 'h', 'a b/naïve'],
    ['ssh://git@h/100%25', 'ssh://git@h/100%25', 'h', '100%'],
    ['ssh://git@h/~/x', 'ssh://git@h/~/x', 'h', '~/x'],
  ])('%s is %s', (text, href, host, repository) => {
    expect(sshUrl(text)).toMatchObject({ href, host, repository });
    // Parsing the result again changes nothing.
    expect(sshUrl(href)).toEqual(sshUrl(text));
  });

  it.each([
    'ssh://-oProxyCommand=touch%20x/x',
    'ssh://git@-oProxyCommand=x/x',
    'ssh://-G@h/x',
    'git@-oProxyCommand=x:x',
    '-oProxyCommand@h:x',
    'ssh://git@%2doProxyCommand/x',
    'ssh://git@h-/x',
    'ssh://git@h..x/x',
    'ssh://git@h /x',
    'ssh://git@h;id/x',
    'git@$(id):x',
    'git@h:-x',
    'git@h::x',
    'ssh://git@h',
    'ssh://git@h/',
    'ssh://git@/x',
    'ssh:///x',
    'ssh:x',
    'ssh://git@h:0/x',
    'ssh://git@h:65536/x',
    'ssh://git@h:22x/x',
    'ssh://git@h:-1/x',
    'ssh://git@[::1/x',
    'ssh://git@[h]/x',
    'ssh://git@[fe80::1%25eth0]/x',
    'ssh://git@::1/x',
    'ssh://git:hunter2@h/x',
    'ssh://a@b@h/x',
    'ssh://git@h/../x',
    'ssh://git@h/%2e%2e/x',
    'ssh://git@h/a/./x',
    'ssh://git@h/%',
    'ssh://git@h/a%00',
    'ssh://git@h/a%0Ab',
    'ssh://git@h/x?y',
    'ssh://git@h/x#main',
    'git@h:x#main',
    'git@h:a/../b',
    'git@h:a\nb',
    'git@h:\ud800',
    'git@h\n:x',
  ])('%j is invalid', (text) => {
    expect(isSshUrl(text)).toBe(true);
    expect(sshUrl(text)).toBeTypeOf('string');
  });

  it.each([
    'https://git@h/x',
    'http://h:80/x',
    'file:///x',
    'ext::sh -c id',
    'h:x',
    'C:\\x',
    '/x',
    '../x:y',
    'a@b',
    '',
  ])('%j is another kind of URL', (text) => expect(isSshUrl(text)).toBe(false));
});
