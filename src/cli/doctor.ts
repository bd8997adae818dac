/** sallyport doctor: why a connection fails. What its argument is decides who answers. */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { isProfileName, lookUpProfile, profileSearch } from '../config/profile/find.ts';
import { onEndSignal } from './signals.ts';
import { expectArguments, parseCommand, UsageError } from './usage.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  html: { type: 'string' },
  watch: { type: 'boolean' },
  keylog: { type: 'string' },
  carrier: { type: 'string' },
  user: { type: 'string' },
  'password-fd': { type: 'string' },
  'password-stdin': { type: 'boolean' },
} as const;

/** The name of standard input. */
const DASH = '-';

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, OPTIONS);
  const [what = ''] = expectArguments(positionals, 'a host, a capture, a profile or an error code');
  if (what === DASH || (existsSync(what) && !isProfileName(what))) {
    expectOptions(values, 'a capture', 'json', 'html', 'keylog');
    const { diagnoseCapture } = await import('../doctor/program.ts');
    return diagnoseCapture(what, values);
  }
  if (isProfileName(what) || (!what.includes('/') && lookUpProfile(what, profileSearch(process.env)) !== undefined)) {
    expectOptions(values, 'a profile', 'json', 'html', 'watch', 'carrier', 'user', 'password-fd', 'password-stdin');
    const { doctorProfile } = await import('./doctor-profile.ts');
    return doctorProfile(what, values);
  }
  if (isCode(what)) {
    expectOptions(values, 'an error code', 'json');
    return explain(what, values.json === true);
  }
  if (isCaptureName(what) || !isHost(what))
    throw new UsageError(`there is no file and no profile ${JSON.stringify(what)}`);
  expectOptions(values, 'a host', 'json', 'html', 'watch');
  const { doctorHost } = await import('../doctor/probe/doctor-host.ts');
  const ended = new AbortController();
  // before that there is little to wait for, and nothing to tell
  if (values.watch) onEndSignal(['SIGINT', 'SIGTERM'], () => ended.abort());
  return doctorHost(what, { ...values, signal: ended.signal });
}

/** What would be passed over in silence is said instead. */
function expectOptions(given: object, what: string, ...fitting: (keyof typeof OPTIONS)[]): void {
  const stray = Object.keys(given).find((name) => !(fitting as string[]).includes(name));
  if (stray !== undefined)
    throw new UsageError(`--${stray} does not go with ${what}; 'sallyport help doctor' shows how`);
}

/** No host: who mistypes a file's name is not told about the DNS. */
function isCaptureName(text: string): boolean {
  return /\.(pcap|pcapng|cap|gz)$/i.test(text);
}

/** A name of the DNS or an address; a number alone is neither. */
function isHost(text: string): boolean {
  return isIP(text) !== 0 || (/^[\p{L}\p{N}_-]+(\.[\p{L}\p{N}_-]+)*\.?$/u.test(text) && !/^\d+$/.test(text));
}

/** Windows' numbers of VPN failures have three to five digits. */
function isCode(text: string): boolean {
  return /^\d{3,5}$/.test(text);
}

async function explain(code: string, asJson: boolean): Promise<number> {
  const { describeCode, knownCodes } = await import('../doctor/code.ts');
  const words = describeCode(Number(code), asJson);
  if (words === undefined) throw new UsageError(`nothing is known of error ${code}; known are ${knownCodes()}`);
  console.log(words);
  return 0;
}
