/**
 * The tunnel stands, and carries nothing, not all, or not for long.
 *
 * Long because it is a list: one scenario after another, none of which knows the next.
 */
import { sleep } from '../../lab/poll.ts';
import { gatewayPublicAddress, lanAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import { late, reordered } from './edits.ts';
import { interfere, relent } from './faults.ts';
import { home, swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  BEFORE_NAT,
  CISCO_NOTES,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_INITIATOR,
  swans,
  VPNC,
} from './scenario.ts';
import type { Stage } from './stage.ts';

/** What follows UDP header: ESP begins with its SPI, IKE with four zero bytes. */
const ESP_FROM_4500 = 'udp sport 4500 udp length > 9 @th,64,32 != 0';
const ESP_TO_4500 = 'udp dport 4500 udp length > 9 @th,64,32 != 0';

const oneWay: readonly Scenario[] = [
  {
    name: 'esp-one-way-vpnc-protocol-50-dropped',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'a firewall before the gateway drops protocol 50',
    seenFrom: AT_CLIENT,
    cause: 'esp-one-way',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'input', 'meta l4proto 50 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'none' });
      await ping(stage.net.cl, { count: 15, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'esp-one-way-vpnc-answers-dropped',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'a firewall drops what the gateway sends by protocol 50: IKE passes, the client hears no ESP',
    seenFrom: AT_CLIENT,
    cause: 'esp-one-way',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'output', 'meta l4proto 50 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'none' });
      await ping(stage.net.cl, { count: 15, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'esp-one-way-nat-t-ikev2',
    peers: swans,
    fault: 'the gateway sends no ESP back (a firewall of its own): IKE on the same port passes',
    seenFrom: AT_CLIENT,
    cause: 'esp-one-way',
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await interfere(stage.net.gw, 'output', `${ESP_FROM_4500} drop`);
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v2-psk', { connection: { dpd_delay: '4s' } });
      await client.connect();
      await ping(stage.net.cl, { count: 16, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'esp-one-way-nat-t-gateway-has-no-route',
    peers: swans,
    fault: 'the host behind the gateway has no way back (its answers are dropped): ESP comes in and nothing goes out',
    seenFrom: AT_GATEWAY,
    cause: 'esp-one-way',
    play: async (stage) => {
      await stage.swanGateway('v1-main-xauth');
      await interfere(stage.net.gw, 'output', `ip saddr ${lanAddress} drop`);
      await stage.watch(stage.net.gw, 'public');
      await (await stage.swanClient('v1-main-xauth', home(stage))).connect();
      await ping(stage.net.c1, { count: 15, interval: 0.5, wait: 1 });
    },
  },
  {
    name: 'esp-late-answer-vpnc',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'the first three echo requests are lost, then all are answered',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: [...CISCO_NOTES, 'loss'],
    nearMissOf: ['esp-one-way'],
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'input', 'meta l4proto 50 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'none' });
      await ping(stage.net.cl, { count: 3, wait: 1 });
      await relent(stage.net.gw, 'input');
      await ping(stage.net.cl, { count: 12 });
    },
  },
  {
    name: 'nat-without-nat-t-vpnc',
    peers: [VPNC, OUR_GATEWAY],
    fault: "vpnc behind a NAT with NAT traversal turned off; the router doesn't translate protocol 50 back",
    seenFrom: BEFORE_NAT,
    cause: 'nat-without-nat-t',
    asGood: ['esp-one-way'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.nat, 'forward', 'iifname "outside" meta l4proto 50 drop');
      await stage.watch(stage.net.c1, 'eth0');
      await stage.vpnc({ mode: 'none', netns: stage.net.c1, gateway: gatewayPublicAddress });
      await ping(stage.net.c1, { count: 15, interval: 0.5, wait: 1 });
    },
  },
];

const large: readonly Scenario[] = [
  {
    name: 'fragments-lost-nat-t-at-gateway',
    peers: swans,
    fault: "the client's line has MTU 1280, so that ESP is cut in two; the router lets no second fragment through",
    seenFrom: AT_GATEWAY,
    cause: 'fragments-lost',
    alsoFine: ['path-mtu', 'loss'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await interfere(stage.net.nat, 'prerouting', 'ip frag-off & 0x1fff != 0 drop');
      // fragments would be put together there else, before the rule
      await stage.net.nat.nft('flush ruleset');
      await interfere(stage.net.nat, 'prerouting', 'ip frag-off & 0x1fff != 0 drop');
      await stage.net.gw.ip('route', 'add', '10.9.0.0/24', 'via', '198.51.100.2');
      await stage.watch(stage.net.gw, 'public');
      await (await stage.swanClient('v2-psk', home(stage))).connect();
      await stage.net.c1.ip('link', 'set', 'eth0', 'mtu', '1280');
      await ping(stage.net.c1, { count: 4 });
      await ping(stage.net.c1, { count: 8, interval: 0.5, wait: 1, size: 1300 });
      await ping(stage.net.c1, { count: 3 });
    },
  },
  {
    name: 'fragments-lost-nat-t-at-client',
    peers: swans,
    fault: "the client's line has MTU 1280, so that ESP is cut in two; a router before the gateway drops fragments",
    seenFrom: AT_CLIENT,
    cause: 'fragments-lost',
    asGood: ['path-mtu'],
    alsoFine: ['loss'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await interfere(stage.net.gw, 'prerouting', 'ip frag-off & 0x3fff != 0 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).connect();
      await stage.net.cl.ip('link', 'set', 'eth0', 'mtu', '1280');
      await ping(stage.net.cl, { count: 4 });
      await ping(stage.net.cl, { count: 8, interval: 0.5, wait: 1, size: 1300 });
      await ping(stage.net.cl, { count: 3 });
    },
  },
  {
    name: 'fragments-arrive-nat-t',
    peers: swans,
    fault: "the client's line has MTU 1280, so that ESP is cut in two, both ways; all fragments arrive",
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['fragments-lost', 'path-mtu'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).connect();
      await stage.net.cl.ip('link', 'set', 'eth0', 'mtu', '1280');
      await stage.net.gw.ip('link', 'set', 'direct', 'mtu', '1280');
      await ping(stage.net.cl, { count: 4 });
      await ping(stage.net.cl, { count: 8, size: 1300 });
    },
  },
  {
    name: 'ike-fragments-refused-ikev2',
    peers: swans,
    fault: 'a firewall before the gateway drops IKE_AUTH in fragments (SKF), which the gateway had offered',
    seenFrom: AT_CLIENT,
    cause: 'ike-fragments-refused',
    asGood: ['silence-on-4500'],
    play: async (stage) => {
      const files = await stage.certificates({ bits: 4096 });
      await stage.swanGateway('v2-certificates', { files: files.gateway });
      // the first payload is 53
      await interfere(stage.net.gw, 'input', 'udp dport 4500 @th,224,8 53 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-certificates', { files: files.client })).initiate(24);
    },
  },
  {
    name: 'ike-fragments-refused-main',
    peers: swans,
    fault:
      "a firewall before the gateway drops main mode's message 5 in fragments (payload 132), which the gateway had offered",
    seenFrom: AT_CLIENT,
    cause: 'ike-fragments-refused',
    asGood: ['silence-on-4500'],
    play: swansMeet('v1-certificates', {
      certificates: { bits: 4096 },
      fault: (stage) => interfere(stage.net.gw, 'input', 'udp dport 4500 @th,224,8 132 drop'),
      seconds: 24,
    }),
  },
  {
    name: 'path-mtu-silent-ikev2',
    peers: swans,
    fault: 'a router on the way drops what is longer than 1300 bytes and says nothing',
    seenFrom: AT_CLIENT,
    cause: 'path-mtu',
    alsoFine: ['loss'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await interfere(stage.net.gw, 'input', 'udp dport 4500 meta length > 1300 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).connect();
      for (const size of [56, 1000, 1300, 1300, 1350, 1350, 56, 1350]) {
        await ping(stage.net.cl, { count: 2, interval: 0.3, wait: 1, size });
      }
    },
  },
  {
    name: 'path-mtu-silent-vpnc',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'a router on the way drops what is longer than 1200 bytes and says nothing; both directions',
    seenFrom: AT_CLIENT,
    cause: 'path-mtu',
    alsoFine: [...CISCO_NOTES, 'loss'],
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'input', 'udp dport 4500 meta length > 1200 drop');
      await interfere(stage.net.gw, 'output', 'udp sport 4500 meta length > 1200 drop');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'force-natt' });
      for (const size of [56, 1000, 1250, 1250, 1300, 56, 1300]) {
        await ping(stage.net.cl, { count: 2, interval: 0.3, wait: 1, size });
      }
    },
  },
];

const death: readonly Scenario[] = [
  {
    name: 'dpd-death-ikev1',
    peers: swans,
    fault: 'the gateway loses its power; the client asks every three seconds and gives up after twelve',
    seenFrom: AT_CLIENT,
    cause: 'dpd-death',
    alsoFine: ['icmp-unreachable', 'no-answer-500'],
    play: async (stage) => {
      const gateway = await stage.swanGateway('v1-main-xauth');
      await interfere(stage.net.gw, 'output', 'icmp type destination-unreachable drop');
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v1-main-xauth', { connection: { dpd_delay: '3s', dpd_timeout: '12s' } });
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await gateway.crash();
      await sleep(20_000);
    },
  },
  {
    name: 'dpd-death-ikev2',
    peers: swans,
    fault: 'the way to the gateway breaks; the client asks, repeats, and gives up',
    seenFrom: AT_CLIENT,
    cause: 'dpd-death',
    asGood: ['esp-one-way'],
    play: async (stage) => {
      const daemon = { retransmit_timeout: '2', retransmit_base: '1.5', retransmit_tries: '3' };
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v2-psk', { daemon, connection: { dpd_delay: '4s' } });
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await interfere(stage.net.gw, 'input', 'udp dport { 500, 4500 } drop');
      await ping(stage.net.cl, { count: 3, wait: 1 });
      await sleep(24_000);
    },
  },
  {
    name: 'dpd-death-client-gone-ikev1',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'the client loses its power; the gateway asks and gives up',
    seenFrom: AT_GATEWAY,
    cause: 'dpd-death',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway({ config: { dpd: { idle: '5s', timeout: '15s' } } });
      await interfere(stage.net.cl, 'output', 'icmp type destination-unreachable drop');
      await stage.watch(stage.net.gw, 'direct');
      const client = await stage.swanClient('v1-xauth');
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await client.crash();
      await sleep(30_000);
    },
  },
  {
    name: 'dpd-answered-late-ikev1',
    peers: swans,
    fault: 'the first question is lost, the second answered, and the tunnel goes on',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: ['loss'],
    nearMissOf: ['dpd-death'],
    play: async (stage) => {
      await stage.swanGateway('v1-main-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v1-main-xauth', { connection: { dpd_delay: '4s', dpd_timeout: '30s' } });
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await interfere(stage.net.gw, 'input', 'udp dport 4500 drop');
      await sleep(6000);
      await relent(stage.net.gw, 'input');
      await sleep(8000);
      await ping(stage.net.cl, { count: 5 });
    },
  },
  {
    name: 'nat-mapping-timeout-ikev2',
    peers: swans,
    fault:
      'the NAT forgets after five seconds, keepalives are off; then the gateway sends to a port that is no more, and the client comes back from another',
    seenFrom: AT_GATEWAY,
    cause: 'nat-mapping-timeout',
    alsoFine: ['icmp-unreachable', 'esp-one-way', 'loss'],
    play: (stage) => forgetfulNat(stage, 'v2-psk'),
  },
  {
    name: 'nat-mapping-timeout-ikev1',
    peers: swans,
    fault:
      'the NAT forgets after five seconds, keepalives are off; then the gateway sends to a port that is no more, and the client comes back from another',
    seenFrom: AT_GATEWAY,
    cause: 'nat-mapping-timeout',
    alsoFine: ['icmp-unreachable', 'esp-one-way', 'loss'],
    play: (stage) => forgetfulNat(stage, 'v1-main-xauth'),
  },
  {
    name: 'nat-mapping-timeout-minutes',
    peers: swans,
    fault: 'the NAT forgets, keepalives are off; made with five seconds, then the pause stretched to ten minutes',
    seenFrom: AT_GATEWAY,
    cause: 'nat-mapping-timeout',
    alsoFine: ['icmp-unreachable', 'esp-one-way', 'loss'],
    play: (stage) => forgetfulNat(stage, 'v2-psk'),
    edit: (packets) => late(packets, 600),
  },
];

/** Quiet for longer than the NAT remembers, then traffic from the gateway's side, and last from the client's. */
async function forgetfulNat(stage: Stage, kind: 'v2-psk' | 'v1-main-xauth'): Promise<void> {
  await stage.net.nat.nft('flush ruleset');
  await stage.net.nat.nft(
    'table ip nat { chain out { type nat hook postrouting priority 100; oifname "outside" masquerade random; }; }',
  );
  await stage.net.nat.sysctl(
    'net.netfilter.nf_conntrack_udp_timeout=5',
    'net.netfilter.nf_conntrack_udp_timeout_stream=5',
  );
  await stage.swanGateway(kind);
  await stage.watch(stage.net.gw, 'public');
  const client = await stage.swanClient(kind, { ...home(stage), daemon: { keep_alive: '0' } });
  await client.connect();
  const inner = await client.address();
  await ping(stage.net.c1, { count: 5 });
  await sleep(14_000);
  await ping(stage.net.gw, { target: inner, source: lanAddress, count: 6, interval: 0.5, wait: 1 });
  await ping(stage.net.c1, { count: 5 });
}

const renewals: readonly Scenario[] = [
  {
    name: 'rekey-failure-quick-mode-refused',
    peers: swans,
    fault: 'the gateway got another list of ESP algorithms while the tunnel stood, and refuses the renewal',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    asGood: ['phase2-no-proposal'],
    play: async (stage) => {
      stage.keepKeys();
      const gateway = await stage.swanGateway('v1-main-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v1-main-xauth');
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await gateway.load(stage.gatewayConfiguration('v1-main-xauth', { esp: 'aes128gcm16' }));
      await client.rekeyPhase2();
      await sleep(5000);
    },
  },
  {
    name: 'rekey-failure-child-refused-ikev2',
    peers: swans,
    fault:
      'the client wants PFS only when it renews (as the first child never has it), with a group that the gateway does not have',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    asGood: ['phase2-no-proposal', 'group-mismatch'],
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v2-psk', { esp: 'aes256-sha256-modp3072' });
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v2-psk', { esp: 'aes256-sha256-ecp256' });
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await client.rekeyPhase2();
      await sleep(5000);
    },
  },
  {
    name: 'rekey-failure-unanswered-ikev1',
    peers: swans,
    fault: 'quick modes are dropped from the second on: the renewal gets no answer, though ESP still passes',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    play: async (stage) => {
      await stage.swanGateway('v1-main-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      const daemon = { retransmit_timeout: '2', retransmit_base: '1.5', retransmit_tries: '3' };
      const client = await stage.swanClient('v1-main-xauth', { daemon });
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await interfere(stage.net.gw, 'input', 'udp dport 4500 @th,240,8 32 drop');
      await client.rekeyPhase2();
      await ping(stage.net.cl, { count: 16, interval: 1 });
    },
  },
  {
    name: 'rekey-failure-unanswered-ikev2',
    peers: swans,
    fault: 'CREATE_CHILD_SA is dropped: the renewal of the IKE SA gets no answer, and the client gives all of it up',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      const daemon = { retransmit_timeout: '2', retransmit_base: '1.5', retransmit_tries: '3' };
      const client = await stage.swanClient('v2-psk', { daemon });
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await interfere(stage.net.gw, 'input', 'udp dport 4500 @th,240,8 36 drop');
      await client.rekeyPhase1();
      await ping(stage.net.cl, { count: 16, interval: 1 });
    },
  },
  {
    name: 'rekey-failure-eight-minutes',
    peers: swans,
    fault:
      'as an iPhone does after eight minutes: a new quick mode, which the gateway refuses, and the client hangs up; made at once, then moved to its time',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    asGood: ['phase2-no-proposal'],
    alsoFine: CISCO_NOTES,
    play: (stage) => refusedAndLeft(stage),
    edit: (packets) => late(packets, 480),
  },
  {
    name: 'rekey-failure-sixty-minutes',
    peers: swans,
    fault: 'the same after sixty minutes',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    asGood: ['phase2-no-proposal'],
    alsoFine: CISCO_NOTES,
    play: (stage) => refusedAndLeft(stage),
    edit: (packets) => late(packets, 3600),
  },
  {
    name: 'healthy-rekey-after-an-hour',
    peers: swans,
    fault: 'none; phase 2 is renewed after an hour; made at once, then moved to its time',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['rekey-failure', 'nat-mapping-timeout'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v1-xauth');
      await client.connect();
      await ping(stage.net.cl, { count: 5 });
      await sleep(5000);
      await client.rekeyPhase2();
      await sleep(300);
      await ping(stage.net.cl, { count: 5 });
    },
    edit: (packets) => late(packets, 3600),
  },
];

async function refusedAndLeft(stage: Stage): Promise<void> {
  const gateway = await stage.swanGateway('v1-xauth');
  await stage.watch(stage.net.cl, 'eth0');
  const client = await stage.swanClient('v1-xauth');
  await client.connect();
  await ping(stage.net.cl, { count: 8 });
  await gateway.load(stage.gatewayConfiguration('v1-xauth', { esp: 'aes128gcm16' }));
  await sleep(5000);
  await client.rekeyPhase2();
  await sleep(1500);
  await client.terminate();
}

const order: readonly Scenario[] = [
  {
    name: 'replay-window-twins-ikev2',
    peers: swans,
    fault: "a switch doubles each of the client's ESP packets",
    seenFrom: AT_GATEWAY,
    cause: 'replay-window',
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.gw, 'direct');
      await (await stage.swanClient('v2-psk')).connect();
      await ping(stage.net.cl, { count: 3 });
      await stage.net.cl.nft(
        `table ip twins { chain out { type filter hook output priority 0; ${ESP_TO_4500} dup to 192.0.2.1; }; }`,
      );
      await ping(stage.net.cl, { count: 20, interval: 0.1 });
    },
  },
  {
    name: 'replay-window-late-native',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'every tenth ESP packet of the client comes 90 numbers late, beyond the usual window of 64; made by editing',
    seenFrom: AT_GATEWAY,
    cause: 'replay-window',
    alsoFine: CISCO_NOTES,
    play: (stage) => manyPings(stage),
    edit: (packets) => reordered(packets, 10, 180),
  },
  {
    name: 'reordered-a-little',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'every tenth ESP packet of the client comes six packets late, well within the window; made by editing',
    seenFrom: AT_GATEWAY,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['replay-window', 'loss'],
    play: (stage) => manyPings(stage),
    edit: (packets) => reordered(packets, 10, 12),
  },
  {
    name: 'loss-towards-gateway',
    peers: swans,
    fault: 'one in three packets to the gateway gets lost, IKE and ESP alike',
    seenFrom: AT_CLIENT,
    cause: 'loss',
    play: async (stage) => {
      await stage.swanGateway('v1-main-xauth');
      await interfere(stage.net.gw, 'input', 'udp dport { 500, 4500 } numgen inc mod 3 == 1 drop');
      await stage.watch(stage.net.cl, 'eth0');
      const daemon = { retransmit_timeout: '1', retransmit_base: '1.3' };
      await (await stage.swanClient('v1-main-xauth', { daemon })).initiate(40);
      await ping(stage.net.cl, { count: 40, interval: 0.2, wait: 1 });
    },
  },
  {
    name: 'loss-towards-client-seen-there',
    peers: swans,
    fault: 'one in four packets to the client gets lost, so that the numbers of ESP have gaps',
    seenFrom: AT_CLIENT,
    cause: 'loss',
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).connect();
      await interfere(stage.net.gw, 'output', `${ESP_FROM_4500} numgen inc mod 4 == 1 drop`);
      await ping(stage.net.cl, { count: 50, interval: 0.15, wait: 1 });
    },
  },
  {
    name: 'loss-towards-gateway-seen-there',
    peers: [VPNC, OUR_GATEWAY],
    fault:
      'one in five packets from the client gets lost before the gateway, so that the numbers of ESP have gaps there',
    seenFrom: AT_GATEWAY,
    cause: 'loss',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.gw, 'direct');
      await stage.vpnc({ mode: 'none' });
      await interfere(stage.net.cl, 'output', 'meta l4proto 50 numgen inc mod 5 == 1 drop');
      await ping(stage.net.cl, { count: 50, interval: 0.15, wait: 1 });
    },
  },
  {
    name: 'loss-of-one',
    peers: swans,
    fault: 'one single packet of fifty gets lost',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['loss', 'replay-window', 'esp-one-way'],
    play: async (stage) => {
      await stage.swanGateway('v2-psk');
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).connect();
      await interfere(stage.net.gw, 'output', `${ESP_FROM_4500} numgen inc mod 60 == 20 drop`);
      await ping(stage.net.cl, { count: 50, interval: 0.1, wait: 1 });
    },
  },
];

async function manyPings(stage: Stage): Promise<void> {
  await stage.gateway();
  await stage.watch(stage.net.gw, 'direct');
  await stage.vpnc({ mode: 'none' });
  await ping(stage.net.cl, { count: 170, interval: 0.03, size: 8 });
}

export const traffic = [...oneWay, ...large, ...death, ...renewals, ...order];
