/** What must be open between client and gateway for each carrier. */

/** How a tunnel crosses the network: what users choose by name. */
export type Carrier = 'nat-t' | 'esp' | 'cisco-udp' | 'cisco-tcp';

export const CARRIERS: readonly Carrier[] = ['nat-t', 'esp', 'cisco-udp', 'cisco-tcp'];

export const CARRIER_TITLES: Readonly<Record<Carrier, string>> = {
  'nat-t': 'NAT-T',
  esp: 'native ESP',
  'cisco-udp': 'Cisco IPsec over UDP',
  'cisco-tcp': 'Cisco IPsec over TCP',
};

/** The gateway's ports. */
export interface CarrierPorts {
  readonly ike: number;
  readonly natT: number;
  /** The gateway chooses it and tells it in Mode-Config; undefined: not known yet, so Cisco's default. */
  readonly ciscoUdp: number | undefined;
  readonly ciscoTcp: number;
}

export const CISCO_UDP_PORT = 10000;

export const STANDARD_PORTS: CarrierPorts = { ike: 500, natT: 4500, ciscoUdp: CISCO_UDP_PORT, ciscoTcp: 10000 };

/** A port of the gateway's, or an IP protocol, which has none. */
export type Opening =
  | { readonly kind: 'udp' | 'tcp'; readonly port: number }
  | { readonly kind: 'protocol'; readonly number: number };

/** IP protocol number of ESP, RFC 4303 section 2. */
const ESP: Opening = { kind: 'protocol', number: 50 };

/**
 * Where NAT-T begins: RFC 3947 section 4 has it begin on the IKE port and float. Ours begins on the NAT-T port, which needs
 * one opening less; a gateway may refuse that.
 */
export type NatTBeginning = 'ike' | 'nat-t';

/** All that `carrier` needs, in the order in which it is used: towards these ports of the gateway, and back. */
export function openingsOf(
  carrier: Carrier,
  ports: CarrierPorts = STANDARD_PORTS,
  natTBegins: NatTBeginning = 'nat-t',
): readonly Opening[] {
  const ike = udp(ports.ike);
  switch (carrier) {
    case 'nat-t':
      return natTBegins === 'ike' ? [ike, udp(ports.natT)] : [udp(ports.natT)];
    case 'esp':
      return [ike, ESP];
    case 'cisco-udp':
      return [ike, udp(ports.ciscoUdp ?? CISCO_UDP_PORT)];
    case 'cisco-tcp':
      return [{ kind: 'tcp', port: ports.ciscoTcp }];
  }
}

/** Those of all `carriers`, each once. */
export function openingsOfAll(
  carriers: readonly Carrier[],
  ports: CarrierPorts = STANDARD_PORTS,
  natTBegins: NatTBeginning = 'nat-t',
): readonly Opening[] {
  const all = carriers.flatMap((carrier) => openingsOf(carrier, ports, natTBegins));
  return all.filter((opening, i) => all.findIndex((other) => sameOpening(opening, other)) === i);
}

export function sameOpening(a: Opening, b: Opening): boolean {
  return openingName(a) === openingName(b);
}

/** "udp/500", "tcp/10000", "protocol/50": for programs, and fit as a map key. */
export function openingName(opening: Opening): string {
  return `${opening.kind}/${opening.kind === 'protocol' ? opening.number : opening.port}`;
}

/** "UDP 500", "TCP 10000", "IP protocol 50": for people. */
export function formatOpening(opening: Opening): string {
  if (opening.kind === 'protocol') return `IP protocol ${opening.number}`;
  return `${opening.kind.toUpperCase()} ${opening.port}`;
}

function udp(port: number): Opening {
  return { kind: 'udp', port };
}
