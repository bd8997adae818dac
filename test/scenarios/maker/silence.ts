/** Nobody answers: on 500, on 4500, on Cisco's ports, or only by ICMP; or in the other version of IKE alone. */
import { openTo } from '../../lab/echo.ts';
import { sleep } from '../../lab/poll.ts';
import { gatewayPublicAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import { EVERYTHING, interfere, relent } from './faults.ts';
import { afterAnother, home, swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  BEFORE_NAT,
  BEYOND_NAT,
  CISCO_NOTES,
  IKE_SCAN,
  OUR_CLIENT,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_INITIATOR,
  STRONGSWAN_RESPONDER,
  swans,
  VPNC,
} from './scenario.ts';
import type { SwanKind } from './swan.ts';

/** For its first five seconds what `dropped` says is lost. */
function answeredLate(kind: SwanKind, dropped: string): Scenario['play'] {
  return async (stage) => {
    await stage.swanGateway(kind);
    await interfere(stage.net.gw, 'input', dropped);
    await stage.watch(stage.net.cl, 'eth0');
    const client = await stage.swanClient(kind, { daemon: { retransmit_timeout: '2' } });
    const dialled = client.initiate(30);
    await sleep(5000);
    await relent(stage.net.gw, 'input');
    await dialled;
    await ping(stage.net.cl, { count: 4 });
  };
}

const onFive: readonly Scenario[] = [
  {
    name: 'no-answer-500-strongswan-ikev2',
    peers: swans,
    fault: 'a firewall before the gateway drops all that comes to UDP 500',
    seenFrom: AT_CLIENT,
    cause: 'no-answer-500',
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.gw, 'input', 'udp dport 500 drop'),
      seconds: 26,
    }),
  },
  {
    name: 'no-answer-500-strongswan-main',
    peers: swans,
    fault: 'a firewall before the gateway drops everything but ICMP; a ping before was answered',
    seenFrom: AT_CLIENT,
    cause: 'no-answer-500',
    play: async (stage) => {
      await stage.swanGateway('v1-main');
      await interfere(stage.net.gw, 'input', ...EVERYTHING);
      await stage.watch(stage.net.cl, 'eth0');
      await ping(stage.net.cl, { target: '192.0.2.1', count: 2 });
      await (await stage.swanClient('v1-main')).initiate(26);
    },
  },
  {
    name: 'no-answer-500-vpnc-behind-nat',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the router of the client lets no UDP out but to port 53',
    seenFrom: BEFORE_NAT,
    cause: 'no-answer-500',
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await interfere(stage.net.nat, 'forward', 'udp dport != 53 drop');
      await stage.watch(stage.net.c1, 'eth0');
      await stage.vpnc({ netns: stage.net.c1, gateway: gatewayPublicAddress, patience: 25_000 });
    },
  },
  {
    name: 'no-answer-500-answers-lost',
    peers: swans,
    fault: "the NAT lets the client's packets out and nothing from the gateway in",
    seenFrom: BEFORE_NAT,
    cause: 'no-answer-500',
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.nat, 'forward', 'iifname "outside" drop'),
      behindNat: true,
      seconds: 20,
    }),
  },
  {
    name: 'no-answer-500-every-way',
    peers: [OUR_CLIENT, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops all that a VPN needs; the client tries UDP 4500, UDP 500 and TCP 10000',
    seenFrom: AT_CLIENT,
    cause: 'no-answer-500',
    alsoFine: ['silence-on-4500', 'cisco-tcp-closed'],
    play: async (stage) => {
      await interfere(stage.net.gw, 'input', ...EVERYTHING);
      await stage.watch(stage.net.cl, 'eth0');
      await stage.dial();
    },
  },
  {
    name: 'late-answer-500-strongswan-ikev2',
    peers: swans,
    fault: 'the first two requests are dropped, the third is answered',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: ['loss'],
    nearMissOf: ['no-answer-500', 'silence-on-4500'],
    play: answeredLate('v2-psk', 'udp dport 500 drop'),
  },
  {
    name: 'late-answer-500-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the gateway starts while vpnc is already asking: first ICMP, then it gets in',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: ['loss', 'icmp-unreachable', ...CISCO_NOTES],
    nearMissOf: ['no-answer-500'],
    play: async (stage) => {
      await interfere(stage.net.gw, 'input', 'udp dport 500 drop');
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      const dialled = stage.vpnc({ mode: 'force-natt' });
      await sleep(3500);
      await relent(stage.net.gw, 'input');
      await dialled;
      await ping(stage.net.cl, { count: 4 });
    },
  },
];

const icmp: readonly Scenario[] = [
  {
    name: 'icmp-port-unreachable-strongswan-ikev2',
    peers: [STRONGSWAN_INITIATOR],
    fault: 'nothing listens on UDP 500; the gateway says so',
    seenFrom: AT_CLIENT,
    cause: 'icmp-unreachable',
    play: async (stage) => {
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).initiate(20);
    },
  },
  {
    name: 'icmp-prohibited-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the gateway\'s firewall rejects UDP 500 with ICMP "administratively prohibited"',
    seenFrom: AT_CLIENT,
    cause: 'icmp-unreachable',
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await interfere(stage.net.gw, 'input', 'udp dport 500 reject with icmp type admin-prohibited');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ patience: 20_000 });
    },
  },
  {
    name: 'icmp-host-unreachable-main-behind-nat',
    peers: [STRONGSWAN_INITIATOR],
    fault: "the client's router has no way to the gateway",
    seenFrom: BEFORE_NAT,
    cause: 'icmp-unreachable',
    play: async (stage) => {
      await stage.net.nat.ip('route', 'add', 'unreachable', `${gatewayPublicAddress}/32`);
      await stage.watch(stage.net.c1, 'eth0');
      await (await stage.swanClient('v1-main', home(stage))).initiate(20);
    },
  },
  {
    name: 'icmp-unreachable-4500-ikev2',
    peers: swans,
    fault: 'UDP 500 is open; UDP 4500 is rejected with ICMP "port unreachable"',
    seenFrom: AT_CLIENT,
    cause: 'icmp-unreachable',
    asGood: ['silence-on-4500'],
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.gw, 'input', 'udp dport 4500 reject with icmp type port-unreachable'),
      seconds: 20,
    }),
  },
  {
    name: 'icmp-of-something-else',
    peers: swans,
    fault: 'the client asks the gateway for names and gets ICMP "port unreachable"; the VPN is well',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['icmp-unreachable'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      await openTo(stage.net.cl, '192.0.2.1', ['udp/53', 'udp/123']);
      await (await stage.swanClient('v2-psk')).connect();
      await ping(stage.net.cl, { count: 5 });
    },
  },
];

const onFortyFive: readonly Scenario[] = [
  {
    name: 'silence-on-4500-strongswan-ikev2',
    peers: swans,
    fault: 'a firewall before the gateway drops UDP 4500',
    seenFrom: AT_CLIENT,
    cause: 'silence-on-4500',
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.gw, 'input', 'udp dport 4500 drop'),
      seconds: 26,
    }),
  },
  {
    name: 'silence-on-4500-strongswan-main-nat',
    peers: swans,
    fault: "the client's router drops UDP 4500; main mode floats with message 5",
    seenFrom: BEFORE_NAT,
    cause: 'silence-on-4500',
    play: swansMeet('v1-main', {
      fault: (stage) => interfere(stage.net.nat, 'forward', 'udp dport 4500 drop'),
      behindNat: true,
      seconds: 26,
    }),
  },
  {
    name: 'silence-on-4500-vpnc-nat',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: "the client's router drops UDP 4500; aggressive mode floats with message 3",
    seenFrom: BEYOND_NAT,
    cause: 'silence-on-4500',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await interfere(stage.net.gw, 'input', 'udp dport 4500 drop');
      await stage.watch(stage.net.nat, 'outside');
      await stage.vpnc({ netns: stage.net.c1, gateway: gatewayPublicAddress, patience: 25_000 });
    },
  },
  {
    name: 'silence-on-4500-strongswan-aggressive',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops UDP 4500',
    seenFrom: AT_CLIENT,
    cause: 'silence-on-4500',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'input', 'udp dport 4500 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-xauth')).initiate(22);
    },
  },
  {
    name: 'late-answer-4500-strongswan-main',
    peers: swans,
    fault: 'UDP 4500 is dropped for the first five seconds: message 5 is repeated, then answered',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: ['loss'],
    nearMissOf: ['silence-on-4500', 'psk-mismatch'],
    play: answeredLate('v1-main-xauth', 'udp dport 4500 drop'),
  },
];

const cisco: readonly Scenario[] = [
  {
    name: 'cisco-udp-closed-vpnc',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops UDP 10000',
    seenFrom: AT_CLIENT,
    cause: 'cisco-udp-closed',
    asGood: ['esp-one-way'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'input', 'udp dport 10000 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'cisco-udp' });
      await ping(stage.net.cl, { count: 12, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'cisco-udp-closed-vpnc-other-port-nat',
    peers: [VPNC, OUR_GATEWAY],
    fault: "the gateway's choice is UDP 20000, which the client's router doesn't let out",
    seenFrom: BEFORE_NAT,
    cause: 'cisco-udp-closed',
    asGood: ['esp-one-way'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.gateway({ config: { carriers: { 'nat-t': true, esp: true, 'cisco-udp': 20000 } } });
      await interfere(stage.net.nat, 'forward', 'udp dport 20000 drop');
      await stage.watch(stage.net.c1, 'eth0');
      await stage.vpnc({ mode: 'cisco-udp', netns: stage.net.c1, gateway: gatewayPublicAddress });
      await ping(stage.net.c1, { count: 12, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'cisco-tcp-closed-dropped',
    peers: [OUR_CLIENT, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops TCP 10000; the profile allows nothing else',
    seenFrom: AT_CLIENT,
    cause: 'cisco-tcp-closed',
    play: async (stage) => {
      await interfere(stage.net.gw, 'input', 'tcp dport 10000 drop');
      await stage.watch(stage.net.cl, 'eth0', 'tcp or udp or icmp');
      await stage.dial({ profile: { carrier: 'cisco-tcp' } });
    },
  },
  {
    name: 'cisco-tcp-closed-reset',
    peers: [OUR_CLIENT],
    fault: 'nothing listens on TCP 10000: each SYN gets an RST',
    seenFrom: AT_CLIENT,
    cause: 'cisco-tcp-closed',
    play: async (stage) => {
      await stage.watch(stage.net.cl, 'eth0', 'tcp or udp or icmp');
      await stage.dial({ profile: { carrier: 'cisco-tcp' } });
    },
  },
  {
    name: 'cisco-tcp-closed-by-proxy',
    peers: [OUR_CLIENT],
    fault: 'TCP 10000 is opened by something else, which takes the first message and says nothing',
    seenFrom: AT_CLIENT,
    cause: 'cisco-tcp-closed',
    play: async (stage) => {
      const listener =
        'require("node:net").createServer(s => s.on("error", () => {})).listen(10000, () => console.log("listening"))';
      const program = stage.net.gw.start([process.execPath, '-e', listener]);
      await program.prints(/listening/);
      await stage.watch(stage.net.cl, 'eth0', 'tcp or udp or icmp');
      await stage.dial({ profile: { carrier: 'cisco-tcp' } });
    },
  },
];

const versions: readonly Scenario[] = [
  {
    name: 'ikev2-to-ikev1-sallyport',
    peers: [STRONGSWAN_INITIATOR, VPNC, OUR_GATEWAY],
    fault: 'the client dials IKEv2, the gateway has IKEv1 alone and says nothing to it; vpnc gets in meanwhile',
    seenFrom: AT_GATEWAY,
    cause: 'ikev2-to-ikev1',
    asGood: ['no-answer-500'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      const other = await stage.net.addClient();
      await stage.watch(stage.net.gw, 'any', 'udp');
      await stage.vpnc({ netns: other, mode: 'force-natt' });
      await (await stage.swanClient('v2-psk')).initiate(20);
    },
  },
  {
    name: 'ikev2-to-ikev1-ike-scan',
    peers: [IKE_SCAN, OUR_GATEWAY],
    fault: 'the gateway has IKEv1 alone: it answers an IKEv1 probe and no IKEv2 one',
    seenFrom: AT_CLIENT,
    cause: 'ikev2-to-ikev1',
    asGood: ['scanner'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      await stage.net.cl.run(['ike-scan', '--sport=500', '--retry=1', '-M', '--trans=7/256,4,1,14', '192.0.2.1']);
      await stage.net.cl.run(['ike-scan', '--sport=500', '--retry=3', '-M', '--ikev2', '192.0.2.1']);
    },
  },
  {
    name: 'ikev2-to-ikev1-strongswan',
    peers: swans,
    fault: 'the client dials IKEv2, the gateway has a connection for IKEv1 alone; an IKEv1 client gets in meanwhile',
    seenFrom: AT_GATEWAY,
    cause: 'ikev2-to-ikev1',
    asGood: ['phase1-no-proposal'],
    play: afterAnother('v1-main-xauth', {}, async (stage) => (await stage.swanClient('v2-psk')).initiate(10)),
  },
  {
    name: 'ikev1-to-ikev2-strongswan',
    peers: swans,
    fault: 'the client dials IKEv1, the gateway has a connection for IKEv2 alone; an IKEv2 client gets in meanwhile',
    seenFrom: AT_GATEWAY,
    cause: 'ikev1-to-ikev2',
    asGood: ['phase1-no-proposal'],
    play: afterAnother('v2-psk', {}, async (stage) => (await stage.swanClient('v1-main')).initiate(10)),
  },
  {
    name: 'ikev1-to-ikev2-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the client dials IKEv1, the gateway has a connection for IKEv2 alone; an IKEv2 client gets in meanwhile',
    seenFrom: AT_GATEWAY,
    cause: 'ikev1-to-ikev2',
    asGood: ['phase1-no-proposal'],
    play: afterAnother('v2-psk', {}, (stage) => stage.vpnc({ patience: 15_000 })),
  },
];

export const silence = [...onFive, ...icmp, ...onFortyFive, ...cisco, ...versions];
