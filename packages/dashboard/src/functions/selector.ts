import type { FunctionSelector } from '@slipway/client';

/** The fields of the form and of the URL, as text. */
export const selectorFields = ['namespace', 'name', 'label', 'template', 'base_image', 'functions'] as const;
export type SelectorText = Partial<Record<(typeof selectorFields)[number], string>>;

const listOf = (text: string) => text.split(/[\s,]+/).filter((part) => part !== '');

/** Returns the selector of the fields, or undefined when they select nothing. Labels and functions are lists: `a=1, b=2`. */
export function selectorOf(text: SelectorText): FunctionSelector | undefined {
  const { namespace, name, template, base_image } = text;
  const labels = listOf(text.label ?? '').map((label) => {
    const [key = '', ...value] = label.split('=');
    return [key, value.join('=')] as const;
  });
  const functions = listOf(text.functions ?? '');
  const selector: FunctionSelector = {
    ...(namespace && { namespace }),
    ...(name && { name }),
    ...(template && { template }),
    ...(base_image && { base_image }),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels) }),
    ...(functions.length > 0 && { functions }),
  };
  return Object.keys(selector).length === 0 ? undefined : selector;
}
