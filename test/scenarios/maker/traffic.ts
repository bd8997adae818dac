/**
 * The tunnel stands, and carries nothing, not all, or not for long.
 *
 * Long because it is a list: one scenario after another, none of which knows the next.
 */
import { Ikev2Exchange, Ikev2Payload } from '../../../src/core/wire/ikev2.ts';
import { ExchangeType, PayloadType } from '../../../src/core/wire/isakmp.ts';
import { sleep } from '../../lab/poll.ts';
import type { StrongSwan } from '../../lab/strongswan.ts';
import { gatewayAddress, gatewayPublicAddress, lanAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import type { Vpnc } from '../../lab/vpnc.ts';
import { late, reordered } from './edits.ts';
import {
  ESP_FROM_4500,
  ESP_TO_4500,
  FRAGMENT,
  firstPayload,
  ikeExchange,
  interfere,
  LATER_FRAGMENT,
  relent,
  routeWithoutNat,
} from './faults.ts';
import { home, type Met, swansMeet } from './meetings.ts';
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
import { responder, type SwanKind } from './swan.ts';

const GIVES_UP_SOON = { retransmit_timeout: '2', retransmit_base: '1.5', retransmit_tries: '3' };

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
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.gw, 'output', `${ESP_FROM_4500} drop`),
      client: { connection: { dpd_delay: '4s' } },
      afterwards: ({ at }) => ping(at, { count: 16, interval: 0.5, wait: 1 }),
    }),
  },
  {
    name: 'esp-one-way-nat-t-gateway-has-no-route',
    peers: swans,
    fault: 'the host behind the gateway has no way back (its answers are dropped): ESP comes in and nothing goes out',
    seenFrom: AT_GATEWAY,
    cause: 'esp-one-way',
    play: swansMeet('v1-main-xauth', {
      fault: (stage) => interfere(stage.net.gw, 'output', `ip saddr ${lanAddress} drop`),
      behindNat: true,
      watched: 'gateway',
      afterwards: ({ at }) => ping(at, { count: 15, interval: 0.5, wait: 1 }),
    }),
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

/** The client's line gets MTU 1280, and of its pings some are larger. */
async function onNarrowLine({ at }: Met): Promise<void> {
  await at.ip('link', 'set', 'eth0', 'mtu', '1280');
  await ping(at, { count: 4 });
  await ping(at, { count: 8, interval: 0.5, wait: 1, size: 1300 });
  await ping(at, { count: 3 });
}

const large: readonly Scenario[] = [
  {
    name: 'fragments-lost-nat-t-at-gateway',
    peers: swans,
    fault: "the client's line has MTU 1280, so that ESP is cut in two; the router lets no second fragment through",
    seenFrom: AT_GATEWAY,
    cause: 'fragments-lost',
    alsoFine: ['path-mtu', 'loss'],
    play: swansMeet('v2-psk', {
      fault: async ({ net }) => {
        await routeWithoutNat(net);
        await interfere(net.nat, 'prerouting', `${LATER_FRAGMENT} drop`);
      },
      behindNat: true,
      watched: 'gateway',
      afterwards: onNarrowLine,
    }),
  },
  {
    name: 'fragments-lost-nat-t-at-client',
    peers: swans,
    fault: "the client's line has MTU 1280, so that ESP is cut in two; a router before the gateway drops fragments",
    seenFrom: AT_CLIENT,
    cause: 'fragments-lost',
    asGood: ['path-mtu'],
    alsoFine: ['loss'],
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.gw, 'prerouting', `${FRAGMENT} drop`),
      afterwards: onNarrowLine,
    }),
  },
  {
    name: 'fragments-arrive-nat-t',
    peers: swans,
    fault: "the client's line has MTU 1280, so that ESP is cut in two, both ways; all fragments arrive",
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['fragments-lost', 'path-mtu'],
    play: swansMeet('v2-psk', {
      afterwards: async ({ stage, at }) => {
        await at.ip('link', 'set', 'eth0', 'mtu', '1280');
        await stage.net.gw.ip('link', 'set', 'direct', 'mtu', '1280');
        await ping(at, { count: 4 });
        await ping(at, { count: 8, size: 1300 });
      },
    }),
  },
  {
    name: 'ike-fragments-refused-ikev2',
    peers: swans,
    fault: 'a firewall before the gateway drops IKE_AUTH in fragments (SKF), which the gateway had offered',
    seenFrom: AT_CLIENT,
    cause: 'ike-fragments-refused',
    asGood: ['silence-on-4500'],
    play: swansMeet('v2-certificates', {
      certificates: { bits: 4096 },
      fault: (stage) => interfere(stage.net.gw, 'input', `udp dport 4500 ${firstPayload(Ikev2Payload.SKF)} drop`),
      seconds: 24,
    }),
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
      fault: (stage) => interfere(stage.net.gw, 'input', `udp dport 4500 ${firstPayload(PayloadType.FRAGMENT)} drop`),
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
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.gw, 'input', 'udp dport 4500 meta length > 1300 drop'),
      afterwards: async ({ at }) => {
        for (const size of [56, 1000, 1300, 1300, 1350, 1350, 56, 1350])
          await ping(at, { count: 2, interval: 0.3, wait: 1, size });
      },
    }),
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
    name: 'sa-forgotten-vpnc',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'the gateway is restarted and says so; the client goes on with its SA',
    seenFrom: AT_CLIENT,
    cause: 'sa-forgotten',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.watch(stage.net.cl, 'eth0');
      await restarted(stage, 'force-natt');
    },
  },
  {
    name: 'sa-forgotten-native-esp',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'the same by native ESP: the gateway says so on UDP 500',
    seenFrom: AT_GATEWAY,
    cause: 'sa-forgotten',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.watch(stage.net.gw, 'direct');
      await restarted(stage, 'none');
    },
  },
  {
    name: 'sa-forgotten-redialled',
    peers: [VPNC, VPNC, OUR_GATEWAY],
    fault: 'the gateway is restarted and says so; the user dials anew at once, and all is well',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['sa-forgotten', 'dpd-death', 'esp-one-way'],
    play: async (stage) => {
      await stage.watch(stage.net.cl, 'eth0');
      const vpnc = await restarted(stage, 'force-natt', 3);
      await vpnc.stop();
      await stage.vpnc({ mode: 'force-natt' });
      await ping(stage.net.cl, { count: 6 });
    },
  },
  {
    name: 'dpd-death-ikev1',
    peers: swans,
    fault: 'the gateway loses its power; the client asks every three seconds and gives up after twelve',
    seenFrom: AT_CLIENT,
    cause: 'dpd-death',
    alsoFine: ['icmp-unreachable', 'no-answer-500'],
    play: swansMeet('v1-main-xauth', {
      fault: (stage) => interfere(stage.net.gw, 'output', 'icmp type destination-unreachable drop'),
      client: { connection: { dpd_delay: '3s', dpd_timeout: '12s' } },
      afterwards: async ({ gateway, at }) => {
        await ping(at, { count: 5 });
        await gateway.crash();
        await sleep(20_000);
      },
    }),
  },
  {
    name: 'dpd-death-ikev2',
    peers: swans,
    fault: 'the way to the gateway breaks; the client asks, repeats, and gives up',
    seenFrom: AT_CLIENT,
    cause: 'dpd-death',
    asGood: ['esp-one-way'],
    play: swansMeet('v2-psk', {
      client: { daemon: GIVES_UP_SOON, connection: { dpd_delay: '4s' } },
      afterwards: async ({ stage, at }) => {
        await ping(at, { count: 5 });
        await interfere(stage.net.gw, 'input', 'udp dport { 500, 4500 } drop');
        await ping(at, { count: 3, wait: 1 });
        await sleep(24_000);
      },
    }),
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
    play: swansMeet('v1-main-xauth', {
      client: { connection: { dpd_delay: '4s', dpd_timeout: '30s' } },
      afterwards: async ({ stage, at }) => {
        await ping(at, { count: 5 });
        await interfere(stage.net.gw, 'input', 'udp dport 4500 drop');
        await sleep(6000);
        await relent(stage.net.gw, 'input');
        await sleep(8000);
        await ping(at, { count: 5 });
      },
    }),
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

/** The renewal is asked for and never heard, as its exchange is dropped before the gateway. */
function renewalDropped(
  kind: SwanKind,
  exchange: number,
  renew: (client: StrongSwan) => Promise<unknown>,
): Scenario['play'] {
  return swansMeet(kind, {
    client: { daemon: GIVES_UP_SOON },
    afterwards: async ({ stage, client, at }) => {
      await ping(at, { count: 5 });
      await interfere(stage.net.gw, 'input', `udp dport 4500 ${ikeExchange(exchange)} drop`);
      await renew(client);
      await ping(at, { count: 16, interval: 1 });
    },
  });
}

const refusedAndLeft = swansMeet('v1-xauth', {
  afterwards: async ({ gateway, client, at }) => {
    await ping(at, { count: 8 });
    await gateway.load(responder('v1-xauth', { esp: 'aes128gcm16' }));
    await sleep(5000);
    await client.rekeyPhase2();
    await sleep(1500);
    await client.terminate();
  },
});

const renewals: readonly Scenario[] = [
  {
    name: 'rekey-failure-quick-mode-refused',
    peers: swans,
    fault: 'the gateway got another list of ESP algorithms while the tunnel stood, and refuses the renewal',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    asGood: ['phase2-no-proposal'],
    play: swansMeet('v1-main-xauth', {
      keys: true,
      afterwards: async ({ gateway, client, at }) => {
        await ping(at, { count: 5 });
        await gateway.load(responder('v1-main-xauth', { esp: 'aes128gcm16' }));
        await client.rekeyPhase2();
        await sleep(5000);
      },
    }),
  },
  {
    name: 'rekey-failure-child-refused-ikev2',
    peers: swans,
    fault:
      'the client wants PFS only when it renews (as the first child never has it), with a group that the gateway does not have',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    asGood: ['phase2-no-proposal', 'group-mismatch'],
    play: swansMeet('v2-psk', {
      keys: true,
      gateway: { esp: 'aes256-sha256-modp3072' },
      client: { esp: 'aes256-sha256-ecp256' },
      afterwards: async ({ client, at }) => {
        await ping(at, { count: 5 });
        await client.rekeyPhase2();
        await sleep(5000);
      },
    }),
  },
  {
    name: 'rekey-failure-unanswered-ikev1',
    peers: swans,
    fault: 'quick modes are dropped from the second on: the renewal gets no answer, though ESP still passes',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    play: renewalDropped('v1-main-xauth', ExchangeType.QUICK_MODE, (client) => client.rekeyPhase2()),
  },
  {
    name: 'rekey-failure-unanswered-ikev2',
    peers: swans,
    fault: 'CREATE_CHILD_SA is dropped: the renewal of the IKE SA gets no answer, and the client gives all of it up',
    seenFrom: AT_CLIENT,
    cause: 'rekey-failure',
    play: renewalDropped('v2-psk', Ikev2Exchange.CREATE_CHILD_SA, (client) => client.rekeyPhase1()),
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
    play: refusedAndLeft,
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
    play: refusedAndLeft,
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
    play: swansMeet('v1-xauth', {
      afterwards: async ({ client, at }) => {
        await ping(at, { count: 5 });
        await sleep(5000);
        await client.rekeyPhase2();
        await sleep(300);
        await ping(at, { count: 5 });
      },
    }),
    edit: (packets) => late(packets, 3600),
  },
];

const order: readonly Scenario[] = [
  {
    name: 'replay-window-twins-ikev2',
    peers: swans,
    fault: "a switch doubles each of the client's ESP packets",
    seenFrom: AT_GATEWAY,
    cause: 'replay-window',
    play: swansMeet('v2-psk', {
      watched: 'gateway',
      afterwards: async ({ at }) => {
        await ping(at, { count: 3 });
        await at.nft(
          `table ip twins { chain out { type filter hook output priority 0; ${ESP_TO_4500} dup to ${gatewayAddress}; }; }`,
        );
        await ping(at, { count: 20, interval: 0.1 });
      },
    }),
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
    play: swansMeet('v1-main-xauth', {
      fault: (stage) => interfere(stage.net.gw, 'input', 'udp dport { 500, 4500 } numgen inc mod 3 == 1 drop'),
      client: { daemon: { retransmit_timeout: '1', retransmit_base: '1.3' } },
      seconds: 40,
      afterwards: ({ at }) => ping(at, { count: 40, interval: 0.2, wait: 1 }),
    }),
  },
  {
    name: 'loss-towards-client-seen-there',
    peers: swans,
    fault: 'one in four packets to the client gets lost, so that the numbers of ESP have gaps',
    seenFrom: AT_CLIENT,
    cause: 'loss',
    play: swansMeet('v2-psk', {
      afterwards: async ({ stage, at }) => {
        await interfere(stage.net.gw, 'output', `${ESP_FROM_4500} numgen inc mod 4 == 1 drop`);
        await ping(at, { count: 50, interval: 0.15, wait: 1 });
      },
    }),
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
    play: swansMeet('v2-psk', {
      afterwards: async ({ stage, at }) => {
        await interfere(stage.net.gw, 'output', `${ESP_FROM_4500} numgen inc mod 60 == 20 drop`);
        await ping(at, { count: 50, interval: 0.1, wait: 1 });
      },
    }),
  },
];

async function manyPings(stage: Stage): Promise<void> {
  await stage.gateway();
  await stage.watch(stage.net.gw, 'direct');
  await stage.vpnc({ mode: 'none' });
  await ping(stage.net.cl, { count: 170, interval: 0.03, size: 8 });
}

/** A client that sends on, `pings` times, by what the gateway knew before; while that was down nothing answered. */
async function restarted(stage: Stage, mode: 'force-natt' | 'none', pings = 20): Promise<Vpnc> {
  const gateway = await stage.gateway();
  await interfere(stage.net.gw, 'output', 'icmp type destination-unreachable drop');
  const vpnc = await stage.vpnc({ mode });
  await ping(stage.net.cl, { count: 5 });
  await gateway.crash();
  await gateway.serve();
  await ping(stage.net.cl, { count: pings, interval: 0.5, wait: 0.5 });
  return vpnc;
}

export const traffic = [...oneWay, ...large, ...death, ...renewals, ...order];
