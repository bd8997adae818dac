/** Every key that a profile in YAML can have. docs/profiles.md describes each; a test holds the two together. */
import { DH_GROUPS, type DhGroup, isDhGroup } from '../../core/crypto/algorithms.ts';
import { PERSONA_NAMES } from '../../core/personas/personas.ts';
import { boolean, integer, list, located, oneOf, oneOrMany, orFalse, record, scalar, type Values } from '../checks.ts';
import { SHAPES } from '../schema.ts';
import { hostName, interfaceName, ipv4Prefix, path, plainText, port } from '../values.ts';
import { CARRIER_CHOICES, ON_LOSS } from './profile.ts';

const { psk, psk_file } = SHAPES.group;

const groups = Object.keys(DH_GROUPS).join(', ');

const dhGroup = scalar(`one of the groups ${groups}`, (value) =>
  typeof value === 'number' && isDhGroup(value) ? value : undefined,
);

const pfs = scalar(`gateway, or true or false, or one of the groups ${groups}`, parsePfs);

const ports = { ike: port, 'nat-t': port, 'cisco-udp': port, 'cisco-tcp': port };

const profile = {
  gateway: oneOrMany(hostName, 'host names or IP addresses', 16),
  group: located(plainText),
  psk,
  psk_file,
  user: plainText,
  password_file: located(path),
  domain: plainText,
  authentication: oneOf(['psk', 'hybrid', 'certificate']),
  certificate: located(record(SHAPES.certificate)),
  authorities: located(list(path, 'files', 64)),
  gateway_id: located(oneOrMany(plainText, 'names or addresses', 16)),
  exchange: oneOf(['aggressive', 'main']),
  xauth: boolean,
  l2tp: boolean,
  l2tp_authentication: SHAPES.l2tp.authentication,
  l2tp_secret: SHAPES.l2tp.secret,
  l2tp_secret_file: SHAPES.l2tp.secret_file,
  carrier: oneOf(CARRIER_CHOICES),
  ports: record(ports),
  routes: list(ipv4Prefix, 'IPv4 networks', 256),
  dns: boolean,
  split_dns: boolean,
  local_lan: boolean,
  on_loss: oneOf(ON_LOSS),
  persona: located(oneOf(PERSONA_NAMES)),
  application_version: plainText,
  legacy: boolean,
  dh_group: located(dhGroup),
  pfs: located(pfs),
  dpd: located(orFalse(record(SHAPES.dpd))),
  tun: interfaceName,
  mtu: integer(576, 9000),
};

/** The shapes by where their keys stand; those that the gateway's configuration has too are described there as well. */
export const PROFILE_SHAPES = { profile, ports, certificate: SHAPES.certificate, dpd: SHAPES.dpd } as const;

export const checkProfile = record(profile);
export type ProfileSettings = Values<typeof profile>;

function parsePfs(value: unknown): DhGroup | 'off' | 'gateway' | 'on' | undefined {
  if (value === 'gateway') return value;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'number' && isDhGroup(value) ? value : undefined;
}
