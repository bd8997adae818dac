/** sallyport ca init|gateway|client|revoke|list|show: a small authority in the state folder. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readConfig } from '../gateway/read-config.ts';
import { escapeControls, jsonText } from '../host/escape.ts';
import {
  type Authority,
  createAuthority,
  type IssuedRow,
  type IssueOptions,
  LIFETIMES,
  type NewKey,
  openAuthority,
} from '../host/pki/authority.ts';
import { commonName } from '../host/pki/names.ts';
import { formatTime } from '../host/pki/time.ts';
import { prepareStateFolder } from '../host/store/folder.ts';
import type { Where } from './gateway-call.ts';
import { readNewPassword } from './password.ts';
import { alignTable } from './table.ts';
import { expectArguments, parseCommand, UsageError, WHERE } from './usage.ts';

const OPTIONS = {
  ...WHERE,
  name: { type: 'string' },
  p12: { type: 'string' },
  key: { type: 'string' },
  days: { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

type Option = keyof typeof OPTIONS;

type Values = ReturnType<typeof parseCommand<typeof OPTIONS>>['values'];

interface Action {
  readonly run: (values: Values, rest: readonly string[]) => void | Promise<void>;
  readonly options: readonly Option[];
}

const NEW = ['key', 'days', 'force'] as const;
const ACTIONS: Readonly<Record<string, Action>> = {
  init: { run: init, options: ['name', ...NEW] },
  gateway: { run: gateway, options: NEW },
  client: { run: client, options: ['p12', ...NEW] },
  revoke: { run: revoke, options: [] },
  list: { run: list, options: ['json'] },
  show: { run: show, options: [] },
};

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [name = '', ...rest] = positionals;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (!action) throw new UsageError('ca init, ca gateway, ca client, ca revoke, ca list or ca show?');
  const allowed: readonly string[] = [...Object.keys(WHERE), ...action.options];
  const stray = Object.keys(values).find((option) => !allowed.includes(option));
  if (stray) throw new UsageError(`--${stray} doesn't go with ca ${name}`);
  await action.run(values, rest);
  return 0;
}

function init(values: Values, rest: readonly string[]): void {
  expectArguments(rest);
  const options = issueOptions(values, LIFETIMES.authority);
  prepareStateFolder(readConfig(values).config.state);
  showAuthority(createAuthority(folder(values), values.name ?? 'Sallyport CA', options));
  console.log("'sallyport ca gateway NAME' makes the gateway's certificate, NAME being what clients dial.");
}

function gateway(values: Values, names: readonly string[]): void {
  if (names.length === 0) throw new UsageError('the name or address that clients dial is missing');
  const authority = openAuthority(folder(values));
  const issued = authority.issueGateway(names, issueOptions(values, LIFETIMES.peer));
  console.log(`certificate of the gateway ${names.join(', ')}, good until ${formatTime(issued.certificate.notAfter)}

In the configuration:
  certificate: { file: ${yaml(issued.certificateFile)}, key: ${yaml(issued.keyFile)} }
Clients know the gateway by this file; give it to them:
  ${authority.certificateFile}`);
}

async function client(values: Values, rest: readonly string[]): Promise<void> {
  const [name] = expectArguments(rest, "the client's name") as [string];
  const authority = openAuthority(folder(values));
  const options = issueOptions(values, LIFETIMES.peer);
  if (values.p12 !== undefined) return clientPkcs12(authority, name, values.p12, options);
  const { certificate, certificateFile, keyFile } = authority.issueClient(name, options);
  console.log(`certificate of ${name}, good until ${formatTime(certificate.notAfter)}

Give ${name} these files; the key is a secret, and isn't needed here any more:
  ${certificateFile}
  ${keyFile}
  ${authority.certificateFile}`);
}

async function clientPkcs12(authority: Authority, name: string, file: string, options: IssueOptions): Promise<void> {
  const password = await readNewPassword(file);
  if (password === '') throw new UsageError('the password is empty');
  const { notAfter } = authority.issueClientPkcs12(name, file, password, options);
  console.log(`certificate of ${name}, good until ${formatTime(notAfter)}

Give ${name} this file, with the key and the authority in it, and the password by another way:
  ${file}`);
}

function revoke(values: Values, rest: readonly string[]): void {
  const [which] = expectArguments(rest, 'the name or serial number') as [string];
  const authority = openAuthority(folder(values));
  const revoked = authority.revoke(which, new Date());
  if (revoked.length === 0) return console.log(`${which} was revoked before`);
  for (const { name, serial } of revoked) console.log(`revoked the certificate of ${name}, ${serial}`);
  console.log(`
The gateway refuses it once it has read the list again, if the configuration names it:
  crls: [${yaml(authority.crlFile)}]`);
}

function list(values: Values, rest: readonly string[]): void {
  expectArguments(rest);
  const rows = openAuthority(folder(values)).list();
  console.log(values.json ? jsonText(rows, 2) : table(rows));
}

function table(rows: readonly IssuedRow[]): string {
  if (rows.length === 0) return "nothing was issued; 'sallyport ca gateway NAME' does so";
  const cells = rows.map((row) => [row.name, row.kind, row.serial, day(row.notAfter), state(row)]);
  return alignTable([['NAME', 'FOR', 'SERIAL', 'UNTIL', 'STATE'], ...cells]);
}

function state({ revoked, notAfter }: IssuedRow): string {
  if (revoked) return `revoked ${day(revoked)}`;
  return notAfter.getTime() < Date.now() ? 'expired' : 'good';
}

function day(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function show(values: Values, rest: readonly string[]): void {
  const authority = openAuthority(folder(values));
  if (rest.length === 0) return showAuthority(authority);
  const [which] = expectArguments(rest, 'the name or serial number') as [string];
  for (const row of authority.find(which)) {
    const lines = [
      `certificate of the ${row.kind} ${row.name}`,
      `  serial   ${row.serial}`,
      `  names    ${row.names.join(', ')}`,
      `  until    ${formatTime(row.notAfter.getTime())}`,
      `  state    ${state(row)}`,
      `  file     ${row.file}`,
    ];
    console.log(lines.map(escapeControls).join('\n'));
  }
}

function showAuthority({ certificate, certificateFile, keyFile, crlFile }: Authority): void {
  console.log(`authority ${escapeControls(commonName(certificate.subject) ?? '')}, good until ${formatTime(certificate.notAfter)}
  certificate  ${certificateFile}
  key          ${keyFile} (a secret: whoever has it can let anybody in)
  SHA-256      ${new X509Certificate(certificate.der).fingerprint256}

In the configuration, to let in clients with certificates of this authority:
  authorities: [${yaml(certificateFile)}]
  crls: [${yaml(crlFile)}]`);
}

function folder(where: Where): string {
  return join(readConfig(where).config.state, 'ca');
}

function issueOptions({ key = 'rsa', days, force = false }: Values, lifetime: number): IssueOptions {
  if (!isKey(key)) throw new UsageError('--key takes rsa or p256');
  if (days !== undefined && !/^[1-9]\d{0,4}$/.test(days)) throw new UsageError('--days takes a number of days');
  return { key, days: days === undefined ? lifetime : Number(days), force, now: new Date() };
}

function isKey(key: string): key is NewKey {
  return key === 'rsa' || key === 'p256';
}

/** A path as YAML takes it. */
function yaml(path: string): string {
  return /^[\w./@-]+$/.test(path) ? path : JSON.stringify(path);
}
