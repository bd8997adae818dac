/** What is missing: a side's certificate, an address, a side of the capture, what comes to a port. */
import { sleep } from '../../lab/poll.ts';
import { gatewayAddress } from '../../lab/topology.ts';
import { ping } from '../../lab/traffic.ts';
import { fromFirstSender } from './edits.ts';
import { interfere } from './faults.ts';
import { swansMeet } from './meetings.ts';
import { AT_CLIENT, OUR_GATEWAY, type Scenario, swans, VPNC } from './scenario.ts';
import type { Stage } from './stage.ts';
import type { SwanKind } from './swan.ts';

const NO_CERTIFICATE = { own: { certs: undefined } };

/** strongSwan on both sides, of which one, or both, have their certificates. */
async function withCertificatesAt(stage: Stage, kind: SwanKind, has: 'client' | 'gateway'): Promise<void> {
  const files = await stage.certificates();
  // who trusts the authority need not have a certificate
  const trust = (side: 'client' | 'gateway') =>
    Object.fromEntries(Object.entries(files[side]).filter(([name]) => name.includes('x509ca')));
  const of = (side: 'client' | 'gateway') =>
    side === has ? { files: files[side] } : { files: trust(side), ...NO_CERTIFICATE };
  await stage.swanGateway(kind, of('gateway'));
  await stage.watch(stage.net.cl, 'eth0');
  await (await stage.swanClient(kind, of('client'))).initiate(15);
}

const certificates: readonly Scenario[] = [
  {
    name: 'certificate-missing-main-gateway-keys',
    peers: swans,
    fault: 'main mode by signatures, and the gateway has no certificate and no key',
    seenFrom: AT_CLIENT,
    cause: 'certificate-missing',
    asGood: ['certificate-untrusted'],
    play: (stage) => {
      stage.keepKeys();
      return withCertificatesAt(stage, 'v1-certificates', 'client');
    },
  },
  {
    name: 'certificate-missing-silent-ikev2',
    peers: swans,
    fault: 'IKEv2 by certificates, and the client has none: it says nothing more after IKE_SA_INIT',
    seenFrom: AT_CLIENT,
    cause: 'certificate-missing',
    asGood: ['silence-on-4500'],
    play: async (stage) => {
      await withCertificatesAt(stage, 'v2-certificates', 'gateway');
      // the user looks whether the gateway is there at all
      await sleep(6000);
      await ping(stage.net.cl, { target: gatewayAddress });
    },
  },
  {
    name: 'certificate-missing-eap-gateway-keys',
    peers: swans,
    fault: 'the client logs in by EAP and awaits a certificate of the gateway, which has none',
    seenFrom: AT_CLIENT,
    cause: 'certificate-missing',
    asGood: ['ike-auth-refused'],
    play: (stage) => {
      stage.keepKeys();
      return withCertificatesAt(stage, 'v2-eap', 'client');
    },
  },
  {
    name: 'certificate-missing-no-certificate-sent-keys',
    peers: swans,
    fault: 'the client signs with its key and never sends its certificate, which the gateway does not have',
    seenFrom: AT_CLIENT,
    cause: 'certificate-missing',
    asGood: ['ike-auth-refused'],
    play: swansMeet('v2-certificates', {
      keys: true,
      certificates: {},
      client: { connection: { send_cert: 'never' } },
      seconds: 15,
    }),
  },
];

const addresses: readonly Scenario[] = [
  {
    name: 'pool-empty-ikev2-psk-keys',
    peers: swans,
    fault: 'the client asks for an address, and the gateway has no pool',
    seenFrom: AT_CLIENT,
    cause: 'pool-empty',
    asGood: ['mode-config-refused'],
    play: swansMeet('v2-psk', { keys: true, gateway: { pool: null }, seconds: 15 }),
  },
];

const captures: readonly Scenario[] = [
  {
    name: 'one-side-seen-vpnc',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'none of the connection; of the capture only what the client sends was kept',
    seenFrom: AT_CLIENT,
    cause: 'one-side-seen',
    edit: fromFirstSender,
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0', 'udp or esp');
      await stage.vpnc({ mode: 'none' });
      await ping(stage.net.cl, { count: 12 });
    },
  },
  {
    name: 'silence-on-4500-ikev2-at-gateway',
    peers: swans,
    fault: 'a router before the gateway drops UDP 4500; the client is behind a NAT',
    seenFrom: "the gateway's device, beyond the NAT and the router",
    cause: 'silence-on-4500',
    play: swansMeet('v2-psk', {
      fault: (stage) => interfere(stage.net.nat, 'forward', 'udp dport 4500 drop'),
      behindNat: true,
      watched: 'gateway',
      seconds: 15,
    }),
  },
];

export const lacking = [...certificates, ...addresses, ...captures];
