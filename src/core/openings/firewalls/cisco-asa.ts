/**
 * Cisco ASA, as a firewall on the way and as the gateway itself. Syntax: Cisco's configuration guides for 8.2 to 9.x; what
 * was `crypto isakmp` became `crypto ikev1` in 8.4, but for NAT traversal.
 */
import { type Block, block, type Firewall, GATEWAY, isPort, type Need, type Side } from '../firewall.ts';
import { CISCO_UDP_PORT, type Opening } from '../openings.ts';

export const ciscoAsa: Firewall = {
  name: 'cisco-asa',
  title: 'Cisco ASA',
  rules(need) {
    const { openings, side } = need;
    return {
      blocks: [...block(onTheWay(side), accessList(openings, side)), ...(side === 'gateway' ? itself(need) : [])],
      notes: [
        `${GATEWAY} is the gateway's address. If an interface has an access list already, use its name, and leave the line with access-group out.`,
        ...(side === 'client'
          ? [
              'From inside to outside everything passes unless an access list is on the inside interface. Where there is none, do not add this one: it would stop everything else.',
            ]
          : [
              'An ASA that is itself the gateway takes what is for it past its access lists. Where several are enabled, IPsec over TCP goes before NAT-T, and NAT-T before IPsec over UDP.',
            ]),
      ],
      cannot: [],
    };
  },
};

function onTheWay(side: Side): string {
  return side === 'client' ? 'an ASA that the clients are behind' : 'an ASA in front of the gateway';
}

function accessList(openings: readonly Opening[], side: Side): string[] {
  const list = side === 'client' ? 'inside_in' : 'outside_in';
  const lines = openings.map((opening) => {
    const to = `any host ${GATEWAY}`;
    return `access-list ${list} extended permit ${
      isPort(opening) ? `${opening.kind} ${to} eq ${opening.port}` : `esp ${to}`
    }`;
  });
  const esp = openings.some((opening) => !isPort(opening));
  return [
    ...lines,
    `access-group ${list} in interface ${side === 'client' ? 'inside' : 'outside'}`,
    // Without it an ASA has no state for ESP, and what comes back is stopped.
    ...(esp && side === 'client'
      ? ['policy-map global_policy', ' class inspection_default', '  inspect ipsec-pass-thru']
      : []),
  ];
}

/** Its IKE and NAT-T ports are fixed; POLICY is the group policy of the clients. */
function itself({ carriers, ports }: Need): Block[] {
  const lines = (ike: 'isakmp' | 'ikev1') => [
    `crypto ${ike} enable outside`,
    ...(carriers.includes('nat-t') ? ['crypto isakmp nat-traversal 20'] : []),
    ...(carriers.includes('cisco-tcp') ? [`crypto ${ike} ipsec-over-tcp port ${ports.ciscoTcp}`] : []),
    ...(carriers.includes('cisco-udp')
      ? ['group-policy POLICY attributes', ' ipsec-udp enable', ` ipsec-udp-port ${ports.ciscoUdp ?? CISCO_UDP_PORT}`]
      : []),
  ];
  return [
    ...block('an ASA that is itself the gateway, 8.4 and later', lines('ikev1')),
    ...block('an ASA that is itself the gateway, before 8.4', lines('isakmp')),
  ];
}
