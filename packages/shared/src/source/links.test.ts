import { describe, expect, it } from 'vitest';
import { checkLinks } from './links.js';

const check = (links: Record<string, string | undefined>) =>
  checkLinks(Object.entries(links).map(([path, target]) => ({ path, target })));
const refused = expect.objectContaining({ code: 'source_link_unsafe' });

describe('checkLinks', () => {
  it('takes what stays inside', () => {
    check({ l: '.', 'a/b/l': '../..', 'a/m': 'b/l/a/b', n: 'missing/../also/missing', o: './/a//b/' });
  });

  it('refuses what passes the root even for one step', () => {
    expect(() => check({ l: '../x' })).toThrow(refused);
    expect(() => check({ 'a/l': 'b/../../../a' })).toThrow(refused);
    expect(() => check({ l: '..' })).toThrow(refused);
  });

  it('refuses absolute targets', () => {
    expect(() => check({ 'a/l': '/a' })).toThrow(refused);
  });

  it('follows links on the way, not names', () => {
    // By names alone, `far/..` would be the root; through the link it is `a/b`.
    check({ far: 'a/b/c', l: 'far/../x', 'a/b/c/x': undefined });
    expect(() => check({ near: '.', l: 'near/../x' })).toThrow(refused);
  });

  it('takes forty links in a row and no more', () => {
    const chain = (length: number) =>
      Object.fromEntries(Array.from({ length }, (_, n) => [`l${n}`, n === 0 ? 'end' : `l${n - 1}`]));
    check(chain(40));
    expect(() => check(chain(41))).toThrow(refused);
  });

  it('gives up on more steps than any honest tree needs', () => {
    const deep = 'd/../'.repeat(800);
    const links = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`l${n}`, `${deep}x`]));
    check(links(1000));
    expect(() => check(links(1500))).toThrow(/too many/);
  });
});
