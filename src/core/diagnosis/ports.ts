/** Where IPsec is looked for, whatever a packet there holds; on other ports a packet has to show itself that it is IPsec's. */
import { CISCO_UDP_PORT, STANDARD_PORTS } from '../openings/openings.ts';
import { L2TP_PORT } from '../wire/l2tp.ts';

const { ike, natT, ciscoTcp } = STANDARD_PORTS;

export const IPSEC_PORTS: Readonly<Record<'udp' | 'tcp', readonly number[]>> = {
  udp: [ike, natT, L2TP_PORT, CISCO_UDP_PORT],
  tcp: [ciscoTcp, natT],
};
