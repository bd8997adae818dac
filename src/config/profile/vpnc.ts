/** vpnc's configuration files: a keyword at the start of the line, one space, and the value up to the line's end. */
import { join } from 'node:path';
import { absolute } from '../files.ts';
import type { Report } from '../report.ts';
import { systemReason } from '../system-reason.ts';
import type { Draft } from './draft.ts';
import type { Around, Format } from './format.ts';
import { PROFILE_DEFAULTS } from './profile.ts';
import { linesOf, type ProfileText } from './text-file.ts';
import { type Entry, readKeys, type TextValues } from './text-keys.ts';
import { secretAsText, textSecret } from './text-secrets.ts';
import { isEverything } from './text-values.ts';
import { VPNC_HONOURED, VPNC_SWITCHES, VPNC_WITHOUT_MEANING } from './vpnc-keys.ts';

type Values = TextValues<typeof VPNC_HONOURED>;

export const vpncFormat: Format = {
  words: {
    gateways: ['IPSec gateway'],
    identity: ['IPSec ID'],
    psk: ['IPSec secret', 'IPSec obfuscated secret'],
    authorities: ['CA-File', 'CA-Dir'],
    certificate: ['IKE Authmode'],
    needsIdentity: true,
  },
  read(source, around, report) {
    const values = readKeys(entriesOf(source.text, report), VPNC_HONOURED, VPNC_WITHOUT_MEANING, report);
    const secrets = [
      values['IPSec secret'],
      values['IPSec obfuscated secret'],
      values['Xauth password'],
      values['Xauth obfuscated password'],
    ];
    return {
      draft: draftOf(values, source, around, report),
      holdsSecret: secrets.some((secret) => secret !== undefined),
    };
  },
};

/** The longest first: no keyword is taken for the beginning of another. */
const KEYWORDS = [...Object.keys(VPNC_HONOURED), ...Object.keys(VPNC_WITHOUT_MEANING)].toSorted(
  (a, b) => b.length - a.length,
);

/** Spaces at the ends belong to them. */
const EXACT = new Set(['IPSec secret', 'Xauth password']);

function* entriesOf(text: string, report: Report): Generator<Entry> {
  for (const { text: line, offset } of linesOf(text, report)) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const keyword = KEYWORDS.find((word) => isKeywordOf(line, word));
    if (keyword === undefined) {
      // Up to where the value might begin: it could be a secret.
      const [name = ''] = /^\s*[\w-]+/.exec(line) ?? [''];
      yield { name: name || 'a line', value: '', keyOffset: offset, offset };
      continue;
    }
    const rest = line.slice(keyword.length + 1);
    const value = EXACT.has(keyword) ? rest : rest.trim();
    const valueOffset = offset + keyword.length + 1;
    if (VPNC_SWITCHES.has(keyword)) yield { name: keyword, value: '', keyOffset: offset, offset };
    else if (value.trim() !== '') yield { name: keyword, value, keyOffset: offset, offset: valueOffset };
    else report.error({ path: keyword, offset }, 'has no value', 'it follows after one space');
  }
}

function isKeywordOf(line: string, word: string): boolean {
  const follows = line[word.length];
  return (
    line.slice(0, word.length).toLowerCase() === word.toLowerCase() &&
    (follows === undefined || follows === ' ' || follows === '\t')
  );
}

function draftOf(values: Values, source: ProfileText, around: Around, report: Report): Draft {
  refuse(values, report);
  const secret = (plain: Values['IPSec secret'], hidden: Values['IPSec obfuscated secret']) =>
    textSecret(plain, hidden, source.bytesOf, around.crypto, report);
  const gateway = values['IPSec gateway'];
  const dhGroup = values['IKE DH Group']?.value ?? 2;
  const weak = values['Enable Single DES'] ?? values['Enable weak encryption'] ?? values['Enable weak authentication'];
  const target = values['IPSEC target network']?.value;
  const password = secretAsText(secret(values['Xauth password'], values['Xauth obfuscated password']));
  return {
    gateways: gateway && [gateway.value],
    authentication: values['IKE Authmode']?.value ?? 'psk',
    identity: values['IPSec ID']?.value,
    psk: secret(values['IPSec secret'], values['IPSec obfuscated secret']),
    authorities: authoritiesOf(values, around, report),
    user: values['Xauth username']?.value,
    // With it vpnc asks each question of the gateway's in the gateway's words.
    password: values['Xauth interactive'] ? undefined : password,
    domain: values.Domain?.value,
    mayAsk: values.Noninteractive === undefined,
    carrier: values['NAT Traversal Mode']?.value,
    routes: target && !isEverything(target) ? [target] : undefined,
    target: target && !isEverything(target) ? target : undefined,
    // What vpnc's script leaves as it is.
    localLan: true,
    applicationVersion: values['Application version']?.value,
    legacy: weak !== undefined || dhGroup <= 5,
    dhGroup,
    pfs: values['Perfect Forward Secrecy']?.value,
    dpd: dpdOf(values['DPD idle timeout (our side)']?.value),
    tun: values['Interface name']?.value,
    mtu: mtuOf(values['Interface MTU'], report),
  };
}

function refuse(values: Values, report: Report): void {
  const { 'Enable no encryption': plain, 'IKE Authmode': mode } = values;
  if (plain) report.error(plain.at, 'is refused: a tunnel without encryption protects nothing', 'take it out');
  if (mode?.value === 'certificate') {
    report.error(mode.at, "vpnc's format can't name your certificate", 'write a YAML profile; see docs/profiles.md');
  }
}

/** The names that `openssl rehash` gives. */
const HASHED_NAME = /^[0-9a-f]{8}\.\d+$/;
const CA_FOLDER = '/etc/ssl/certs';

function authoritiesOf(values: Values, around: Around, report: Report): readonly string[] | undefined {
  const { 'CA-File': file, 'CA-Dir': folder, 'IKE Authmode': mode } = values;
  if (file) return [absolute(file.value, around.folder)];
  if (mode?.value !== 'hybrid') return undefined;
  const path = folder ? absolute(folder.value, around.folder) : CA_FOLDER;
  try {
    const names = around.listFolder(path).filter((name) => HASHED_NAME.test(name));
    if (names.length > 0) return names.map((name) => join(path, name));
    const at = folder?.at ?? mode.at;
    return report.error({ ...at, path: 'CA-Dir' }, `${path} holds no certificate of an authority`, 'set CA-File');
  } catch (error) {
    const at = folder?.at ?? mode.at;
    return report.error({ ...at, path: 'CA-Dir' }, `can't read ${path} (${systemReason(error)})`, 'set CA-File');
  }
}

/** vpnc gives up after some more questions; ours take a minute and a half. */
function dpdOf(idle: number | undefined): Draft['dpd'] {
  if (idle === 0) return undefined;
  if (idle === undefined) {
    return { idleSeconds: PROFILE_DEFAULTS.dpdIdleSeconds, timeoutSeconds: PROFILE_DEFAULTS.dpdTimeoutSeconds };
  }
  const idleSeconds = Math.max(idle, 5);
  return { idleSeconds, timeoutSeconds: idleSeconds + 90 };
}

function mtuOf(mtu: Values['Interface MTU'], report: Report): number | undefined {
  if (!mtu || mtu.value === 0) return undefined;
  if (mtu.value >= 576 && mtu.value <= 9000) return mtu.value;
  return report.error(mtu.at, 'must be 0 or from 576 to 9000');
}
