/** Whose secret may a peer prove: the policy's groups and peers as IKEv1 credentials. */
import { type Bytes, EMPTY } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { identityText } from '../ikev1/identity.ts';
import type { AuthenticationKind, Credential } from '../ikev1/types.ts';
import type { Endpoint } from '../net/address.ts';
import { encodeId, type Identification } from '../wire/ikev1.ts';
import type { GatewayPolicy, GroupPolicy, PeerPolicy } from './policy.ts';

/** Whom an established phase 1 belongs to. */
export type Subject =
  | { readonly kind: 'group'; readonly group: GroupPolicy }
  | { readonly kind: 'peer'; readonly peer: PeerPolicy };

/** What a client does, by the words that the configuration has for it. */
const METHODS: Readonly<Record<AuthenticationKind, string>> = {
  psk: 'secrets (psk)',
  hybrid: 'hybrid authentication (hybrid)',
  signatures: 'certificates of users (certificate)',
};

export class Credentials {
  readonly #crypto: CryptoProvider;
  readonly #policy: () => GatewayPolicy;
  /** Makes up secrets for unknown identities: stable, so that two tries look alike. */
  readonly #decoyKey: Bytes;
  /** Every session keeps one: those of a group, or of a peer, the same. */
  readonly #ofSubjects = new WeakMap<GroupPolicy | PeerPolicy, Credential>();

  constructor(crypto: CryptoProvider, policy: () => GatewayPolicy) {
    this.#crypto = crypto;
    this.#policy = policy;
    this.#decoyKey = crypto.random(32);
  }

  /**
   * Aggressive mode names its identity first: one credential, if need be a made-up one. In main mode the identity comes under
   * the keys' protection. With pre-shared keys all that may be used without a group's name are tried then, the one for the
   * peer's address first; the other kinds need no secret to read it, and any group may be meant.
   */
  find(kind: AuthenticationKind, identity: Identification | undefined, remote: Endpoint): readonly Credential[] {
    if (identity) return [this.#named(kind, identity)];
    const own = (peer: PeerPolicy) => (peer.id === remote.address.text ? 0 : 1);
    const peers = this.#policy()
      .peers.filter((peer) => serves(kind, peer))
      .sort((a, b) => own(a) - own(b));
    const groups = this.#policy().groups.filter((group) => serves(kind, group));
    const named = kind === 'psk' ? [] : groups.filter((group) => group.name !== undefined);
    const nameless = groups.filter((group) => group.name === undefined);
    return [...peers, ...named, ...nameless].map((one) => this.#credentialOf(one));
  }

  #named(kind: AuthenticationKind, identity: Identification): Credential {
    const name = identityText(identity);
    // made up also for those that there are, so that it takes as long
    const psk = this.#crypto.hmac('sha256', this.#decoyKey, encodeId(identity).body);
    const peer = this.#policy().peers.find((one) => one.id === name && serves(kind, one));
    if (peer) return this.#credentialOf(peer);
    const group = this.#policy().groups.find((one) => one.name === name && serves(kind, one));
    if (group) return this.#credentialOf(group);
    const other = this.#policy().groups.some((one) => one.name === name);
    const unknownBecause = other ? `group ${name} isn't open to ${METHODS[kind]}; see its 'authentication'` : undefined;
    return { psk, subject: undefined, known: false, unknownBecause, accepts: () => false };
  }

  #credentialOf(subject: GroupPolicy | PeerPolicy): Credential {
    const known = this.#ofSubjects.get(subject);
    if (known) return known;
    const credential = 'inner' in subject ? peerCredential(subject) : groupCredential(subject);
    this.#ofSubjects.set(subject, credential);
    return credential;
  }
}

function serves(kind: AuthenticationKind, subject: GroupPolicy | PeerPolicy): boolean {
  if (kind === 'psk') return subject.psk !== undefined;
  if ('inner' in subject) return kind === 'signatures' && subject.psk === undefined;
  return kind === 'hybrid' ? subject.hybrid : subject.certificates;
}

function peerCredential(peer: PeerPolicy): Credential {
  const subject: Subject = { kind: 'peer', peer };
  return { psk: peer.psk ?? EMPTY, subject, known: true, accepts: (identity) => identityText(identity) === peer.id };
}

/**
 * A group without a name takes any identity, since phones and Windows send their private address and certificates name their
 * holder; one with a name only its own. The user proves the rest.
 */
function groupCredential(group: GroupPolicy): Credential {
  const subject: Subject = { kind: 'group', group };
  const accepts = (identity: Identification) => group.name === undefined || identityText(identity) === group.name;
  return { psk: group.psk ?? EMPTY, subject, known: true, accepts };
}
