/** Bounds of one repository, so that a wrong or hostile one does not fill the machine. */
export const limits = {
  /** Of the packed repository, of its files, and of a template. */
  bytes: 512 * 1024 * 1024,
  /** Files, folders and links of a repository, and of a template. */
  entries: 50_000,
  /** Of each call of git. */
  timeoutMs: 5 * 60_000,
  /** Links that a path may pass, as in Linux. */
  links: 40,
} as const;

/** A repository or template that is not taken. The message goes on from its name. */
export class TemplateRefused extends Error {
  override readonly name = 'TemplateRefused';
}

export const refuse = (message: string): TemplateRefused => new TemplateRefused(message);
