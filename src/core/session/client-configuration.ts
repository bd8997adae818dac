/** Mode-Config as the client meets it: what it asks for, and what the gateway gives, which is hostile until checked. */
import type { Bytes } from '../bytes/bytes.ts';
import { fromUtf8, utf8 } from '../bytes/text.ts';
import { type IpAddress, ipFromBytes, type Prefix, prefixMask, prefixOf } from '../net/address.ts';
import { type Attribute, attributeBytes, attributeNumber, ConfigurationAttribute as Kind } from '../wire/ikev1.ts';

export interface GivenConfiguration {
  /** Ours inside, IPv4. */
  readonly address: IpAddress;
  readonly dns: readonly IpAddress[];
  readonly nbns: readonly IpAddress[];
  readonly domain: string | undefined;
  /** Names in these domains are asked inside; empty: all are. */
  readonly splitDns: readonly string[];
  /** Networks for the tunnel; empty: everything. */
  readonly routes: readonly Prefix[];
  /** Networks that stay outside a tunnel for everything; empty: none. */
  readonly localLan: readonly Prefix[];
  readonly banner: string | undefined;
  /** Undefined: no Cisco IPsec over UDP. */
  readonly ciscoUdpPort: number | undefined;
  readonly pfs: boolean;
  readonly savePassword: boolean;
  readonly backupServers: readonly string[];
  /** What the gateway says it is. */
  readonly applicationVersion: string | undefined;
}

export interface ConfigurationWishes {
  readonly applicationVersion: string;
  /** To be had again. */
  readonly address: IpAddress | undefined;
  readonly ciscoUdp: boolean;
}

/** Our own limits: what one message can hold is more than anybody needs. */
const MAX_SERVERS = 8;
const MAX_NETWORKS = 256;
const MAX_NAMES = 64;
const MAX_WORDS = 4096;

const EMPTY = new Uint8Array(0);
const ASKED: readonly number[] = [
  Kind.INTERNAL_IP4_NETMASK,
  Kind.INTERNAL_IP4_DNS,
  Kind.INTERNAL_IP4_NBNS,
  Kind.UNITY_BANNER,
  Kind.UNITY_SAVE_PASSWD,
  Kind.UNITY_DEF_DOMAIN,
  Kind.UNITY_SPLIT_DNS,
  Kind.UNITY_SPLIT_INCLUDE,
  Kind.UNITY_LOCAL_LAN,
  Kind.UNITY_PFS,
  Kind.UNITY_BACKUP_SERVERS,
];

export function configurationRequest({ applicationVersion, address, ciscoUdp }: ConfigurationWishes): Attribute[] {
  return [
    { type: Kind.INTERNAL_IP4_ADDRESS, value: address?.bytes ?? EMPTY },
    ...ASKED.map((type) => ({ type, value: EMPTY })),
    ...(ciscoUdp ? [{ type: Kind.UNITY_NATT_PORT, value: EMPTY }] : []),
    { type: Kind.APPLICATION_VERSION, value: utf8(applicationVersion) },
  ];
}

/** `given` undefined: there is no address in it. What is malformed is left out, and named. */
export function readConfiguration(attributes: readonly Attribute[]): {
  readonly given: GivenConfiguration | undefined;
  readonly notices: readonly string[];
} {
  const notices: string[] = [];
  const all = (type: number): Bytes[] => attributes.filter((one) => one.type === type).map(attributeBytes);
  const addresses = (type: number): IpAddress[] => {
    const values = all(type).filter((value) => value.length > 0);
    const wrong = values.filter((value) => value.length !== 4);
    if (wrong.length > 0) notices.push(`the gateway gave an address of ${wrong[0]!.length} bytes: left out`);
    return values
      .filter((value) => value.length === 4)
      .slice(0, MAX_SERVERS)
      .map(ipFromBytes);
  };
  const text = (type: number): string | undefined => {
    const [value] = all(type);
    return value && value.length > 0 ? fromUtf8(value).replace(/\0+$/, '').slice(0, MAX_WORDS) || undefined : undefined;
  };
  const names = (type: number): string[] =>
    all(type)
      .flatMap((value) => fromUtf8(value).split(/[\s,\0]+/))
      .filter(Boolean)
      .slice(0, MAX_NAMES);
  const networks = (type: number): Prefix[] => {
    const found = all(type).flatMap(splitNetworks);
    if (found.includes(undefined)) notices.push('the gateway named a network that is none: left out');
    return found.filter((one) => one !== undefined).slice(0, MAX_NETWORKS);
  };
  const flag = (type: number): boolean => attributeNumber(attributes.find((one) => one.type === type)) === 1;
  const port = attributeNumber(attributes.find(({ type }) => type === Kind.UNITY_NATT_PORT));
  const [address] = addresses(Kind.INTERNAL_IP4_ADDRESS);
  if (!address || address.bytes.every((byte) => byte === 0)) return { given: undefined, notices };
  const given: GivenConfiguration = {
    address,
    dns: addresses(Kind.INTERNAL_IP4_DNS),
    nbns: addresses(Kind.INTERNAL_IP4_NBNS),
    domain: text(Kind.UNITY_DEF_DOMAIN),
    splitDns: names(Kind.UNITY_SPLIT_DNS),
    routes: networks(Kind.UNITY_SPLIT_INCLUDE),
    localLan: networks(Kind.UNITY_LOCAL_LAN),
    banner: text(Kind.UNITY_BANNER),
    ciscoUdpPort: port !== undefined && port > 0 && port <= 0xffff ? port : undefined,
    pfs: flag(Kind.UNITY_PFS),
    savePassword: flag(Kind.UNITY_SAVE_PASSWD),
    backupServers: names(Kind.UNITY_BACKUP_SERVERS),
    applicationVersion: text(Kind.APPLICATION_VERSION),
  };
  return { given, notices };
}

const NETWORK_LENGTH = 14;

/** Cisco Unity: network(4) | mask(4) | protocol(2) | source port(2) | destination port(2), one after the other. */
function splitNetworks(value: Bytes): (Prefix | undefined)[] {
  const networks: (Prefix | undefined)[] = [];
  for (let at = 0; at < value.length; at += NETWORK_LENGTH) {
    const one = value.subarray(at, at + NETWORK_LENGTH);
    networks.push(one.length === NETWORK_LENGTH ? networkOf(one.subarray(0, 4), one.subarray(4, 8)) : undefined);
  }
  return networks;
}

function networkOf(network: Bytes, mask: Bytes): Prefix | undefined {
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const length = bits.indexOf('0') < 0 ? 32 : bits.indexOf('0');
  const whole = prefixMask(length, 4).every((byte, i) => byte === mask[i]);
  return whole ? prefixOf(ipFromBytes(network), length) : undefined;
}
