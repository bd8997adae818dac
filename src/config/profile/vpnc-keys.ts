/**
 * The keys of vpnc's configuration files: those of `vpnc --long-help` 0.5.3, and two older names. docs/profiles.md has
 * them all; a test holds the two together.
 */
import { INTERFACE_NAME, isInterfaceName } from '../values.ts';
import { anyText, choice, parsed, type TextShape, type WithoutMeaning, wholeNumber } from './text-keys.ts';
import { DH_WORDS, filePath, gatewayHost, parseTextPrefix, plainText, secretText } from './text-values.ts';

const dhWords = Object.fromEntries(Object.values(DH_WORDS).map((group) => [`dh${group}`, group]));

/** What stands alone on its line. */
const present = () => true;

export const VPNC_HONOURED = {
  'IPSec gateway': gatewayHost,
  'IPSec ID': plainText,
  'IPSec secret': secretText,
  'IPSec obfuscated secret': anyText,
  'Xauth username': plainText,
  'Xauth password': secretText,
  'Xauth obfuscated password': anyText,
  'Xauth interactive': present,
  Domain: plainText,
  Noninteractive: present,
  'IKE Authmode': choice({ psk: 'psk', hybrid: 'hybrid', cert: 'certificate' }),
  'CA-File': filePath,
  'CA-Dir': filePath,
  'IKE DH Group': choice(dhWords),
  'Perfect Forward Secrecy': choice({ server: 'gateway', nopfs: 'off', ...dhWords }),
  'Enable Single DES': present,
  'Enable weak encryption': present,
  'Enable weak authentication': present,
  'Enable no encryption': present,
  'NAT Traversal Mode': choice({ natt: 'auto', none: 'esp', 'force-natt': 'nat-t', 'cisco-udp': 'cisco-udp' }),
  'IPSEC target network': parsed('a network such as 10.1.0.0/16 or 10.1.0.0/255.255.0.0', parseTextPrefix),
  'DPD idle timeout (our side)': wholeNumber(0, 86400),
  'Application version': plainText,
  'Interface name': parsed(INTERFACE_NAME, (value) => (isInterfaceName(value) ? value : undefined)),
  'Interface MTU': wholeNumber(0, 65535),
} as const satisfies TextShape;

/** Keys that take no value. */
export const VPNC_SWITCHES: ReadonlySet<string> = new Set([
  'Xauth interactive',
  'Noninteractive',
  'Enable Single DES',
  'Enable weak encryption',
  'Enable weak authentication',
  'Enable no encryption',
  'No Detach',
]);

const other =
  (...usual: readonly string[]) =>
  (value: string) =>
    !usual.includes(value.toLowerCase());

export const VPNC_WITHOUT_MEANING: Readonly<Record<string, WithoutMeaning>> = {
  Vendor: { why: "only Cisco's way to log in is spoken, as by most gateways of other makes", missed: other('cisco') },
  Script: { why: 'a command in a profile is never run; routes and DNS are set by sallyport itself', missed: other() },
  'Password helper': { why: 'a command in a profile is never run; see --password-fd', missed: other() },
  'Interface mode': { why: 'the interface is always a TUN', missed: other('tun') },
  'Local Addr': { why: 'the address is what the system takes towards the gateway', missed: other('0.0.0.0') },
  'Local Port': { why: 'UDP 500 is taken where it is free, else another port' },
  'Cisco UDP Encapsulation Port': { why: 'the local port is any free one; the gateway names its own' },
  Debug: { why: "see 'sallyport connect --json'" },
  'No Detach': { why: 'sallyport connect always stays in the foreground' },
  Pidfile: { why: 'sallyport status and disconnect find the client by its profile', missed: other() },
};
