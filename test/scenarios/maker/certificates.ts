/** Certificates by openssl, good and bad. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../lab/run.ts';
import { scratch } from '../../lab/scratch.ts';
import { CLIENT_NAME, GATEWAY_NAME } from './swan.ts';

export interface CertificateOptions {
  readonly bits?: number;
  /** Of the gateway's certificate: its name, purposes, days (the first may be before today), and whether another authority signs. */
  readonly name?: string;
  readonly purposes?: string;
  readonly validity?: readonly [notBefore: string, notAfter: string];
  readonly stranger?: boolean;
  /** An authority between, whose certificate the gateway doesn't show. */
  readonly hidesIntermediate?: boolean;
}

/** Files for `StrongSwan.start`, and the paths of all. */
export interface Certificates {
  readonly gateway: Readonly<Record<string, string>>;
  readonly client: Readonly<Record<string, string>>;
}

const PURPOSES = 'serverAuth,1.3.6.1.5.5.8.2.2';

export async function makeCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const folder = scratch('certificates');
  const { bits = 2048 } = options;
  const path = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) => must(['openssl', ...args], { cwd: folder });

  const authority = async (name: string) => {
    await openssl(
      'req',
      '-x509',
      '-newkey',
      `rsa:${bits}`,
      '-nodes',
      '-days',
      '3650',
      '-subj',
      `/O=Example/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-addext',
      'keyUsage=keyCertSign,cRLSign',
    );
  };
  const issue = async (
    name: string,
    subject: string,
    signer: string,
    extensions: string,
    validity?: readonly string[],
  ) => {
    await openssl(
      'req',
      '-new',
      '-newkey',
      `rsa:${bits}`,
      '-nodes',
      '-subj',
      `/O=Example/CN=${subject}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
    );
    writeFileSync(path(`${name}.ext`), extensions);
    if (validity === undefined) {
      await openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${signer}.pem`,
        '-CAkey',
        `${signer}.key`,
        '-CAcreateserial',
        '-days',
        '365',
        '-extfile',
        `${name}.ext`,
        '-out',
        `${name}.pem`,
      );
    } else {
      await signForDays(name, signer, validity);
    }
  };
  // `openssl x509` knows no day but today
  const signForDays = async (name: string, signer: string, [from = '', until = '']: readonly string[]) => {
    writeFileSync(path('index'), '');
    writeFileSync(path('serial'), '1001\n');
    const lines = [
      '[ca]',
      'default_ca = own',
      '[own]',
      `new_certs_dir = ${folder}`,
      `database = ${path('index')}`,
      `serial = ${path('serial')}`,
      'default_md = sha256',
      'policy = any',
      'unique_subject = no',
      '[any]',
      'organizationName = optional',
      'commonName = supplied',
    ];
    writeFileSync(path('ca.cnf'), `${lines.join('\n')}\n`);
    await openssl(
      'ca',
      '-batch',
      '-notext',
      '-config',
      'ca.cnf',
      '-cert',
      `${signer}.pem`,
      '-keyfile',
      `${signer}.key`,
      '-in',
      `${name}.csr`,
      '-startdate',
      from,
      '-enddate',
      until,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  };

  await authority('authority');
  if (options.stranger) await authority('stranger');
  let signer = options.stranger ? 'stranger' : 'authority';
  if (options.hidesIntermediate) {
    await issue('between', 'between', 'authority', 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n');
    signer = 'between';
  }
  const name = options.name ?? GATEWAY_NAME;
  const purposes = options.purposes ?? PURPOSES;
  const usage = purposes === '' ? '' : `extendedKeyUsage=${purposes}\n`;
  await issue('gateway', name, signer, `subjectAltName=DNS:${name}\n${usage}`, options.validity);
  await issue('client', CLIENT_NAME, 'authority', `subjectAltName=DNS:${CLIENT_NAME}\n`);
  return {
    gateway: {
      'x509/gateway.pem': path('gateway.pem'),
      'private/gateway.key': path('gateway.key'),
      'x509ca/authority.pem': path('authority.pem'),
    },
    client: {
      'x509/client.pem': path('client.pem'),
      'private/client.key': path('client.key'),
      'x509ca/authority.pem': path('authority.pem'),
    },
  };
}
