/** Faults that Libreswan answers in its own way. */
import { type LibreswanOptions, startLibreswan } from './libreswan.ts';
import { AT_CLIENT, LIBRESWAN, type Scenario, STRONGSWAN_INITIATOR } from './scenario.ts';
import type { Stage, SwanStart } from './stage.ts';
import type { SwanKind } from './swan.ts';

interface Dialled extends Omit<Scenario, 'peers' | 'seenFrom' | 'play'> {
  readonly gateway: LibreswanOptions;
  /** What is dialled, one after the other. */
  readonly dials: readonly (readonly [SwanKind, SwanStart])[];
  readonly keyed?: boolean;
}

const IKEV1 = { ikev2: 'no' } as const;
/** Its own default is to drop IKEv1. */
const TAKES_IKEV1 = { 'ikev1-policy': 'accept' } as const;
const IKEV2 = { ikev2: 'insist' } as const;

const dialled: readonly Dialled[] = [
  {
    name: 'phase1-no-proposal-libreswan-ikev2',
    fault: 'the client offers SHA-1, which Libreswan no longer has among its defaults',
    cause: 'phase1-no-proposal',
    gateway: { connection: IKEV2 },
    dials: [['v2-psk', { ike: 'aes128-sha1-modp2048' }]],
  },
  {
    name: 'phase1-no-proposal-libreswan-main',
    fault: 'the client offers 3DES and MD5, the gateway wants AES-256 and SHA-256',
    cause: 'phase1-no-proposal',
    asGood: ['no-answer-500'],
    alsoFine: ['weak-algorithms'],
    gateway: { setup: TAKES_IKEV1, connection: { ...IKEV1, ike: 'aes256-sha2;modp2048' } },
    dials: [['v1-main', { ike: '3des-md5-modp2048' }]],
  },
  {
    name: 'group-mismatch-libreswan-ikev2',
    fault: 'the client offers MODP-2048 alone, the gateway wants ECP-256',
    cause: 'group-mismatch',
    asGood: ['phase1-no-proposal'],
    gateway: { connection: { ...IKEV2, ike: 'aes256-sha2;dh19' } },
    dials: [
      ['v2-psk', { ike: 'aes256-sha256-ecp256' }],
      ['v2-psk', { ike: 'aes256-sha256-modp2048' }],
    ],
  },
  {
    name: 'psk-mismatch-libreswan-main',
    fault: 'the secrets differ',
    cause: 'psk-mismatch',
    gateway: { setup: TAKES_IKEV1, connection: IKEV1 },
    dials: [['v1-main', { psk: 'wrong horse', own: { id: 'laptop.example.org' } }]],
  },
  {
    name: 'psk-mismatch-libreswan-ikev2-keys',
    fault: 'the secrets differ',
    cause: 'psk-mismatch',
    asGood: ['ike-auth-refused', 'identity-mismatch'],
    keyed: true,
    gateway: { connection: IKEV2 },
    dials: [['v2-psk', { psk: 'wrong horse' }]],
  },
  {
    name: 'ike-auth-refused-libreswan',
    fault: 'the secrets differ; no keys',
    cause: 'ike-auth-refused',
    asGood: ['psk-mismatch'],
    gateway: { connection: IKEV2 },
    dials: [['v2-psk', { psk: 'wrong horse' }]],
  },
  {
    name: 'identity-mismatch-libreswan-ikev2-keys',
    fault: 'the client asks for other.example.org (IDr), the gateway is vpn.example.org',
    cause: 'identity-mismatch',
    asGood: ['ike-auth-refused'],
    alsoFine: ['psk-mismatch'],
    keyed: true,
    gateway: { connection: IKEV2 },
    dials: [['v2-psk', { peer: { id: 'other.example.org' } }]],
  },
  {
    name: 'ikev1-to-ikev2-libreswan-silent',
    fault: 'the gateway drops IKEv1 without a word (its default); IKEv2 it answers',
    cause: 'ikev1-to-ikev2',
    // its IKE_AUTH is refused, for a reason that is Libreswan's alone here: no ESP in the kernel
    asGood: ['no-answer-500', 'ike-auth-refused'],
    alsoFine: ['phase1-no-proposal', 'group-mismatch'],
    gateway: { setup: { 'ikev1-policy': 'drop' }, connection: IKEV2 },
    dials: [
      ['v2-psk', {}],
      ['v1-main', {}],
    ],
  },
  {
    name: 'ikev1-to-ikev2-libreswan-refused',
    fault: 'the gateway refuses IKEv1; IKEv2 it answers',
    cause: 'ikev1-to-ikev2',
    asGood: ['phase1-no-proposal', 'ike-auth-refused'],
    alsoFine: ['group-mismatch'],
    gateway: { setup: { 'ikev1-policy': 'reject' }, connection: IKEV2 },
    dials: [
      ['v2-psk', {}],
      ['v1-main', {}],
    ],
  },
  {
    name: 'ikev2-to-ikev1-libreswan',
    fault: 'the gateway has a connection for IKEv1 alone; IKEv1 it answers',
    cause: 'ikev2-to-ikev1',
    // its quick mode is refused, for a reason that is Libreswan's alone here: no ESP in the kernel
    asGood: ['phase1-no-proposal', 'phase2-no-proposal', 'selectors-refused'],
    gateway: { setup: TAKES_IKEV1, connection: IKEV1 },
    dials: [
      ['v1-main', { own: { id: 'laptop.example.org' } }],
      ['v2-psk', {}],
    ],
  },
];

/** How long strongSwan tries: enough for two repeats. */
const TRIES = 13;

async function playAgainst(stage: Stage, { gateway, dials, keyed = false }: Dialled): Promise<void> {
  if (keyed) stage.keepKeys();
  await startLibreswan(stage.net.gw, gateway);
  await stage.watch(stage.net.cl, 'eth0');
  for (const [kind, options] of dials) {
    const client = await stage.swanClient(kind, options);
    await client.initiate(TRIES);
    await client.stop();
  }
}

export const withLibreswan: readonly Scenario[] = dialled.map((one) => {
  const { gateway: _, dials: __, keyed: ___, ...scenario } = one;
  return {
    ...scenario,
    peers: [STRONGSWAN_INITIATOR, LIBRESWAN],
    seenFrom: AT_CLIENT,
    play: (stage) => playAgainst(stage, one),
  };
});
