/** Whose secret may a peer prove: the policy's groups and peers as IKEv1 credentials. */
import type { Bytes } from '../bytes/bytes.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { identityText } from '../ikev1/identity.ts';
import type { Credential } from '../ikev1/types.ts';
import type { Endpoint } from '../net/address.ts';
import { encodeId, type Identification } from '../wire/ikev1.ts';
import type { GatewayPolicy, GroupPolicy, PeerPolicy } from './policy.ts';

/** Whom an established phase 1 belongs to. */
export type Subject =
  | { readonly kind: 'group'; readonly group: GroupPolicy }
  | { readonly kind: 'peer'; readonly peer: PeerPolicy };

export class Credentials {
  readonly #crypto: CryptoProvider;
  readonly #policy: GatewayPolicy;
  /** Makes up secrets for unknown identities: stable, so that two tries look alike. */
  readonly #decoyKey: Bytes;

  constructor(crypto: CryptoProvider, policy: GatewayPolicy) {
    this.#crypto = crypto;
    this.#policy = policy;
    this.#decoyKey = crypto.random(32);
  }

  /**
   * Aggressive mode names its identity first: one secret, if need be a made-up one. In main mode the identity comes under
   * the secret's protection, so all that may be used without a group's name are tried, the one for the peer's address first.
   */
  find(identity: Identification | undefined, remote: Endpoint): readonly Credential[] {
    if (identity) return [this.#named(identity)];
    const own = (peer: PeerPolicy) => (peer.id === remote.address.text ? 0 : 1);
    const peers = [...this.#policy.peers].sort((a, b) => own(a) - own(b)).map(peerCredential);
    return [...peers, ...this.#policy.groups.filter((group) => group.name === undefined).map(namelessCredential)];
  }

  #named(identity: Identification): Credential {
    const name = identityText(identity);
    const peer = this.#policy.peers.find((one) => one.id === name);
    if (peer) return peerCredential(peer);
    const group = this.#policy.groups.find((one) => one.name === name);
    if (group) return { psk: group.psk, subject: { kind: 'group', group }, known: true, accepts: () => true };
    const psk = this.#crypto.hmac('sha256', this.#decoyKey, encodeId(identity).body);
    return { psk, subject: undefined, known: false, accepts: () => false };
  }
}

function peerCredential(peer: PeerPolicy): Credential {
  const subject: Subject = { kind: 'peer', peer };
  return { psk: peer.psk, subject, known: true, accepts: (identity) => identityText(identity) === peer.id };
}

/** The top-level secret: any identity, since phones and Windows send their private address. The user proves the rest. */
function namelessCredential(group: GroupPolicy): Credential {
  const subject: Subject = { kind: 'group', group };
  return { psk: group.psk, subject, known: true, accepts: () => true };
}
