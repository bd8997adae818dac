/** sallyport user add|passwd|totp|remove|list: through the running gateway, or on the store when none runs. */
import { callControl, controlPath } from '../control/gateway.ts';
import type { UserRow } from '../control/gateway-types.ts';
import { readConfig } from '../gateway/read-config.ts';
import { type ChangedSecrets, type KeptSecrets, openUsers } from '../gateway/user-administration.ts';
import { jsonText } from '../host/escape.ts';
import { isNotRunning, type Where } from './gateway-call.ts';
import { readNewPassword } from './password.ts';
import { qrCode } from './qr-code.ts';
import { alignTable } from './table.ts';
import { expectArguments, parseCommand, UsageError, WHERE } from './usage.ts';

const OPTIONS = {
  ...WHERE,
  address: { type: 'string' },
  totp: { type: 'boolean' },
  l2tp: { type: 'boolean' },
  'no-l2tp': { type: 'boolean' },
  'chap-md5': { type: 'boolean' },
  'no-chap-md5': { type: 'boolean' },
  off: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [action, ...rest] = positionals;
  if (values.address !== undefined && action !== 'add') throw new UsageError('--address goes with user add');
  if (values.totp && action !== 'add') throw new UsageError('--totp goes with user add');
  for (const option of ['l2tp', 'chap-md5'] as const) {
    if (values[option] && action !== 'add' && action !== 'passwd')
      throw new UsageError(`--${option} goes with user add and passwd`);
    if (values[`no-${option}`] && action !== 'passwd') throw new UsageError(`--no-${option} goes with user passwd`);
    if (values[option] && values[`no-${option}`]) throw new UsageError(`--${option} or --no-${option}?`);
  }
  if (values.off && action !== 'totp') throw new UsageError('--off goes with user totp');
  if (values.json && action !== 'list') throw new UsageError('--json goes with user list');
  switch (action) {
    case 'add': {
      const kept = { l2tp: values.l2tp ?? false, chapMd5: values['chap-md5'] ?? false };
      return add(values, name(rest), { address: null, totp: false, kept, ...values });
    }
    case 'passwd': {
      const wish = (option: 'l2tp' | 'chap-md5') => values[option] ?? (values[`no-${option}`] ? false : null);
      return changePassword(values, name(rest), { l2tp: wish('l2tp'), chapMd5: wish('chap-md5') });
    }
    case 'totp':
      return setTotp(values, name(rest), !values.off);
    case 'remove':
      return remove(values, name(rest));
    case 'list':
      expectArguments(rest);
      return list(values, values.json ?? false);
    default:
      throw new UsageError('user add, user passwd, user totp, user remove or user list?');
  }
}

function name(rest: readonly string[]): string {
  return expectArguments(rest, 'the user name')[0]!;
}

interface NewUser {
  readonly address: string | null;
  readonly totp: boolean;
  readonly kept: KeptSecrets;
}

async function add(where: Where, user: string, { address, totp, kept }: NewUser): Promise<number> {
  const users = await reachUsers(where, true);
  await users.check(user, true, address);
  await users.add(user, await readNewPassword(user), address, kept);
  console.log(`user ${user} added`);
  sayWhatIsKept(kept);
  if (totp) showSecret(await users.setTotp(user, true));
  return 0;
}

async function setTotp(where: Where, user: string, on: boolean): Promise<number> {
  const users = await reachUsers(where);
  const uri = await users.setTotp(user, on);
  if (on) showSecret(uri);
  else console.log(`user ${user} logs in by password alone`);
  return 0;
}

/** Said to whoever opts in. */
function sayWhatIsKept({ l2tp, chapMd5 }: ChangedSecrets): void {
  if (l2tp) console.log(L2TP_MEANS);
  if (chapMd5) console.log(CHAP_MD5_MEANS);
}

const L2TP_MEANS =
  'MS-CHAPv2 (L2TP/IPsec of Windows) is possible: an NT hash of the password is kept beside the usual one, sealed by a key in\n' +
  'the state folder. Whoever reads both can log in with it and guess the password quickly: choose a long one.';

const CHAP_MD5_MEANS =
  'CHAP with MD5 is possible: the password itself is kept beside its hash, sealed by a key in the state folder. Whoever reads\n' +
  'both has the password: give this user one that is used nowhere else. PAP inside IPsec needs none of this.';

/** Once: it can't be shown again, only made anew. */
function showSecret(uri: string | null): void {
  if (process.stdout.isTTY) console.log(`\n${qrCode(uri!)}\n`);
  console.log(`${uri}\nAn authenticator app takes this as a QR code or by hand; it is shown once.`);
}

async function changePassword(where: Where, user: string, kept: ChangedSecrets): Promise<number> {
  const users = await reachUsers(where);
  await users.check(user, false, null);
  await users.changePassword(user, await readNewPassword(user), kept);
  console.log(`password of ${user} changed`);
  if (kept.l2tp === false) console.log('MS-CHAPv2 is not possible: no NT hash of the password is kept');
  if (kept.chapMd5 === false) console.log('CHAP with MD5 is not possible: the password itself is not kept');
  sayWhatIsKept(kept);
  return 0;
}

async function remove(where: Where, user: string): Promise<number> {
  const users = await reachUsers(where);
  await users.remove(user);
  console.log(`user ${user} removed`);
  return 0;
}

async function list(where: Where, json: boolean): Promise<number> {
  const users = await reachUsers(where);
  const rows = await users.list();
  console.log(json ? jsonText(rows, 2) : userTable(rows));
  return 0;
}

function userTable(rows: readonly UserRow[]): string {
  if (rows.length === 0) return "there are no users; 'sallyport user add NAME' makes one";
  const cells = rows.map((row) => [
    row.name,
    row.address ?? '-',
    row.totp ? 'yes' : '-',
    row.l2tp ? 'yes' : '-',
    row.chapMd5 ? 'yes' : '-',
    row.created.slice(0, 16).replace('T', ' '),
  ]);
  return alignTable([['NAME', 'ADDRESS', 'TOTP', 'MS-CHAPV2', 'CHAP-MD5', 'CREATED (UTC)'], ...cells]);
}

interface ReachableUsers {
  check(name: string, isNew: boolean, address: string | null): unknown;
  add(name: string, password: string, address: string | null, kept: KeptSecrets): Promise<unknown>;
  changePassword(name: string, password: string, kept: ChangedSecrets): Promise<unknown>;
  setTotp(name: string, on: boolean): string | null | Promise<string | null>;
  remove(name: string): unknown;
  list(): readonly UserRow[] | Promise<readonly UserRow[]>;
}

async function reachUsers(where: Where, make = false): Promise<ReachableUsers> {
  const { config } = readConfig(where);
  const path = controlPath(config.state);
  try {
    await callControl(path, { verb: 'status' });
  } catch (error) {
    if (isNotRunning(error)) return openUsers(config, make);
    throw error;
  }
  return {
    check: (user, isNew, address) => callControl(path, { verb: 'user-check', name: user, isNew, address }),
    add: (user, password, address, kept) =>
      callControl(path, { verb: 'user-add', name: user, password, address, ...kept }),
    changePassword: (user, password, kept) => callControl(path, { verb: 'user-passwd', name: user, password, ...kept }),
    setTotp: (user, on) => callControl(path, { verb: 'user-totp', name: user, on }),
    remove: (user) => callControl(path, { verb: 'user-remove', name: user }),
    list: () => callControl(path, { verb: 'user-list' }),
  };
}
