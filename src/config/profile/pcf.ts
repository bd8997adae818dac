/** Profiles of Cisco's VPN Client (.pcf): an INI file whose section [main] has the keys. */
import { absolute } from '../files.ts';
import type { Report } from '../report.ts';
import { INTERFACE_NAME, isInterfaceName } from '../values.ts';
import type { Draft } from './draft.ts';
import type { Around, Format } from './format.ts';
import { PCF_HONOURED, PCF_WITHOUT_MEANING } from './pcf-keys.ts';
import { type CarrierChoice, PROFILE_DEFAULTS } from './profile.ts';
import { linesOf, type ProfileText } from './text-file.ts';
import { type Entry, readKeys, type TextValues } from './text-keys.ts';
import { secretAsText, textSecret } from './text-secrets.ts';

type Values = TextValues<typeof PCF_HONOURED>;

export const pcfFormat: Format = {
  words: {
    gateways: ['Host'],
    identity: ['GroupName'],
    psk: ['GroupPwd', 'enc_GroupPwd'],
    authorities: ['X-Sallyport-Authorities', 'X-NM-CA-File'],
    certificate: ['X-Sallyport-Certificate', 'X-Sallyport-Key'],
    needsIdentity: true,
  },
  read(source, around, report) {
    const values = readKeys(entriesOf(source.text, report), PCF_HONOURED, PCF_WITHOUT_MEANING, report);
    const { GroupPwd, enc_GroupPwd, UserPassword, enc_UserPassword } = values;
    const holdsSecret = [GroupPwd, enc_GroupPwd, UserPassword, enc_UserPassword].some((value) => value !== undefined);
    return { draft: draftOf(values, source, around, report), holdsSecret };
  },
};

/** Keys of [main] with a value: one without says nothing, and Cisco's client writes them all. */
function* entriesOf(text: string, report: Report): Generator<Entry> {
  let section = '';
  let hasMain = false;
  for (const { text: line, offset } of linesOf(text, report)) {
    const [, opened] = /^\s*\[([^\]]*)\]/.exec(line) ?? [];
    if (opened !== undefined) {
      section = opened.trim().toLowerCase();
      hasMain ||= section === 'main';
      if (section !== 'main') report.warning({ path: '', offset }, 'only the section [main] is read');
    } else if (section === 'main' && !/^\s*(?:[;#]|$)/.test(line)) {
      const entry = entryOf(line, offset);
      if (!entry) report.warning({ path: '', offset }, 'a line that is no KEY=VALUE');
      else if (entry.value !== '') yield entry;
    }
  }
  if (!hasMain) report.error({ path: '', offset: 0 }, 'has no section [main]', 'a .pcf begins with it');
}

/** "!Key=value": the mark keeps Cisco's client from changing it, and says nothing to us. */
function entryOf(line: string, offset: number): Entry | undefined {
  const equals = line.indexOf('=');
  const start = /^\s*(?:!\s*)?/.exec(line)![0].length;
  const name = line.slice(start, Math.max(equals, 0)).trimEnd();
  if (name === '') return undefined;
  const value = line.slice(equals + 1).trimStart();
  return { name, value: value.trimEnd(), keyOffset: offset + start, offset: offset + line.length - value.length };
}

function draftOf(values: Values, source: ProfileText, around: Around, report: Report): Draft {
  const { folder, crypto } = around;
  const secret = (plain: Values['GroupPwd'], hidden: Values['enc_GroupPwd']) =>
    textSecret(plain, hidden, source.bytesOf, crypto, report);
  const dhGroup = values.DHGroup?.value ?? 2;
  const authorities = values['X-Sallyport-Authorities'] ?? values['X-NM-CA-File'];
  const gatewayId = values['X-Sallyport-Gateway-ID'];
  return {
    gateways: gatewaysOf(values),
    authentication: values.AuthType?.value ?? 'psk',
    identity: values.GroupName?.value,
    psk: secret(values.GroupPwd, values.enc_GroupPwd),
    certificate: certificateOf(values, folder, report),
    authorities: authorities && [absolute(authorities.value, folder)],
    gatewayIdentities: gatewayId && [gatewayId.value],
    user: values.Username?.value,
    password: secretAsText(secret(values.UserPassword, values.enc_UserPassword)),
    domain: values.NTDomain?.value,
    carrier: carrierOf(values),
    ports: {
      ike: PROFILE_DEFAULTS.ikePort,
      natT: PROFILE_DEFAULTS.natTPort,
      ciscoUdp: undefined,
      ciscoTcp: values.TcpTunnelingPort?.value ?? PROFILE_DEFAULTS.ciscoTcpPort,
    },
    routes: values['X-NM-Routes']?.value,
    splitDns: values.EnableSplitDNS?.value,
    localLan: values.EnableLocalLAN?.value,
    // The format has no other way to ask for what its time had.
    legacy: dhGroup <= 5,
    dhGroup,
    dpd: dpdOf(values.PeerTimeout?.value ?? 90),
    tun: interfaceOf(values, report),
  };
}

function gatewaysOf({ Host, EnableBackup, BackupServer }: Values): readonly string[] {
  const backups = EnableBackup?.value ? (BackupServer?.value ?? []) : [];
  return [...new Set([...(Host ? [Host.value] : []), ...backups])];
}

/**
 * Without transparent tunneling (EnableNat) Cisco's client sends native ESP and doesn't look at TunnelingMode. With it over
 * UDP it takes what the gateway and the NATs on the way allow, and so do we: TCP too, where no UDP passes.
 */
function carrierOf(values: Values): CarrierChoice {
  if (values.EnableNat?.value === false) return 'esp';
  if (values.TunnelingMode?.value === 'tcp') return 'cisco-tcp';
  return values['X-NM-Force-NAT-T']?.value ? 'nat-t' : 'auto';
}

/** PeerTimeout 0 is NetworkManager's way to turn it off. */
function dpdOf(timeoutSeconds: number): Draft['dpd'] {
  if (timeoutSeconds === 0) return undefined;
  const timeout = Math.max(timeoutSeconds, 10);
  return { idleSeconds: Math.min(PROFILE_DEFAULTS.dpdIdleSeconds, Math.floor(timeout / 2)), timeoutSeconds: timeout };
}

function certificateOf(values: Values, folder: string, report: Report): Draft['certificate'] {
  const { 'X-Sallyport-Certificate': chain, 'X-Sallyport-Key': key } = values;
  if (chain && key) return { chain: absolute(chain.value, folder), key: absolute(key.value, folder) };
  const one = chain ?? key;
  return one && report.error(one.at, 'X-Sallyport-Certificate and X-Sallyport-Key go together');
}

function interfaceOf({ InterfaceName: name }: Values, report: Report): string | undefined {
  if (!name || isInterfaceName(name.value)) return name?.value;
  return report.error(name.at, `must be ${INTERFACE_NAME}`);
}
