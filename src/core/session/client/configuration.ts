/** Mode-Config as the client sees it: what it asks for, and what it takes of what it is given, which is hostile input. */
import { type Bytes, EMPTY, readU32 } from '../../bytes/bytes.ts';
import { fromUtf8, utf8 } from '../../bytes/text.ts';
import { formatPrefix, type IpAddress, ipFromBytes, type Prefix, parseIp, prefixOf } from '../../net/address.ts';
import type { Persona } from '../../personas/persona.ts';
import { SALLYPORT } from '../../personas/sallyport.ts';
import type { PppTaken } from '../../ppp/ipcp.ts';
import { type Attribute, attributeBytes, attributeNumber, ConfigurationAttribute as Kind } from '../../wire/ikev1.ts';
import {
  checkDomains,
  checkNameServers,
  checkRoutes,
  isDomainName,
  type Kept,
  wrongInnerAddress,
} from './offered-network.ts';
import { shownText } from './peer-text.ts';

export interface GivenConfiguration {
  readonly address: IpAddress;
  readonly netmask: number | undefined;
  readonly dns: readonly IpAddress[];
  readonly nbns: readonly IpAddress[];
  readonly domain: string | undefined;
  /** Domains whose names are asked of the gateway's servers; empty: it named none. */
  readonly splitDns: readonly string[];
  /** What goes through the tunnel. Empty when nothing that was given can be used. */
  readonly routes: readonly Prefix[] | 'all';
  /** Networks that stay outside in a full tunnel. */
  readonly localLan: readonly Prefix[];
  /** The gateway lets the networks that the client sits in stay outside, whichever they are. */
  readonly permitsLocalLan: boolean;
  readonly banner: string | undefined;
  /** UDP port of Cisco's IPsec over UDP; undefined: not agreed on. */
  readonly ciscoUdpPort: number | undefined;
  readonly pfs: boolean | undefined;
  /** Host names and addresses to try when this gateway is gone. */
  readonly backupServers: readonly string[];
  readonly savePassword: boolean | undefined;
  readonly gatewayVersion: string | undefined;
}

export interface ConfigurationWishes {
  readonly persona: Persona;
  /** Held before, and wanted again. */
  readonly address: IpAddress | undefined;
  /** Asks for IPsec over UDP: a gateway that agrees expects ESP there and nowhere else. */
  readonly ciscoUdp: boolean;
  /** Undefined: the persona's. */
  readonly applicationVersion: string | undefined;
}

/** Our own limits, beside those on routes, servers and domains. */
export const MAX_LOCAL_NETWORKS = 64;
export const MAX_BACKUP_SERVERS = 8;
export const MAX_BANNER = 4096;
const MAX_VERSION = 256;
/** Of what is dropped, so much is told. */
export const MAX_NOTICES = 16;
/** Words of one text that are looked at: more than any list may hold, so that who gives too many is told. */
const MAX_LISTED = 100;

/** network(4) | mask(4) | protocol(2) | source port(2) | destination port(2) */
const NETWORK_LENGTH = 14;

/** What Cisco's gateways call the networks that the client happens to be in. */
const WHEREVER = '0.0.0.0/32';

export function configurationRequest(wishes: ConfigurationWishes): Attribute[] {
  const { persona, address, ciscoUdp } = wishes;
  const { attributes, applicationVersion } = persona.configuration ?? SALLYPORT.configuration!;
  const version = wishes.applicationVersion ?? applicationVersion;
  return attributes.flatMap((type): Attribute[] => {
    if (type === Kind.UNITY_NATT_PORT && !ciscoUdp) return [];
    if (type === Kind.INTERNAL_IP4_ADDRESS) return [{ type, value: address?.bytes ?? EMPTY }];
    if (type === Kind.APPLICATION_VERSION) return [{ type, value: version ? utf8(version) : EMPTY }];
    return [{ type, value: EMPTY }];
  });
}

/** `gateway`: the addresses that it is dialled at, which no route may hold. */
export function readConfiguration(
  attributes: readonly Attribute[],
  gateway: readonly IpAddress[],
): { readonly given: GivenConfiguration; readonly notices: readonly string[] } | { readonly refused: string } {
  const notices = new Notices();
  const all = (type: number) => attributes.filter((one) => one.type === type);
  const number = (type: number) => attributeNumber(all(type)[0]);
  const flag = (type: number) => (number(type) === undefined ? undefined : number(type) !== 0);
  const text = (type: number, limit: number) => {
    const [first] = all(type);
    return (first && typeof first.value !== 'number' && shownText(first.value, limit)) || undefined;
  };
  const servers = (type: number) =>
    notices.keep(checkNameServers(all(type).flatMap((one) => readAddresses(one, 'server', notices))));
  const domains = (...types: readonly number[]) =>
    notices.keep(
      checkDomains(
        types
          .flatMap(all)
          .flatMap(readWords)
          .map((word) => word.replace(/^\*?\./, '')),
      ),
    );

  const [address] = all(Kind.INTERNAL_IP4_ADDRESS).flatMap((one) => readAddresses(one, 'address', notices));
  const wrong = address ? wrongInnerAddress(address, gateway) : 'its pool may be empty, or the group has none';
  if (!address || wrong) return { refused: `the gateway gave no address that can be used: ${wrong}` };
  const outside = all(Kind.UNITY_LOCAL_LAN).flatMap((one) => readNetworks(one, 'local network', notices));
  const given: GivenConfiguration = {
    address,
    netmask: readMask(all(Kind.INTERNAL_IP4_NETMASK)[0]),
    dns: servers(Kind.INTERNAL_IP4_DNS),
    nbns: servers(Kind.INTERNAL_IP4_NBNS),
    domain: domains(Kind.UNITY_DEF_DOMAIN)[0],
    splitDns: domains(Kind.UNITY_SPLIT_DNS, Kind.INTERNAL_DNS_DOMAIN),
    routes: readRoutes(all(Kind.UNITY_SPLIT_INCLUDE), gateway, notices),
    localLan: notices.cut(localNetworks(outside, notices), MAX_LOCAL_NETWORKS, 'local networks'),
    permitsLocalLan: outside.some((one) => formatPrefix(one) === WHEREVER),
    banner: text(Kind.UNITY_BANNER, MAX_BANNER),
    ciscoUdpPort: readPort(number(Kind.UNITY_NATT_PORT), notices),
    pfs: flag(Kind.UNITY_PFS),
    backupServers: notices.cut(
      all(Kind.UNITY_BACKUP_SERVERS).flatMap((one) => readServers(one, notices)),
      MAX_BACKUP_SERVERS,
      'backup servers',
    ),
    savePassword: flag(Kind.UNITY_SAVE_PASSWD),
    gatewayVersion: text(Kind.APPLICATION_VERSION, MAX_VERSION),
  };
  return { given, notices: notices.told };
}

/** What PPP gave instead (RFC 1332, 1877): an address and servers, and no more. */
export function takenByPpp(
  taken: Pick<PppTaken, 'address' | 'dns' | 'nbns'>,
  gateway: readonly IpAddress[],
): { readonly given: GivenConfiguration; readonly notices: readonly string[] } | { readonly refused: string } {
  const { address } = taken;
  const wrong = wrongInnerAddress(address, gateway);
  if (wrong) return { refused: `the gateway gave no address that can be used: ${wrong}` };
  const notices = new Notices();
  const given: GivenConfiguration = {
    address,
    netmask: undefined,
    dns: notices.keep(checkNameServers(taken.dns)),
    nbns: notices.keep(checkNameServers(taken.nbns)),
    domain: undefined,
    splitDns: [],
    routes: 'all',
    localLan: [],
    permitsLocalLan: false,
    banner: undefined,
    ciscoUdpPort: undefined,
    pfs: undefined,
    backupServers: [],
    savePassword: undefined,
    gatewayVersion: undefined,
  };
  return { given, notices: notices.told };
}

/** What was dropped and why, bounded. */
class Notices {
  readonly told: string[] = [];

  tell(text: string): void {
    if (this.told.length < MAX_NOTICES) this.told.push(text);
  }

  keep<T>({ kept, dropped }: Kept<T>): T {
    for (const { what, why } of dropped) this.tell(`${shownText(utf8(what), MAX_VERSION)} is not taken: ${why}`);
    return kept;
  }

  cut<T>(items: readonly T[], limit: number, what: string): readonly T[] {
    if (items.length <= limit) return items;
    this.tell(`the gateway gave ${items.length} ${what}; the first ${limit} are taken`);
    return items.slice(0, limit);
  }
}

/** Without any the gateway leaves it to us; with none that can be read it doesn't. */
function readRoutes(
  lists: readonly Attribute[],
  gateway: readonly IpAddress[],
  notices: Notices,
): readonly Prefix[] | 'all' {
  const routes = lists.flatMap((one) => readNetworks(one, 'route', notices));
  return lists.length > 0 && routes.length === 0 ? [] : notices.keep(checkRoutes(routes, gateway));
}

/** All of them together must not be everything: nothing would be in the tunnel. */
function localNetworks(outside: readonly Prefix[], notices: Notices): readonly Prefix[] {
  return outside.filter((one) => {
    if (one.length === 0) notices.tell('everything as local network is not taken');
    return one.length > 0 && formatPrefix(one) !== WHEREVER;
  });
}

/** One address, or several in a row as some gateways have them. "None" is what 0.0.0.0 says. */
function readAddresses(attribute: Attribute, what: string, notices: Notices): IpAddress[] {
  const bytes = attributeBytes(attribute);
  if (bytes.length % 4 !== 0) {
    notices.tell(`a ${what} of ${bytes.length} bytes is not taken`);
    return [];
  }
  return Array.from({ length: Math.min(Math.floor(bytes.length / 4), MAX_LISTED) }, (_, i) =>
    ipFromBytes(bytes.slice(4 * i, 4 * i + 4)),
  ).filter((address) => address.text !== '0.0.0.0');
}

function readNetworks(attribute: Attribute, what: string, notices: Notices): Prefix[] {
  const bytes = attributeBytes(attribute);
  const count = Math.floor(bytes.length / NETWORK_LENGTH);
  if (bytes.length % NETWORK_LENGTH !== 0) notices.tell(`a list of ${what}s ends in the middle of one`);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * NETWORK_LENGTH, (i + 1) * NETWORK_LENGTH)).flatMap(
    (item) => {
      const length = maskLength(item.subarray(4, 8));
      if (length !== undefined) return [prefixOf(ipFromBytes(item.slice(0, 4)), length)];
      notices.tell(`a ${what} is not taken: its mask has gaps`);
      return [];
    },
  );
}

function readMask(attribute: Attribute | undefined): number | undefined {
  const bytes = attribute && attributeBytes(attribute);
  return bytes?.length === 4 ? maskLength(bytes) : undefined;
}

/** Undefined when its ones aren't all in front. */
function maskLength(mask: Bytes): number | undefined {
  const inverse = ~readU32(mask) >>> 0;
  return (inverse & (inverse + 1)) === 0 ? Math.clz32(inverse) : undefined;
}

function readServers(attribute: Attribute, notices: Notices): string[] {
  return readWords(attribute).flatMap((word) => {
    if (parseIp(word) || isDomainName(word)) return [word.toLowerCase()];
    notices.tell(`${shownText(utf8(word), MAX_VERSION)} is not taken: it is no name of a server`);
    return [];
  });
}

/** The words of one text, separated as the gateways like it. */
function readWords(attribute: Attribute): string[] {
  if (typeof attribute.value === 'number') return [];
  return fromUtf8(attribute.value)
    .split(/[\s,;\0]+/)
    .filter((word) => word !== '')
    .slice(0, MAX_LISTED);
}

function readPort(port: number | undefined, notices: Notices): number | undefined {
  if (port === undefined || (port > 0 && port < 65_536)) return port;
  notices.tell(`port ${port} for IPsec over UDP is not taken`);
  return undefined;
}
