/** sallyport user add|passwd|totp|remove|list: through the running gateway, or on the store when none runs. */
import { callControl, controlPath } from '../control/gateway.ts';
import type { UserRow } from '../control/gateway-types.ts';
import { readConfig } from '../gateway/program.ts';
import { openUsers } from '../gateway/user-administration.ts';
import { isNotRunning, type Where } from './gateway-call.ts';
import { readNewPassword } from './password.ts';
import { qrCode } from './qr-code.ts';
import { alignTable } from './table.ts';
import { expectArguments, parseCommand, UsageError, WHERE } from './usage.ts';

const OPTIONS = {
  ...WHERE,
  address: { type: 'string' },
  totp: { type: 'boolean' },
  off: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [action, ...rest] = positionals;
  if (values.address !== undefined && action !== 'add') throw new UsageError('--address goes with user add');
  if (values.totp && action !== 'add') throw new UsageError('--totp goes with user add');
  if (values.off && action !== 'totp') throw new UsageError('--off goes with user totp');
  if (values.json && action !== 'list') throw new UsageError('--json goes with user list');
  switch (action) {
    case 'add':
      return add(values, name(rest), values.address ?? null, values.totp ?? false);
    case 'passwd':
      return changePassword(values, name(rest));
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

async function add(where: Where, user: string, address: string | null, totp: boolean): Promise<number> {
  const users = await reachUsers(where, true);
  await users.add(user, await readNewPassword(user), address);
  console.log(`user ${user} added`);
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

/** Once: it can't be shown again, only made anew. */
function showSecret(uri: string | null): void {
  if (process.stdout.isTTY) console.log(`\n${qrCode(uri!)}\n`);
  console.log(`${uri}\nAn authenticator app takes this as a QR code or by hand; it is shown once.`);
}

async function changePassword(where: Where, user: string): Promise<number> {
  const users = await reachUsers(where);
  await users.changePassword(user, await readNewPassword(user));
  console.log(`password of ${user} changed`);
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
  console.log(json ? JSON.stringify(rows, null, 2) : userTable(rows));
  return 0;
}

function userTable(rows: readonly UserRow[]): string {
  if (rows.length === 0) return "there are no users; 'sallyport user add NAME' makes one";
  const cells = rows.map((row) => [
    row.name,
    row.address ?? '-',
    row.totp ? 'yes' : '-',
    row.created.slice(0, 16).replace('T', ' '),
  ]);
  return alignTable([['NAME', 'ADDRESS', 'TOTP', 'CREATED (UTC)'], ...cells]);
}

interface ReachableUsers {
  add(name: string, password: string, address: string | null): Promise<unknown>;
  changePassword(name: string, password: string): Promise<unknown>;
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
    add: (user, password, address) => callControl(path, { verb: 'user-add', name: user, password, address }),
    changePassword: (user, password) => callControl(path, { verb: 'user-passwd', name: user, password }),
    setTotp: (user, on) => callControl(path, { verb: 'user-totp', name: user, on }),
    remove: (user) => callControl(path, { verb: 'user-remove', name: user }),
    list: () => callControl(path, { verb: 'user-list' }),
  };
}
