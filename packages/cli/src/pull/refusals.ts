/** Limits of one repository, so that a broken or hostile one does not fill the machine. */
export const limits = {
  /** Bytes of the packed repository, of its files, and of a template. */
  bytes: 512 * 1024 * 1024,
  /** Files, folders and links of a repository, and of a template. */
  entries: 50_000,
  /** Milliseconds for each call of git. */
  timeoutMs: 5 * 60_000,
  /** Links that a path may pass, as on Linux. */
  links: 40,
} as const;

/** A refused repository or template. The message continues a sentence that begins with its name. */
export class TemplateRefused extends Error {
  override readonly name = 'TemplateRefused';
}

export const refuse = (message: string): TemplateRefused => new TemplateRefused(message);
