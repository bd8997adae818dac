/** Nothing is wrong: over each carrier, with renewals, questions and answers. */
import { sleep } from '../../lab/poll.ts';
import { clientAddress6, gatewayAddress6, gatewayPublicAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import { type Met, NO_IKE_FRAGMENTS, swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  BEFORE_NAT,
  BEYOND_NAT,
  CISCO_NOTES,
  OUR_CLIENT,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_INITIATOR,
  STRONGSWAN_RESPONDER,
  swans,
  VPNC,
} from './scenario.ts';

async function pingsAndLeaves({ client, at }: Met, count: number): Promise<void> {
  await ping(at, { count });
  await client.terminate();
}

export const healthy: readonly Scenario[] = [
  {
    name: 'healthy-ikev2-psk',
    peers: swans,
    fault: 'none',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['ike-auth-refused', 'psk-mismatch'],
    play: swansMeet('v2-psk', { afterwards: (met) => pingsAndLeaves(met, 10) }),
  },
  {
    name: 'healthy-ikev2-eap-nat',
    peers: swans,
    fault: 'none; EAP-MSCHAPv2 from behind a NAT',
    seenFrom: BEYOND_NAT,
    cause: null,
    nearMissOf: ['eap-refused', 'ike-auth-refused', 'gateway-behind-nat'],
    play: swansMeet('v2-eap', {
      certificates: {},
      behindNat: true,
      watched: 'nat',
      afterwards: ({ at }) => ping(at, { count: 10 }),
    }),
  },
  {
    name: 'healthy-ikev2-certificates-fragments',
    peers: swans,
    fault: 'none; certificates of 4096 bits, in IKE fragments',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['ike-fragments-refused', 'fragments-lost', 'certificate-too-large'],
    play: swansMeet('v2-certificates', { certificates: { bits: 4096 }, afterwards: (met) => pingsAndLeaves(met, 6) }),
  },
  {
    name: 'healthy-ikev2-certificates-ip-fragments',
    peers: swans,
    fault: 'none; certificates of 4096 bits in IP fragments, all of which arrive',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['fragments-lost', 'certificate-too-large'],
    play: swansMeet('v2-certificates', {
      certificates: { bits: 4096 },
      gateway: NO_IKE_FRAGMENTS,
      client: NO_IKE_FRAGMENTS,
      afterwards: ({ at }) => ping(at, { count: 6 }),
    }),
  },
  {
    name: 'healthy-ikev1-main-site',
    peers: swans,
    fault: 'none; site to site',
    seenFrom: AT_GATEWAY,
    cause: null,
    nearMissOf: ['psk-mismatch', 'login-never-asked'],
    play: async (stage) => {
      await stage.swanGateway('v1-main');
      await stage.net.cl.ip('address', 'add', '10.88.0.1/32', 'dev', 'lo');
      await stage.watch(stage.net.gw, 'direct');
      const client = await stage.swanClient('v1-main', { child: { local_ts: '10.88.0.0/24' } });
      await client.connect();
      await ping(stage.net.cl, { count: 8, source: '10.88.0.1' });
      await client.terminate();
    },
  },
  {
    name: 'healthy-ikev1-main-xauth-keys',
    peers: swans,
    fault: 'none; with keys',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['xauth-refused', 'mode-config-refused', 'phase2-no-proposal'],
    play: swansMeet('v1-main-xauth', { keys: true, afterwards: (met) => pingsAndLeaves(met, 8) }),
  },
  {
    name: 'healthy-vpnc-nat-t',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'none; from behind a NAT',
    seenFrom: BEFORE_NAT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['silence-on-4500', 'gateway-behind-nat'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.c1, 'eth0');
      const vpnc = await stage.vpnc({ netns: stage.net.c1, gateway: gatewayPublicAddress });
      await ping(stage.net.c1, { count: 10 });
      await vpnc.stop();
    },
  },
  {
    name: 'healthy-vpnc-native-esp',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'none; ESP as it is',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['esp-one-way', 'nat-without-nat-t'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      const vpnc = await stage.vpnc({ mode: 'none' });
      await ping(stage.net.cl, { count: 10 });
      await vpnc.stop();
    },
  },
  {
    name: 'healthy-vpnc-cisco-udp-nat',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'none; ESP in UDP 10000 from behind a NAT',
    seenFrom: AT_GATEWAY,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['cisco-udp-closed', 'esp-one-way'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.gw, 'public');
      const vpnc = await stage.vpnc({ mode: 'cisco-udp', netns: stage.net.c1, gateway: gatewayPublicAddress });
      await ping(stage.net.c1, { count: 10 });
      await vpnc.stop();
    },
  },
  {
    name: 'healthy-cisco-tcp',
    peers: [OUR_CLIENT, OUR_GATEWAY],
    fault: 'none; Cisco IPsec over TCP',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['cisco-tcp-closed', 'loss'],
    play: async (stage) => {
      const carriers = { 'nat-t': true, esp: true, 'cisco-udp': 10000, 'cisco-tcp': [10000] };
      await stage.gateway({ config: { carriers } });
      await stage.watch(stage.net.cl, 'eth0');
      const client = stage.client({ profile: { carrier: 'cisco-tcp' } });
      await client.decided();
      await ping(stage.net.cl, { count: 10 });
      await client.stop();
    },
  },
  {
    name: 'healthy-every-way-raced',
    peers: [OUR_CLIENT, OUR_GATEWAY],
    fault: 'none; the client tries several ways at once and gives up all but one',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['half-open-flood', 'scanner', 'no-answer-500', 'cisco-tcp-closed'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      const client = stage.client();
      await client.decided();
      await ping(stage.net.cl, { count: 6 });
      await client.stop();
    },
  },
  {
    name: 'healthy-ikev2-ipv6',
    peers: swans,
    fault: 'none; over IPv6, IKE alone',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['no-answer-500'],
    play: swansMeet('v2-psk', {
      gateway: { daemon: { plugins: {} }, connection: { encap: 'no' } },
      client: { daemon: { plugins: {} }, local: clientAddress6, remote: gatewayAddress6 },
      seconds: 15,
      afterwards: async ({ client }) => {
        await sleep(1000);
        await client.terminate();
      },
    }),
  },
  {
    name: 'healthy-rekey-ikev2',
    peers: swans,
    fault: 'none; both SAs are renewed under traffic',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['rekey-failure', 'replay-window', 'esp-one-way'],
    play: swansMeet('v2-psk', {
      keys: true,
      afterwards: async (met) => {
        await ping(met.at, { count: 5 });
        await met.client.rekeyPhase2();
        await ping(met.at, { count: 5 });
        await met.client.rekeyPhase1();
        await pingsAndLeaves(met, 5);
      },
    }),
  },
  {
    name: 'healthy-rekey-ikev1',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'none; phase 2 is renewed twice under traffic',
    seenFrom: AT_CLIENT,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['rekey-failure', 'message-id-shared', 'esp-one-way'],
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v1-xauth');
      await client.connect();
      for (let renewal = 0; renewal < 2; renewal++) {
        await ping(stage.net.cl, { count: 5 });
        await client.rekeyPhase2();
        await sleep(500);
      }
      await ping(stage.net.cl, { count: 5 });
      await client.terminate();
    },
  },
  {
    name: 'healthy-dpd-ikev1',
    peers: swans,
    fault: 'none; the client asks every three seconds whether the gateway lives, and it does',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['dpd-death'],
    play: swansMeet('v1-main-xauth', {
      client: { connection: { dpd_delay: '3s', dpd_timeout: '12s' } },
      afterwards: async ({ client, at }) => {
        await ping(at, { count: 3 });
        await sleep(13_000);
        await client.terminate();
      },
    }),
  },
  {
    name: 'healthy-keepalives-nat',
    peers: swans,
    fault: 'none; a quiet tunnel behind a NAT, held open by keepalives and questions',
    seenFrom: BEYOND_NAT,
    cause: null,
    nearMissOf: ['nat-mapping-timeout', 'dpd-death'],
    play: swansMeet('v2-psk', {
      behindNat: true,
      watched: 'nat',
      client: { daemon: { keep_alive: '3s' }, connection: { dpd_delay: '6s', encap: 'no' } },
      afterwards: async ({ at }) => {
        await ping(at, { count: 3 });
        await sleep(16_000);
        await ping(at, { count: 3 });
      },
    }),
  },
  {
    name: 'healthy-two-behind-one-nat',
    peers: [VPNC, VPNC, STRONGSWAN_RESPONDER],
    fault: 'none; two clients behind one NAT',
    seenFrom: AT_GATEWAY,
    cause: null,
    alsoFine: CISCO_NOTES,
    nearMissOf: ['message-id-shared', 'l2tp-second-client-starves', 'nat-mapping-timeout'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.gw, 'public');
      for (const netns of [stage.net.c1, stage.net.c2]) await stage.vpnc({ netns, gateway: gatewayPublicAddress });
      for (const netns of [stage.net.c1, stage.net.c2]) await ping(netns, { count: 6 });
    },
  },
  {
    name: 'healthy-site-idle',
    peers: swans,
    fault: 'none; both SAs stand and nobody sends anything through them',
    seenFrom: AT_CLIENT,
    cause: null,
    nearMissOf: ['esp-one-way', 'dpd-death'],
    play: swansMeet('v2-psk', { afterwards: () => sleep(4000) }),
  },
];
