/**
 * The ways by which IKE may set out to a gateway, and the carriers of ESP that each leads to:
 *
 *     way              first message to              ESP goes by
 *     nat-t            UDP 4500, behind the marker   NAT-T on the same port
 *     nat-t-from-500   UDP 500, floats to 4500       NAT-T; for gateways that take no first message on 4500
 *     udp              UDP 500, and stays there      protocol 50, or Cisco's UDP port
 *     cisco-tcp        the cTCP port                 the same flow
 */
import type { IkePath } from '../../carrier/ike-path.ts';
import type { EspCarrier } from '../../esp/sa.ts';
import type { CarrierPorts, Opening } from '../../openings/openings.ts';
import type { ClientPorts, Location } from './events.ts';

export type Way = 'nat-t' | 'nat-t-from-500' | 'udp' | 'cisco-tcp';

const CARRIERS: Readonly<Record<Way, readonly EspCarrier[]>> = {
  'nat-t': ['nat-t'],
  'nat-t-from-500': ['nat-t'],
  udp: ['cisco-udp', 'esp'],
  'cisco-tcp': ['cisco-tcp'],
};

/** In this order they are begun, unless one is remembered. */
const ORDER = Object.keys(CARRIERS) as readonly Way[];

/** The ways that lead to one of the allowed carriers, that of `remembered` first. */
export function waysTo(allowed: readonly EspCarrier[], remembered: EspCarrier | undefined): Way[] {
  const ways = ORDER.filter((way) => CARRIERS[way].some((carrier) => allowed.includes(carrier)));
  const leads = (way: Way) => remembered !== undefined && CARRIERS[way].includes(remembered);
  return [...ways.filter(leads), ...ways.filter((way) => !leads(way))];
}

/** What ESP may go by on this way, the best first. */
export function carriersOf(
  way: Way,
  allowed: readonly EspCarrier[],
  remembered: EspCarrier | undefined,
): readonly EspCarrier[] {
  const carriers = CARRIERS[way].filter((carrier) => allowed.includes(carrier));
  return remembered && carriers.includes(remembered)
    ? [remembered, ...carriers.filter((carrier) => carrier !== remembered)]
    : carriers;
}

/** What the first message needs open: towards this port of the gateway, and back. */
export function openingOf(way: Way, { ike, natT, ciscoTcp }: CarrierPorts): Opening {
  if (way === 'cisco-tcp') return { kind: 'tcp', port: ciscoTcp };
  return { kind: 'udp', port: way === 'nat-t' ? natT : ike };
}

/** The path of the first message. A cTCP flow's local port is known when it is open: until then it is 0. */
export function pathOf(way: Way, { gateway, local }: Location, ports: ClientPorts): IkePath {
  const between = (carrier: IkePath['carrier'], own: number, theirs: number): IkePath => ({
    carrier,
    local: { address: local, port: own },
    remote: { address: gateway, port: theirs },
  });
  switch (way) {
    case 'nat-t':
      return between('nat-t', ports.local.natT, ports.remote.natT);
    case 'cisco-tcp':
      return between('cisco-tcp', 0, ports.remote.ciscoTcp);
    default:
      return between('udp', ports.local.ike, ports.remote.ike);
  }
}
