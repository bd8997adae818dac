/** Certificates, lists and signatures made by the openssl command: another's hand. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function openssl(...args: readonly string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

export type KeySpec =
  | 'rsa1024'
  | 'rsa2048'
  | 'rsa2048 with a large exponent'
  | 'P-256'
  | 'P-384'
  | 'P-521'
  | 'secp256k1'
  | 'ed25519';

export interface IssueOptions {
  readonly key?: KeySpec;
  /** Extensions, as in openssl's configuration. */
  readonly extensions?: readonly string[];
  /** As openssl takes them: YYYYMMDDHHMMSSZ. */
  readonly from?: string;
  readonly to?: string;
  readonly hash?: string;
  /** Undefined: it issues itself. */
  readonly by?: Issued;
  readonly subject?: string;
  readonly pss?: boolean;
  /** Whose key it has; undefined: one of its own. */
  readonly keyOf?: Issued;
}

export interface Issued {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
  readonly der: Uint8Array;
}

export const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];

/** A folder in which certificates are made and revoked. */
export class Workshop {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  authority(name: string, options: IssueOptions = {}): Issued {
    return this.issue(name, { extensions: AUTHORITY, ...options });
  }

  issue(name: string, options: IssueOptions = {}): Issued {
    const key = options.keyOf?.key ?? this.path(`${name}.key`);
    if (!options.keyOf) this.#makeKey(key, options.key ?? 'P-256');
    return this.#certify(name, key, options);
  }

  #certify(name: string, key: string, options: IssueOptions): Issued {
    const { by, extensions = [], from = '20200101000000Z', to = '20490101000000Z', hash = 'sha256' } = options;
    const certificate = this.path(`${name}.pem`);
    const issuer = this.#caFiles(by?.name ?? name, by?.certificate, by?.key ?? key, extensions);
    openssl('req', '-new', '-key', key, '-subj', options.subject ?? `/CN=${name}`, '-out', this.path(`${name}.csr`));
    const times = ['-startdate', from, '-enddate', to];
    const self = by ? [] : ['-selfsign'];
    const pss = options.pss ? ['-sigopt', 'rsa_padding_mode:pss'] : [];
    const files = ['-in', this.path(`${name}.csr`), '-out', certificate, '-md', hash];
    openssl('ca', '-batch', '-notext', '-config', issuer, '-preserveDN', ...self, ...times, ...pss, ...files);
    return { name, certificate, key, der: derOf(certificate) };
  }

  #makeKey(path: string, spec: KeySpec): void {
    const rsa = /^rsa(\d+)/.exec(spec)?.[1];
    const kind = rsa ? ['RSA', '-pkeyopt', `rsa_keygen_bits:${rsa}`] : ['EC', '-pkeyopt', `ec_paramgen_curve:${spec}`];
    const exponent = spec.endsWith('large exponent') ? ['-pkeyopt', `rsa_keygen_pubexp:${2 ** 32 + 15}`] : [];
    openssl('genpkey', '-algorithm', ...(spec === 'ed25519' ? ['ed25519'] : kind), ...exponent, '-out', path);
  }

  /** What `openssl ca` wants to have of an authority. */
  #caFiles(name: string, certificate: string | undefined, key: string, extensions: readonly string[]): string {
    const base = this.path(`ca-${name}`);
    mkdirSync(base, { recursive: true });
    const file = (part: string) => join(base, part);
    const touch = (part: string, content: string) => writeFileSync(file(part), content, { flag: 'a' });
    touch('index', '');
    writeFileSync(file('index.attr'), 'unique_subject = no\n');
    if (!exists(file('serial'))) writeFileSync(file('serial'), '1001\n');
    if (!exists(file('crlnumber'))) writeFileSync(file('crlnumber'), '01\n');
    const lines = [
      '[ca]',
      'default_ca = it',
      '[it]',
      `database = ${file('index')}`,
      `serial = ${file('serial')}`,
      `crlnumber = ${file('crlnumber')}`,
      `new_certs_dir = ${base}`,
      `private_key = ${key}`,
      ...(certificate ? [`certificate = ${certificate}`] : []),
      'default_md = sha256',
      'default_crl_days = 30',
      'policy = any',
      ...(extensions.length > 0 ? ['x509_extensions = extensions'] : []),
      'crl_extensions = crl_extensions',
      '[any]',
      'commonName = optional',
      '[crl_extensions]',
      'authorityKeyIdentifier = keyid',
      '[extensions]',
      ...extensions,
      '',
    ];
    writeFileSync(file('config'), lines.join('\n'));
    return file('config');
  }

  revoke(by: Issued, what: Issued): void {
    const config = this.#caFiles(by.name, by.certificate, by.key, []);
    openssl('ca', '-config', config, '-revoke', what.certificate);
  }

  /** A list of what `by` revoked. @param options of openssl ca -gencrl */
  list(by: Issued, ...options: readonly string[]): string {
    const config = this.#caFiles(by.name, by.certificate, by.key, []);
    const path = this.path(`${by.name}.crl`);
    openssl('ca', '-config', config, '-gencrl', '-out', path, ...options);
    return path;
  }
}

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

function derOf(certificate: string): Uint8Array {
  return Uint8Array.from(openssl('x509', '-in', certificate, '-outform', 'DER'));
}
