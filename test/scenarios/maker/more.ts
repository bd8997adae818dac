/** More of what other files have one of: the same fault with other peers, seen from elsewhere, or without keys. */
import { ExchangeType } from '../../../src/core/wire/isakmp.ts';
import { sleep } from '../../lab/poll.ts';
import { gatewayPublicAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import { ESP_FROM_4500, FRAGMENT, ikeExchange, interfere, LATER_FRAGMENT, routeWithoutNat } from './faults.ts';
import { call, GUESTS, KERNEL_GATEWAY_ADDRESS, kernelGateway, outcome, transportGateway } from './guests.ts';
import { home, NO_IKE_FRAGMENTS, swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  BEFORE_NAT,
  CISCO_NOTES,
  IKE_SCAN,
  KERNEL_GATEWAY,
  L2TP_CLIENT,
  OUR_CLIENT,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_INITIATOR,
  STRONGSWAN_RESPONDER,
  swans,
  VPNC,
} from './scenario.ts';
import { GATEWAY_NAME } from './swan.ts';

const QUICK_MODE = ikeExchange(ExchangeType.QUICK_MODE);

const silence: readonly Scenario[] = [
  {
    name: 'icmp-unreachable-aggressive-strongswan',
    peers: [STRONGSWAN_INITIATOR],
    fault: 'nothing listens on UDP 500; the gateway says so',
    seenFrom: BEFORE_NAT,
    cause: 'icmp-unreachable',
    play: async (stage) => {
      await stage.watch(stage.net.c1, 'eth0');
      await (await stage.swanClient('v1-xauth', home(stage))).initiate(16);
    },
  },
  {
    name: 'icmp-network-prohibited-ikev2',
    peers: swans,
    fault: 'a router on the way rejects UDP 500 with ICMP "network prohibited"',
    seenFrom: BEFORE_NAT,
    cause: 'icmp-unreachable',
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.nat, 'forward', 'udp dport 500 reject with icmp type net-prohibited'),
      behindNat: true,
      seconds: 14,
    }),
  },
  {
    name: 'cisco-udp-closed-sallyport-client',
    peers: [OUR_CLIENT, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops UDP 10000; the profile allows nothing else',
    seenFrom: AT_CLIENT,
    cause: 'cisco-udp-closed',
    asGood: ['esp-one-way'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'input', 'udp dport 10000 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.dial({ profile: { carrier: 'cisco-udp' } });
    },
  },
  {
    name: 'ikev1-to-ikev2-ike-scan',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: 'the gateway has IKEv2 alone: it answers an IKEv2 probe, and refuses an IKEv1 one',
    seenFrom: AT_CLIENT,
    cause: 'ikev1-to-ikev2',
    asGood: ['phase1-no-proposal', 'scanner'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk', { ike: 'aes256-sha1-modp1024' });
      await stage.watch(stage.net.cl, 'eth0');
      const argv = ['ike-scan', '--sport=500', '--retry=1', '-M'];
      await stage.net.cl.run([...argv, '--ikev2', '192.0.2.1']);
      await stage.net.cl.run([...argv, '--trans=(1=7,14=256,2=2,3=1,4=2)', '192.0.2.1']);
    },
  },
  {
    name: 'ikev1-to-ikev2-sallyport-client',
    peers: [OUR_CLIENT, STRONGSWAN_INITIATOR, STRONGSWAN_RESPONDER],
    fault: 'our client dials IKEv1, the gateway has a connection for IKEv2 alone; an IKEv2 client gets in before',
    seenFrom: AT_CLIENT,
    cause: 'ikev1-to-ikev2',
    asGood: ['phase1-no-proposal'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      const before = await stage.swanClient('v2-psk');
      await before.initiate(15);
      await before.stop();
      await stage.dial({ profile: { carrier: 'nat-t' } });
    },
  },
];

const disagreement: readonly Scenario[] = [
  {
    name: 'phase2-unanswered-strongswan',
    peers: swans,
    fault: 'phase 1 and login are through; the first quick mode is dropped before the gateway',
    seenFrom: AT_CLIENT,
    cause: 'phase2-unanswered',
    alsoFine: ['group-secret-impersonation'],
    play: swansMeet('v1-main-xauth', {
      fault: (stage) => interfere(stage.net.gw, 'input', `udp dport 4500 ${QUICK_MODE} drop`),
      seconds: 24,
    }),
  },
  {
    name: 'phase2-unanswered-site-keys',
    peers: swans,
    fault:
      'phase 1 stands between two sites; the answer to the first quick mode is dropped before the client; with keys',
    seenFrom: AT_CLIENT,
    cause: 'phase2-unanswered',
    play: swansMeet('v1-main', {
      keys: true,
      fault: (stage) => interfere(stage.net.gw, 'output', `udp sport 4500 ${QUICK_MODE} drop`),
      client: { child: { local_ts: '10.88.0.0/24' } },
      seconds: 24,
    }),
  },
  {
    name: 'selectors-refused-no-keys',
    peers: swans,
    fault: 'the client says that 10.99.0.0/24 is behind it, the gateway awaits 10.88.0.0/24; no keys',
    seenFrom: AT_GATEWAY,
    cause: 'selectors-refused',
    asGood: ['phase2-no-proposal'],
    play: swansMeet('v1-main', {
      watched: 'gateway',
      client: { child: { local_ts: '10.99.0.0/24' } },
      seconds: 12,
    }),
  },
  {
    name: 'selectors-refused-ikev2-own-network',
    peers: swans,
    fault: 'the gateway awaits 10.88.0.0/24 behind the client, which says 192.168.50.0/24',
    seenFrom: AT_CLIENT,
    cause: 'selectors-refused',
    play: swansMeet('v2-psk', {
      keys: true,
      gateway: { pool: null, child: { remote_ts: '10.88.0.0/24' } },
      client: { connection: { vips: undefined }, child: { local_ts: '192.168.50.0/24' } },
      seconds: 12,
    }),
  },
];

const proof: readonly Scenario[] = [
  {
    name: 'ike-auth-refused-identity',
    peers: swans,
    fault: 'the gateway has a connection for another ID; no keys',
    seenFrom: AT_CLIENT,
    cause: 'ike-auth-refused',
    asGood: ['identity-mismatch'],
    play: swansMeet('v2-psk', { gateway: { peer: { id: 'branch.example.org' } }, seconds: 12 }),
  },
  {
    name: 'ike-auth-refused-by-client',
    peers: swans,
    fault:
      "an authority that the client doesn't trust has signed the gateway's certificate; no keys: the client hangs up",
    seenFrom: AT_CLIENT,
    cause: 'ike-auth-refused',
    asGood: ['certificate-untrusted', 'eap-refused'],
    play: swansMeet('v2-certificates', { certificates: { stranger: true }, seconds: 12 }),
  },
  {
    name: 'certificate-missing-gateway-keys',
    peers: swans,
    fault: 'the client wants a certificate of the gateway, which proves itself by a shared secret alone',
    seenFrom: AT_CLIENT,
    cause: 'certificate-missing',
    asGood: ['ike-auth-refused', 'identity-mismatch'],
    play: async (stage) => {
      stage.keepKeys();
      const files = await stage.certificates();
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      const peer = { auth: 'pubkey', id: GATEWAY_NAME };
      await (await stage.swanClient('v2-psk', { files: files.client, peer })).initiate(12);
    },
  },
  {
    name: 'certificate-too-large-answer-at-client',
    peers: swans,
    fault: "of the gateway's answer with its certificates only the first fragment gets through a router",
    seenFrom: AT_CLIENT,
    cause: 'certificate-too-large',
    asGood: ['fragments-lost'],
    alsoFine: ['silence-on-4500', 'loss'],
    play: swansMeet('v2-eap', {
      certificates: { bits: 4096 },
      gateway: NO_IKE_FRAGMENTS,
      fault: async ({ net }) => {
        await routeWithoutNat(net);
        await interfere(net.nat, 'prerouting', `${LATER_FRAGMENT} drop`);
      },
      behindNat: true,
      client: NO_IKE_FRAGMENTS,
      seconds: 22,
    }),
  },
  {
    name: 'login-without-end-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'a script dials again and again with a wrong password',
    seenFrom: AT_CLIENT,
    cause: 'login-without-end',
    asGood: ['xauth-refused'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      for (let attempt = 0; attempt < 4; attempt++)
        await stage.vpnc({ password: 'wrong', mode: 'force-natt', patience: 12_000 });
    },
  },
];

const traffic: readonly Scenario[] = [
  {
    name: 'fragments-lost-vpnc-native',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'a router on the way has MTU 1300, so that it cuts ESP in two; the firewall of the gateway drops fragments',
    seenFrom: AT_GATEWAY,
    cause: 'fragments-lost',
    alsoFine: [...CISCO_NOTES, 'loss'],
    play: async (stage) => {
      await stage.gateway();
      await routeWithoutNat(stage.net);
      await interfere(stage.net.gw, 'prerouting', `${FRAGMENT} drop`);
      await stage.watch(stage.net.gw, 'public');
      await stage.vpnc({ mode: 'none', netns: stage.net.c1, gateway: gatewayPublicAddress });
      await stage.net.nat.ip('link', 'set', 'outside', 'mtu', '1300');
      await ping(stage.net.c1, { count: 4 });
      await ping(stage.net.c1, { count: 8, interval: 0.5, wait: 1, size: 1300 });
      await ping(stage.net.c1, { count: 3 });
    },
  },
  {
    name: 'loss-towards-client-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'one in four packets to the client gets lost, so that the numbers of ESP have gaps',
    seenFrom: AT_CLIENT,
    cause: 'loss',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'force-natt' });
      await interfere(stage.net.gw, 'output', `${ESP_FROM_4500} numgen inc mod 4 == 1 drop`);
      await ping(stage.net.cl, { count: 50, interval: 0.15, wait: 1 });
    },
  },
  {
    name: 'nat-without-nat-t-vpnc-beyond',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'vpnc behind a NAT with NAT traversal turned off; the router lets no protocol 50 out',
    seenFrom: BEFORE_NAT,
    cause: 'nat-without-nat-t',
    asGood: ['esp-one-way'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.nat, 'forward', 'meta l4proto 50 drop');
      await stage.watch(stage.net.c1, 'eth0');
      await stage.vpnc({ mode: 'none', netns: stage.net.c1, gateway: gatewayPublicAddress });
      await ping(stage.net.c1, { count: 15, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'aggressive-psk-hash-taken-twice',
    peers: [IKE_SCAN, STRONGSWAN_RESPONDER],
    fault: 'somebody takes the hash twice, from two addresses; an honest vpnc gets in meanwhile',
    seenFrom: AT_GATEWAY,
    cause: 'aggressive-psk-hash',
    asGood: ['scanner', 'group-secret-impersonation'],
    alsoFine: ['psk-mismatch'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth', { ike: 'aes256-sha1-modp2048' });
      const others = [await stage.net.addClient(), await stage.net.addClient()];
      await stage.watch(stage.net.gw, 'any', 'udp');
      await stage.vpnc({ mode: 'force-natt' });
      const argv = ['ike-scan', '--sport=500', '--retry=1', '--timeout=300', '-M', '--aggressive', '--id=labgroup'];
      const transform = ['--idtype=11', '--dhgroup=14', '--trans=(1=7,14=256,2=2,3=65001,4=14)', '192.0.2.1'];
      for (const netns of others) await netns.run([...argv, ...transform]);
      await sleep(8000);
    },
  },
  {
    name: 'weak-algorithms-main-3des',
    peers: swans,
    fault: '3DES, SHA-1 and group 5 in phase 1',
    seenFrom: AT_GATEWAY,
    cause: 'weak-algorithms',
    play: async (stage) => {
      await stage.swanGateway('v1-main', { ike: '3des-sha1-modp1536' });
      await stage.net.cl.ip('address', 'add', '10.88.0.1/32', 'dev', 'lo');
      await stage.watch(stage.net.gw, 'direct');
      const child = { local_ts: '10.88.0.0/24' };
      await (await stage.swanClient('v1-main', { ike: '3des-sha1-modp1536', child })).connect();
      await ping(stage.net.cl, { count: 5, source: '10.88.0.1' });
    },
  },
];

const calls: readonly Scenario[] = [
  {
    name: 'ppp-disagreed-kernel-keys',
    peers: [L2TP_CLIENT, KERNEL_GATEWAY],
    fault: 'the gateway wants PAP alone, the client has MS-CHAPv2 alone',
    seenFrom: AT_CLIENT,
    cause: 'ppp-disagreed',
    asGood: ['ppp-refused'],
    alsoFine: ['l2tp-refused'],
    packets: 200,
    play: async (stage) => {
      stage.keepKeys();
      await kernelGateway(stage, transportGateway());
      await stage.watch(stage.net.gw, GUESTS);
      await outcome(await call(stage, { gateway: KERNEL_GATEWAY_ADDRESS, method: 'ms-chap-v2' }), 40_000);
    },
  },
];

export const more = [...silence, ...disagreement, ...proof, ...traffic, ...calls];
