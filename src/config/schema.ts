/** Every key that a configuration can have. docs/configuration.md describes each; a test holds the two together. */
import {
  boolean,
  integer,
  list,
  located,
  mapOf,
  oneOf,
  orFalse,
  orSwitch,
  record,
  scalar,
  text,
  type Values,
  withoutQuotes,
} from './checks.ts';
import {
  bannerText,
  domainName,
  duration,
  interfaceName,
  ipAddress,
  ipv4Address,
  ipv4Prefix,
  loopbackEndpoint,
  path,
  port,
  psk,
  userName,
  wrongGroupName,
} from './values.ts';

const secret = { psk: located(psk), psk_file: located(path) };

/** What a group of users is given; at the top level, what every group is given that doesn't say otherwise. */
const given = {
  pool: located(ipv4Prefix),
  dns: list(ipv4Address, 'IPv4 addresses', 8),
  domain: domainName,
  routes: list(ipv4Prefix, 'IPv4 networks', 256),
  banner: bannerText,
  idle_timeout: duration(60, 30 * 86400),
  session_timeout: duration(60, 365 * 86400),
};

/** How phase 1 may be proven; without it: by the secret that is given. */
const authentication = located(list(oneOf(['psk', 'hybrid', 'certificate']), 'psk, hybrid or certificate', 3));

const certificate = { file: located(path), key: located(path), pkcs12: located(path), password_file: located(path) };

const group = {
  ...secret,
  authentication,
  ...given,
  users: located(list(userName, 'user names', 100_000)),
  max_sessions: integer(1, 65535),
};

const peer = {
  ...secret,
  id: located(text('an address or a name', (value) => value !== '' && Buffer.byteLength(value) <= 255)),
  inner: located(ipv4Prefix),
};

const carriers = {
  'nat-t': boolean,
  esp: boolean,
  'cisco-udp': located(scalar('a port from 1 to 65535, or true or false', portOrSwitch, withoutQuotes)),
  // as many as Cisco's own gateways take
  'cisco-tcp': located(list(port, 'ports', 10)),
};

/** For clients that know no XAUTH. */
const l2tp = {
  authentication: located(list(oneOf(['pap', 'chap-md5', 'ms-chap-v2']), 'pap, chap-md5 or ms-chap-v2', 3)),
  nbns: list(ipv4Address, 'IPv4 addresses', 2),
  secret: located(psk),
  secret_file: located(path),
};

/** The longest that is agreed to. Less than a minute would only rekey. */
const lifetimes = {
  phase1: duration(60, 7 * 86400),
  phase2: duration(60, 7 * 86400),
  phase2_kilobytes: integer(1024, 0xffff_ffff),
};

const dpd = { idle: duration(5, 3600), timeout: duration(10, 7200) };

const log = { level: oneOf(['trace', 'debug', 'info', 'warn', 'error']), format: oneOf(['pretty', 'json']) };

const ports = { ike: located(port), 'nat-t': located(port) };

const gateway = {
  state: path,
  listen: located(list(ipAddress, 'IP addresses', 64)),
  ports: located(record(ports)),
  tun: interfaceName,
  mtu: integer(576, 9000),
  ...given,
  groups: located(mapOf(located(record(group)), wrongGroupName)),
  ...secret,
  authentication,
  certificate: located(record(certificate)),
  identity: text('a name or an address', (value) => value !== '' && Buffer.byteLength(value) <= 255),
  authorities: list(path, 'files', 64),
  crls: list(path, 'files', 64),
  peers: list(located(record(peer)), 'peers'),
  carriers: located(record(carriers)),
  l2tp: located(orSwitch(record(l2tp))),
  legacy: boolean,
  lifetimes: record(lifetimes),
  dpd: located(orFalse(record(dpd))),
  nat: boolean,
  client_to_client: boolean,
  keylog: path,
  metrics: loopbackEndpoint,
  log: record(log),
};

/** The shapes by where their keys stand. */
export const SHAPES = { gateway, group, peer, certificate, carriers, l2tp, lifetimes, dpd, log, ports } as const;

/** What people look for here. */
const elsewhere = {
  users: "users are not kept here: 'sallyport user add NAME' adds one; a group's 'users' says who may use it",
  user: "users are not kept here: 'sallyport user add NAME' adds one",
  ca: "set 'authorities' to the files of those who vouch for clients",
  key: "set 'certificate' to { file: FILE, key: FILE }",
};

export const checkGateway = record(gateway, elsewhere);
export type GatewaySettings = Values<typeof gateway>;
export type GivenSettings = Values<typeof given>;
export type GroupSettings = Values<typeof group>;
export type PeerSettings = Values<typeof peer>;
export type SecretSettings = Values<typeof secret>;
export type AuthenticationSettings = Values<typeof secret & { authentication: typeof authentication }>;
export type L2tpSettings = Values<typeof l2tp>;
export type CertificateSettings = Values<typeof certificate>;

function portOrSwitch(value: unknown): number | boolean | undefined {
  if (typeof value === 'boolean') return value;
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535
    ? (value as number)
    : undefined;
}
