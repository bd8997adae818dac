/** What a user's client is given by Mode-Config: address, DNS, routes, banner, and Cisco's port for IPsec over UDP. */
import { type Bytes, concat } from '../bytes/bytes.ts';
import { utf8 } from '../bytes/text.ts';
import { type IpAddress, ipFromBytes, type Prefix, prefixMask } from '../net/address.ts';
import { type Attribute, ConfigurationAttribute as Kind, numericAttribute } from '../wire/ikev1.ts';
import type { GroupPolicy } from './policy.ts';

const PRODUCT = 'Sallyport';
const HOST_MASK = prefixMask(32, 4);

/** What every client needs, asked for or not. */
const ALWAYS: ReadonlySet<number> = new Set([
  Kind.INTERNAL_IP4_ADDRESS,
  Kind.INTERNAL_IP4_NETMASK,
  Kind.INTERNAL_IP4_DNS,
]);

/** The answer to a request: what was asked for and there is, and what is always needed. */
export function configurationReply(
  requested: readonly Attribute[],
  address: IpAddress,
  group: GroupPolicy,
  ciscoUdpPort: number | undefined,
): Attribute[] {
  const asked = new Set(requested.map((attribute) => attribute.type));
  return allAttributes(address, group, ciscoUdpPort).filter(({ type }) => asked.has(type) || ALWAYS.has(type));
}

/** What is pushed to a client that doesn't ask. It can't have asked for IPsec over UDP either. */
export function configurationPush(address: IpAddress, group: GroupPolicy): Attribute[] {
  return allAttributes(address, group, undefined).filter(({ type }) => type !== Kind.APPLICATION_VERSION);
}

/** The address that the client would like to have again. */
export function requestedAddress(requested: readonly Attribute[]): IpAddress | undefined {
  const value = requested.find(({ type }) => type === Kind.INTERNAL_IP4_ADDRESS)?.value;
  return typeof value === 'object' && value.length === 4 && value.some((byte) => byte !== 0)
    ? ipFromBytes(value)
    : undefined;
}

export function asksForCiscoUdp(requested: readonly Attribute[]): boolean {
  return requested.some(({ type }) => type === Kind.UNITY_NATT_PORT);
}

function allAttributes(address: IpAddress, group: GroupPolicy, ciscoUdpPort: number | undefined): Attribute[] {
  const { dns, domain, banner, routes } = group;
  const text = (type: number, value: string | undefined) => (value ? [{ type, value: utf8(value) }] : []);
  return [
    { type: Kind.INTERNAL_IP4_ADDRESS, value: address.bytes },
    { type: Kind.INTERNAL_IP4_NETMASK, value: HOST_MASK },
    ...dns.filter((one) => one.bytes.length === 4).map((one) => ({ type: Kind.INTERNAL_IP4_DNS, value: one.bytes })),
    ...text(Kind.UNITY_DEF_DOMAIN, domain),
    ...text(Kind.UNITY_BANNER, banner),
    ...(routes ? [{ type: Kind.UNITY_SPLIT_INCLUDE, value: concat(...routes.map(splitInclude)) }] : []),
    // with a split tunnel only the own domain's names are asked inside; Apple looks for it under 25
    ...(routes ? [...text(Kind.UNITY_SPLIT_DNS, domain), ...text(Kind.INTERNAL_DNS_DOMAIN, domain)] : []),
    ...(ciscoUdpPort ? [numericAttribute(Kind.UNITY_NATT_PORT, ciscoUdpPort)] : []),
    ...text(Kind.APPLICATION_VERSION, PRODUCT),
  ];
}

/** Cisco Unity: network(4) | mask(4) | protocol(2) | source port(2) | destination port(2), the last three zero. */
function splitInclude({ address, length }: Prefix): Bytes {
  return concat(address.bytes, prefixMask(length, 4), new Uint8Array(6));
}
