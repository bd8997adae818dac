/**
 * They agree, and don't believe each other: secrets, identities, certificates; or the user isn't let in.
 *
 * Long because it is a list: one scenario after another, none of which knows the next.
 */
import { ExchangeType } from '../../../src/core/wire/isakmp.ts';
import * as lab from '../../lab/gateway.ts';
import { sleep } from '../../lab/poll.ts';
import { responderConfiguration } from '../../lab/swanctl.ts';
import { ping } from '../../lab/traffic.ts';
import type { CertificateOptions } from './certificates.ts';
import { ikeExchange, interfere, LATER_FRAGMENT } from './faults.ts';
import { NO_IKE_FRAGMENTS, swansMeet } from './meetings.ts';
import {
  AT_CLIENT,
  AT_GATEWAY,
  CISCO_NOTES,
  OUR_CLIENT,
  OUR_GATEWAY,
  type Scenario,
  STRONGSWAN_INITIATOR,
  STRONGSWAN_RESPONDER,
  swans,
  VPNC,
} from './scenario.ts';
import { CLIENT_NAME, GATEWAY_NAME } from './swan.ts';

const secrets: readonly Scenario[] = [
  {
    name: 'psk-mismatch-main-strongswan',
    peers: swans,
    fault: 'the secrets differ',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    play: swansMeet('v1-main', { client: { psk: 'wrong horse' }, seconds: 20 }),
  },
  {
    name: 'psk-mismatch-main-sallyport',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'the secrets differ',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-main-xauth', { psk: 'wrong horse' })).initiate(20);
    },
  },
  {
    name: 'psk-mismatch-aggressive-vpnc-strongswan',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'vpnc has a wrong group secret',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ groupSecret: 'wrong', patience: 15_000 });
      await sleep(6000);
    },
  },
  {
    name: 'psk-mismatch-aggressive-vpnc-sallyport',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'vpnc has a wrong group secret',
    seenFrom: AT_GATEWAY,
    cause: 'psk-mismatch',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.gw, 'direct');
      await stage.vpnc({ groupSecret: 'wrong', patience: 15_000, mode: 'force-natt' });
      await sleep(6000);
    },
  },
  {
    name: 'psk-mismatch-aggressive-strongswan',
    peers: swans,
    fault: 'the secrets differ; the client finds the hash wrong',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    alsoFine: CISCO_NOTES,
    play: swansMeet('v1-xauth', { client: { psk: 'wrong horse' }, seconds: 15 }),
  },
  {
    name: 'psk-mismatch-aggressive-sallyport-client',
    peers: [OUR_CLIENT, STRONGSWAN_RESPONDER],
    fault: 'the profile has a wrong group secret',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.dial({ profile: { psk: 'wrong horse', carrier: 'nat-t' } });
    },
  },
  {
    name: 'psk-mismatch-ikev2-keys',
    peers: swans,
    fault: 'the secrets differ',
    seenFrom: AT_CLIENT,
    cause: 'psk-mismatch',
    asGood: ['ike-auth-refused'],
    alsoFine: ['identity-mismatch'],
    play: swansMeet('v2-psk', { keys: true, client: { psk: 'wrong horse' }, seconds: 15 }),
  },
  {
    name: 'ike-auth-refused-psk',
    peers: swans,
    fault: 'the secrets differ; no keys',
    seenFrom: AT_CLIENT,
    cause: 'ike-auth-refused',
    asGood: ['psk-mismatch'],
    play: swansMeet('v2-psk', { client: { psk: 'wrong horse' }, seconds: 15 }),
  },
];

const identities: readonly Scenario[] = [
  {
    name: 'identity-mismatch-group-vpnc-strongswan',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'vpnc names a group that the gateway does not have',
    seenFrom: AT_CLIENT,
    cause: 'identity-mismatch',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ group: 'sales', patience: 15_000 });
    },
  },
  {
    name: 'identity-mismatch-group-vpnc-sallyport',
    peers: [VPNC, VPNC, OUR_GATEWAY],
    fault: 'vpnc names a group that the gateway does not have; with the right one it gets in',
    seenFrom: AT_CLIENT,
    cause: 'identity-mismatch',
    asGood: ['psk-mismatch'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ group: 'sales', patience: 15_000 });
      await stage.vpnc({ mode: 'force-natt' });
    },
  },
  {
    name: 'identity-mismatch-main-keys',
    peers: swans,
    fault: "the gateway has a connection for an ID that isn't the client's",
    seenFrom: AT_CLIENT,
    cause: 'identity-mismatch',
    play: swansMeet('v1-main', {
      keys: true,
      gateway: { peer: { id: 'branch.example.org' } },
      client: { own: { id: CLIENT_NAME } },
      seconds: 15,
    }),
  },
  {
    name: 'identity-mismatch-gateway-main-keys',
    peers: swans,
    fault: 'the gateway calls itself other.example.org, the client awaits vpn.example.org',
    seenFrom: AT_CLIENT,
    cause: 'identity-mismatch',
    play: swansMeet('v1-main', {
      keys: true,
      gateway: { own: { id: 'other.example.org' } },
      client: { peer: { id: GATEWAY_NAME } },
      seconds: 15,
    }),
  },
  {
    name: 'identity-mismatch-ikev2-idr-keys',
    peers: swans,
    fault: 'the client asks for other.example.org (IDr), the gateway is vpn.example.org',
    seenFrom: AT_CLIENT,
    cause: 'identity-mismatch',
    asGood: ['ike-auth-refused'],
    alsoFine: ['psk-mismatch'],
    play: swansMeet('v2-psk', { keys: true, client: { peer: { id: 'other.example.org' } }, seconds: 15 }),
  },
  {
    name: 'identity-mismatch-ikev2-gateway-keys',
    peers: swans,
    fault: 'the gateway proves itself as vpn.example.org; the client awaits a name in example.net and hangs up',
    seenFrom: AT_CLIENT,
    cause: 'identity-mismatch',
    asGood: ['ike-auth-refused'],
    alsoFine: ['psk-mismatch'],
    play: swansMeet('v2-psk', { keys: true, client: { peer: { id: '*.example.net' } }, seconds: 15 }),
  },
];

const certificates: readonly Scenario[] = [
  {
    name: 'certificate-expired-ikev2-keys',
    peers: swans,
    fault: "the gateway's certificate ended in 2024",
    seenFrom: AT_CLIENT,
    cause: 'certificate-expired',
    play: swansMeet('v2-eap', {
      keys: true,
      certificates: { validity: ['20230101000000Z', '20240101000000Z'] },
      seconds: 15,
    }),
  },
  {
    name: 'certificate-expired-aggressive',
    peers: swans,
    fault: "the gateway's certificate ended in 2024; aggressive mode shows it in clear",
    seenFrom: AT_CLIENT,
    cause: 'certificate-expired',
    play: swansMeet('v1-aggressive-certificates', {
      certificates: { validity: ['20230101000000Z', '20240101000000Z'] },
      seconds: 15,
    }),
  },
  {
    name: 'certificate-expired-main-keys',
    peers: swans,
    fault: "the gateway's certificate begins only in 2030",
    seenFrom: AT_CLIENT,
    cause: 'certificate-expired',
    play: swansMeet('v1-certificates', {
      keys: true,
      certificates: { validity: ['20300101000000Z', '20310101000000Z'] },
      seconds: 15,
    }),
  },
  {
    name: 'certificate-name-ikev2-keys',
    peers: swans,
    fault: 'the gateway calls itself vpn.example.org, as the client wants, but its certificate is for old.example.org',
    seenFrom: AT_CLIENT,
    cause: 'certificate-name',
    asGood: ['identity-mismatch'],
    play: swansMeet('v2-eap', {
      keys: true,
      certificates: { name: 'old.example.org' },
      gateway: { own: { id: '%any' } },
      seconds: 15,
    }),
  },
  {
    name: 'certificate-name-both-keys',
    peers: swans,
    fault: 'certificates on both sides; that of the gateway is for old.example.org, it calls itself vpn.example.org',
    seenFrom: AT_CLIENT,
    cause: 'certificate-name',
    asGood: ['identity-mismatch'],
    play: swansMeet('v2-certificates', {
      keys: true,
      certificates: { name: 'old.example.org' },
      gateway: { own: { id: '%any' } },
      seconds: 15,
    }),
  },
  hybrid({
    name: 'certificate-purpose-hybrid',
    fault: "the gateway's certificate is for clients: it has clientAuth as its only extended key usage",
    cause: 'certificate-purpose',
    certificate: { purposes: 'clientAuth' },
  }),
  hybrid({
    name: 'certificate-purpose-mail-hybrid',
    fault: "the gateway's certificate is for mail: it has emailProtection as its only extended key usage",
    cause: 'certificate-purpose',
    certificate: { purposes: 'emailProtection' },
  }),
  hybrid({
    name: 'certificate-untrusted-hybrid',
    fault: "an authority that the client doesn't trust has signed the gateway's certificate",
    cause: 'certificate-untrusted',
    certificate: { stranger: true },
  }),
  hybrid({
    name: 'certificate-expired-hybrid',
    fault: "the gateway's certificate ended in 2024",
    cause: 'certificate-expired',
    certificate: { validity: ['20230101000000Z', '20240101000000Z'] },
  }),
  hybrid({
    name: 'healthy-hybrid',
    fault: 'none; the gateway shows a certificate in aggressive mode, the user logs in',
    cause: null,
    nearMissOf: ['certificate-expired', 'certificate-name', 'certificate-purpose', 'certificate-untrusted'],
    certificate: {},
  }),
  {
    name: 'certificate-untrusted-ikev2-keys',
    peers: swans,
    fault: "an authority that the client doesn't trust has signed the gateway's certificate",
    seenFrom: AT_CLIENT,
    cause: 'certificate-untrusted',
    play: swansMeet('v2-eap', { keys: true, certificates: { stranger: true }, seconds: 15 }),
  },
  {
    name: 'certificate-untrusted-chain-aggressive',
    peers: swans,
    fault: "the gateway doesn't show the certificate of the authority between; aggressive mode shows its own in clear",
    seenFrom: AT_CLIENT,
    cause: 'certificate-untrusted',
    play: swansMeet('v1-aggressive-certificates', { certificates: { hidesIntermediate: true }, seconds: 15 }),
  },
  {
    name: 'certificate-missing-client-ikev2-keys',
    peers: swans,
    fault: 'the gateway wants a certificate of the client, the client proves itself by a shared secret',
    seenFrom: AT_CLIENT,
    cause: 'certificate-missing',
    asGood: ['ike-auth-refused'],
    play: async (stage) => {
      stage.keepKeys();
      const files = await stage.certificates();
      await stage.swanGateway('v2-certificates', { files: files.gateway });
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v2-psk', {
        files: files.client,
        peer: { auth: 'pubkey', id: GATEWAY_NAME },
      });
      await client.initiate(15);
    },
  },
  {
    name: 'certificate-too-large-request',
    peers: swans,
    fault:
      'certificates of 4096 bits, IKE fragmentation off at the client, and a router before the gateway drops IP fragments',
    seenFrom: AT_CLIENT,
    cause: 'certificate-too-large',
    asGood: ['fragments-lost'],
    alsoFine: ['silence-on-4500'],
    play: swansMeet('v2-certificates', {
      certificates: { bits: 4096 },
      fault: (stage) => interfere(stage.net.gw, 'prerouting', `${LATER_FRAGMENT} drop`),
      client: NO_IKE_FRAGMENTS,
      seconds: 22,
    }),
  },
  {
    name: 'certificate-too-large-answer',
    peers: swans,
    fault:
      "the gateway's answer with its certificates goes out in IP fragments, of which the client's side drops the second",
    seenFrom: AT_GATEWAY,
    cause: 'certificate-too-large',
    asGood: ['fragments-lost'],
    alsoFine: ['loss'],
    play: swansMeet('v2-eap', {
      certificates: { bits: 4096 },
      gateway: NO_IKE_FRAGMENTS,
      fault: (stage) => interfere(stage.net.cl, 'prerouting', `${LATER_FRAGMENT} drop`),
      watched: 'gateway',
      client: NO_IKE_FRAGMENTS,
      seconds: 22,
    }),
  },
  {
    name: 'certificate-too-large-main',
    peers: swans,
    fault: 'main mode with certificates of 4096 bits, IKE fragmentation off, and a router that drops IP fragments',
    seenFrom: AT_CLIENT,
    cause: 'certificate-too-large',
    asGood: ['fragments-lost'],
    alsoFine: ['silence-on-4500'],
    play: swansMeet('v1-certificates', {
      certificates: { bits: 4096 },
      fault: (stage) => interfere(stage.net.gw, 'prerouting', `${LATER_FRAGMENT} drop`),
      client: NO_IKE_FRAGMENTS,
      seconds: 22,
    }),
  },
];

interface Hybrid extends Pick<Scenario, 'name' | 'fault' | 'cause' | 'asGood' | 'nearMissOf'> {
  readonly certificate: CertificateOptions;
}

/** Our client, for strongSwan doesn't look at purposes; in aggressive mode, which shows the certificate in clear. */
function hybrid({ certificate, ...rest }: Hybrid): Scenario {
  return {
    ...rest,
    peers: [OUR_CLIENT, STRONGSWAN_RESPONDER],
    seenFrom: AT_CLIENT,
    play: async (stage) => {
      const files = await stage.certificates(certificate);
      const options = { name: GATEWAY_NAME, certificate: 'gateway.pem', connection: { aggressive: 'yes' } };
      await stage.strongswan(stage.net.gw, responderConfiguration('hybrid', ['192.0.2.1'], options), {
        files: files.gateway,
      });
      await stage.watch(stage.net.cl, 'eth0');
      const authorities = [files.client['x509ca/authority.pem']];
      const trust = { psk: undefined, authorities, gateway_id: GATEWAY_NAME, authentication: 'hybrid' };
      const client = await stage.dial({ profile: { ...trust, carrier: 'nat-t' } });
      if (rest.cause !== null) return;
      await ping(stage.net.cl, { count: 6 });
      await client.stop();
    },
  };
}

const logins: readonly Scenario[] = [
  {
    name: 'xauth-refused-vpnc-strongswan',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'a wrong password',
    seenFrom: AT_CLIENT,
    cause: 'xauth-refused',
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v1-xauth');
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ password: 'wrong', mode: 'force-natt', patience: 15_000 });
    },
  },
  {
    name: 'xauth-refused-vpnc-sallyport',
    peers: [VPNC, OUR_GATEWAY],
    fault: 'a user that the gateway does not know',
    seenFrom: AT_GATEWAY,
    cause: 'xauth-refused',
    asGood: ['login-without-end'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.gateway();
      await stage.watch(stage.net.gw, 'direct');
      await stage.vpnc({ user: 'mallory', patience: 20_000 });
    },
  },
  {
    name: 'xauth-refused-main-strongswan',
    peers: swans,
    fault: 'a wrong password; main mode',
    seenFrom: AT_CLIENT,
    cause: 'xauth-refused',
    alsoFine: ['group-secret-impersonation'],
    play: swansMeet('v1-main-xauth', { keys: true, client: { password: 'wrong' }, seconds: 15 }),
  },
  {
    name: 'xauth-refused-no-keys',
    peers: swans,
    fault: 'a wrong password; no keys: login, then the end',
    seenFrom: AT_CLIENT,
    cause: 'xauth-refused',
    alsoFine: CISCO_NOTES,
    play: swansMeet('v1-xauth', { client: { password: 'wrong' }, seconds: 15 }),
  },
  {
    name: 'login-without-end-sallyport',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'a client that gives the same wrong password each time it is asked, and dials again',
    seenFrom: AT_CLIENT,
    cause: 'login-without-end',
    asGood: ['xauth-refused'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.gateway();
      await stage.watch(stage.net.cl, 'eth0');
      const client = await stage.swanClient('v1-xauth', { password: 'wrong' });
      for (let attempt = 0; attempt < 3; attempt++) await client.initiate(10);
    },
  },
  {
    name: 'eap-refused-ikev2-keys',
    peers: swans,
    fault: 'a wrong password; EAP-MSCHAPv2',
    seenFrom: AT_CLIENT,
    cause: 'eap-refused',
    play: swansMeet('v2-eap', { keys: true, certificates: {}, client: { password: 'wrong' }, seconds: 15 }),
  },
  {
    name: 'eap-refused-ikev2-no-keys',
    peers: swans,
    fault: 'a wrong password; EAP-MSCHAPv2; no keys: several rounds of IKE_AUTH, then the end',
    seenFrom: AT_CLIENT,
    cause: 'eap-refused',
    asGood: ['ike-auth-refused'],
    play: swansMeet('v2-eap', { certificates: {}, client: { password: 'wrong' }, seconds: 15 }),
  },
  {
    name: 'eap-refused-method-keys',
    peers: swans,
    fault: 'the gateway wants EAP-MD5, the client has EAP-MSCHAPv2 alone',
    seenFrom: AT_CLIENT,
    cause: 'eap-refused',
    play: swansMeet('v2-eap', {
      keys: true,
      certificates: {},
      gateway: { peer: { auth: 'eap-md5' } },
      client: { own: { auth: 'eap-mschapv2' } },
      seconds: 15,
    }),
  },
  {
    name: 'login-never-asked-main',
    peers: swans,
    fault: 'phase 1 is done; what the gateway then asks in XAUTH is dropped before the client, which waits',
    seenFrom: AT_CLIENT,
    cause: 'login-never-asked',
    play: swansMeet('v1-main-xauth', {
      keys: true,
      fault: (stage) =>
        interfere(stage.net.gw, 'output', `udp sport 4500 ${ikeExchange(ExchangeType.TRANSACTION)} drop`),
      seconds: 22,
    }),
  },
  {
    name: 'login-never-asked-main-no-keys',
    peers: [STRONGSWAN_INITIATOR, OUR_GATEWAY],
    fault: 'phase 1 is done; what the gateway then asks in XAUTH is dropped before the client, which waits; no keys',
    seenFrom: AT_CLIENT,
    cause: 'login-never-asked',
    play: async (stage) => {
      await stage.gateway();
      await interfere(stage.net.gw, 'output', `udp sport 4500 ${ikeExchange(ExchangeType.TRANSACTION)} drop`);
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-main-xauth', { psk: lab.mainSecret })).initiate(22);
    },
  },
  {
    name: 'login-never-asked-vpnc-deaf',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'the gateway asks and asks; a firewall on the client drops the question',
    seenFrom: AT_GATEWAY,
    cause: 'login-never-asked',
    asGood: ['silence-on-4500'],
    alsoFine: [...CISCO_NOTES, 'loss'],
    play: async (stage) => {
      await stage.swanGateway('v1-xauth');
      await interfere(stage.net.cl, 'input', `udp sport 4500 ${ikeExchange(ExchangeType.TRANSACTION)} drop`);
      await stage.watch(stage.net.gw, 'direct');
      await stage.vpnc({ mode: 'force-natt', patience: 25_000 });
    },
  },
];

const addresses: readonly Scenario[] = [
  {
    name: 'pool-empty-ikev2-keys',
    peers: swans,
    fault: 'the pool has one address, and somebody else holds it',
    seenFrom: AT_CLIENT,
    cause: 'pool-empty',
    asGood: ['mode-config-refused'],
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v2-psk', { pool: '10.77.0.7/32' });
      const other = await stage.net.addClient();
      const own = { id: 'first.example.org' };
      await (await stage.swanClient('v2-psk', { netns: other, local: '10.8.1.2', own })).connect();
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v2-psk')).initiate(15);
    },
  },
  {
    name: 'pool-empty-ikev1-keys',
    peers: swans,
    fault: 'the pool has one address, and somebody else holds it',
    seenFrom: AT_CLIENT,
    cause: 'pool-empty',
    asGood: ['mode-config-refused'],
    alsoFine: ['group-secret-impersonation'],
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v1-main-xauth', { pool: '10.77.0.7/32' });
      const other = await stage.net.addClient();
      await (await stage.swanClient('v1-main-xauth', { netns: other, local: '10.8.1.2' })).connect();
      await stage.watch(stage.net.cl, 'eth0');
      await (await stage.swanClient('v1-main-xauth')).initiate(15);
    },
  },
  {
    name: 'xauth-refused-pool-empty-sallyport',
    peers: [VPNC, VPNC, OUR_GATEWAY],
    fault: 'the pool is empty; the gateway says so by refusing the login',
    seenFrom: AT_GATEWAY,
    cause: 'xauth-refused',
    asGood: ['pool-empty', 'mode-config-refused'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.gateway({ users: { alice: 'alicepass', bob: 'bobpass' }, config: { pool: '10.77.0.0/30' } });
      const other = await stage.net.addClient();
      await stage.vpnc({ netns: other, user: 'bob', password: 'bobpass', mode: 'force-natt' });
      await stage.watch(stage.net.gw, 'direct');
      await stage.vpnc({ mode: 'force-natt', patience: 20_000 });
    },
  },
  {
    name: 'mode-config-refused-ikev2-no-pool',
    peers: swans,
    fault: 'the client asks for an address, the gateway gives none to anybody',
    seenFrom: AT_CLIENT,
    cause: 'mode-config-refused',
    asGood: ['pool-empty', 'selectors-refused'],
    play: swansMeet('v2-psk', { keys: true, gateway: { pool: null }, seconds: 15 }),
  },
  {
    name: 'mode-config-refused-vpnc',
    peers: [VPNC, STRONGSWAN_RESPONDER],
    fault: 'vpnc asks for an address, the gateway gives none to anybody',
    seenFrom: AT_CLIENT,
    cause: 'mode-config-refused',
    asGood: ['pool-empty'],
    alsoFine: CISCO_NOTES,
    play: async (stage) => {
      stage.keepKeys();
      await stage.swanGateway('v1-xauth', { pool: null });
      await stage.watch(stage.net.cl, 'eth0');
      await stage.vpnc({ mode: 'force-natt', patience: 20_000 });
    },
  },
];

export const proof = [...secrets, ...identities, ...certificates, ...logins, ...addresses];
