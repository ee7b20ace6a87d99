import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTool } from './tools.js';

/** A certificate with its key, as PEM files. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority of its own, for tests and trials. */
export interface CertificateAuthority {
  /** The self-signed certificate, for clients that must trust it. */
  readonly caFile: string;
  /**
   * Issues a certificate for `localhost`, 127.0.0.1 and `hosts`, as server and as client, for `days` (default 1).
   * Issuing under a name again replaces the files.
   */
  issue(
    name: string,
    options?: { readonly days?: number; readonly hosts?: readonly string[] },
  ): Promise<CertificateFiles>;
}

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes an authority whose files lie in a folder. Needs the program `openssl`. */
export async function createAuthority(folder: string): Promise<CertificateAuthority> {
  const openssl = requireTool('openssl');
  const caFile = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca-key.pem');
  await run(openssl, [
    ...['req', '-x509', ...newKey, '-keyout', caKey, '-out', caFile],
    ...['-days', '1', '-subj', '/CN=Slipway test authority'],
  ]);
  return {
    caFile,
    async issue(name, { days = 1, hosts = [] } = {}) {
      const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)];
      const [fresh, request, extensions] = ['new-key', 'csr', 'ext'].map((kind) =>
        join(folder, `${name}.${kind}`),
      ) as [string, string, string];
      const names = ['localhost', '127.0.0.1', ...hosts].map(
        (host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`,
      );
      await writeFile(extensions, `subjectAltName=${names}\n`);
      await run(openssl, ['req', ...newKey, '-keyout', fresh, '-out', request, '-subj', `/CN=${name}`]);
      const { stdout: certificate } = await run(openssl, [
        ...['x509', '-req', '-in', request, '-CA', caFile, '-CAkey', caKey, '-CAcreateserial'],
        ...['-days', String(days), '-extfile', extensions],
      ]);
      await writeFile(keyFile, await readFile(fresh), { mode: 0o600 });
      await writeFile(certFile, certificate);
      return { certFile, keyFile };
    },
  };
}
