/**
 * The keys of a .pcf: those of Cisco's VPN Client 4.x and 5.x (administrator guide, "Preconfiguring the VPN Client for
 * remote users"), those that NetworkManager adds, and ours. docs/profiles.md has them all; a test holds the two together.
 */
import { isHostName } from '../values.ts';
import { anyText, choice, parsed, type TextShape, type WithoutMeaning, wholeNumber } from './text-keys.ts';
import { DH_WORDS, filePath, gatewayHost, parseTextPrefix, plainText, secretText } from './text-values.ts';

const flag = choice({ '0': false, '1': true });

/** Hosts by commas or spaces. */
const hostList = parsed('host names or IP addresses, separated by commas', (value) => {
  const hosts = value.split(/[,\s]+/).filter((host) => host !== '');
  return hosts.every((host) => isHostName(host)) ? hosts : undefined;
});

const networkList = parsed('networks such as 10.1.0.0/16, separated by spaces', (value) => {
  const networks = value.split(/[,\s]+/).filter((network) => network !== '');
  const prefixes = networks.map(parseTextPrefix).filter((prefix) => prefix !== undefined);
  return prefixes.length === networks.length ? prefixes : undefined;
});

export const PCF_HONOURED = {
  Host: gatewayHost,
  AuthType: choice({ '1': 'psk', '3': 'certificate', '5': 'hybrid' }),
  GroupName: plainText,
  GroupPwd: secretText,
  enc_GroupPwd: anyText,
  Username: plainText,
  UserPassword: secretText,
  enc_UserPassword: anyText,
  NTDomain: plainText,
  EnableBackup: flag,
  BackupServer: hostList,
  EnableNat: flag,
  TunnelingMode: choice({ '0': 'udp', '1': 'tcp' }),
  TcpTunnelingPort: wholeNumber(1, 65535),
  DHGroup: choice(DH_WORDS),
  PeerTimeout: wholeNumber(0, 86400),
  EnableLocalLAN: flag,
  EnableSplitDNS: flag,
  'X-NM-Force-NAT-T': flag,
  'X-NM-Routes': networkList,
  'X-NM-CA-File': filePath,
  InterfaceName: plainText,
  'X-Sallyport-Authorities': filePath,
  'X-Sallyport-Certificate': filePath,
  'X-Sallyport-Key': filePath,
  'X-Sallyport-Gateway-ID': plainText,
} as const satisfies TextShape;

const notZero = (value: string) => value !== '0';
const notEmpty = (value: string) => value !== '';
const STORE = 'certificates are files here: X-Sallyport-Certificate and X-Sallyport-Key name them';

export const PCF_WITHOUT_MEANING: Readonly<Record<string, WithoutMeaning>> = {
  Description: { why: 'it is for people' },
  EnableISPConnect: { why: 'no dial-up connection is made first', missed: notZero },
  ISPConnectType: { why: 'no dial-up connection is made first' },
  ISPConnect: { why: 'no dial-up connection is made first' },
  ISPPhonebook: { why: 'no dial-up connection is made first' },
  SPPhonebook: { why: "it is NetworkManager's way to write ISPPhonebook" },
  ISPCommand: { why: 'a command in a profile is never run', missed: notEmpty },
  SaveUserPassword: { why: 'a profile is never written to' },
  EnableMSLogon: { why: 'it is about logging on to Windows' },
  MSLogonType: { why: 'it is about logging on to Windows' },
  CertStore: { why: STORE, missed: notZero },
  CertName: { why: STORE, missed: notEmpty },
  CertPath: { why: STORE, missed: notEmpty },
  CertSubjectName: { why: STORE, missed: notEmpty },
  CertSerialHash: { why: STORE, missed: (value) => !/^0*$/.test(value) },
  SendCertChain: { why: 'the chain in the file is always sent' },
  VerifyCertDN: {
    why: "the gateway's certificate must name Host, or what X-Sallyport-Gateway-ID says, instead",
    missed: notEmpty,
  },
  ForceKeepAlives: { why: 'a NAT on the way is always kept open' },
  UseLegacyIKEPort: { why: 'UDP 500 is taken where it is free, else another port' },
  ForceNetLogin: { why: 'it is about logging on to Windows', missed: notZero },
  RadiusSDI: { why: "the gateway's own words say what it asks for" },
  SDIUseHardwareToken: { why: 'no software token is asked: the passcode is typed' },
  SingleDES: { why: 'single DES is broken and never offered', missed: notZero },
  EntrustIni: { why: STORE, missed: notEmpty },
  DialerDisconnect: { why: 'no dial-up connection is made first' },
  'X-NM-Use-NAT-T': { why: 'whichever carrier passes is taken' },
  'X-NM-SaveGroupPassword': { why: 'a profile is never written to' },
};
