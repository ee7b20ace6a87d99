import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { MemoryRouter } from 'react-router';
import { describe, expect, it } from 'vitest';
import { Labels } from '../batches/labels.js';
import { Empty } from '../components/empty.js';
import { Figure } from '../components/figures.js';
import { StateBadge } from '../components/state-badge.js';
import { Fragment, jsx, jsxs } from './jsx-runtime.js';
import { shown } from './shown.js';

const spoofed = 'app\u202egnp.exe\u200b';
const escaped = 'app\\u202egnp.exe\\u200b';

describe('an element', () => {
  it('shows the invisible characters of its texts', () => {
    const list = [spoofed, [jsx('b', { children: spoofed }, 'b')], 7, null, ` ${spoofed}`];
    const children = jsxs(Fragment, { children: list });
    const text = `${escaped}<b>${escaped}</b>7 ${escaped}`;
    expect(renderToStaticMarkup(jsx('p', { children }))).toBe(`<p>${text}</p>`);
  });

  it.each(['title', 'aria-label', 'alt', 'placeholder'])('shows those of its %s', (name) => {
    expect(renderToStaticMarkup(jsx('i', { [name]: spoofed }))).toBe(`<i ${name}="${escaped}"></i>`);
  });

  it.each(['value', 'href', 'id'])('keeps its %s, which readers do not see', (name) => {
    expect(shown({ [name]: spoofed })).toEqual({ [name]: spoofed });
  });

  it('is not copied when there is nothing to show', () => {
    const props = { children: ['plain', 'text'], title: 'ü 漢字 👩' };
    expect(shown(props)).toBe(props);
  });
});

describe('the components of the pages', () => {
  const pages = {
    'an empty list': createElement(Empty, { title: spoofed }),
    labels: createElement(Labels, { labels: { team: spoofed } }),
    'a badge': createElement(StateBadge, { state: 'failed', word: spoofed }),
    'a figure': createElement(Figure, { name: 'Pool', value: spoofed }),
  };
  it.each(Object.entries(pages))('show the invisible characters of %s', (_what, element) => {
    const html = renderToStaticMarkup(createElement(MemoryRouter, null, element));
    expect(html).toContain(escaped);
    expect(html).not.toMatch(/\p{Cf}/u);
  });
});
