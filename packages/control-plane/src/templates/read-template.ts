import { SlipwayError } from '@slipway/shared/errors';
import { pulledNote, readNote, readSourceFile, type SourceReader } from '@slipway/source';
import { maxYamlBytes, parseTemplateYaml, type TemplateSettings } from './template-yaml.js';

interface ReadTemplateOptions {
  readonly sources: SourceReader;
  readonly digest: string;
}

/**
 * Returns the settings of a stored source that is an OpenFaaS template: a folder with a Dockerfile and a template.yml at its root.
 * Throws `template_invalid` when it is not one.
 */
export async function readTemplate({ sources, digest }: ReadTemplateOptions): Promise<TemplateSettings> {
  const manifest = await sources.manifest(digest);
  const has = (path: string) => manifest?.entries.some((e) => e.path === path && e.type !== 'folder');
  // An entry that is a link counts too: it may point to a file of the handler.
  for (const [path, other] of [['Dockerfile', 'dockerfile'], ['template.yml']] as const) {
    if (!has(path) && !(other && has(other)))
      throw new SlipwayError('template_invalid', `The template has no ${path} at its root.`);
  }
  const yaml = await readSourceFile({ sources, digest, path: 'template.yml', maxBytes: maxYamlBytes });
  if (yaml === 'missing') throw new SlipwayError('template_invalid', 'template.yml must be a file.');
  if (yaml === 'large') {
    throw new SlipwayError('template_invalid', `template.yml is larger than ${maxYamlBytes} bytes.`);
  }
  const settings = parseTemplateYaml(yaml);
  const { path, maxBytes } = pulledNote;
  const note = await readSourceFile({ sources, digest, path, maxBytes });
  const origin = typeof note === 'string' ? undefined : readNote(note);
  return { ...settings, ...(origin && { origin }) };
}
