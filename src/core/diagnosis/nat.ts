/** Which side is behind a NAT, by the hashes of addresses that both send (RFC 3947 section 3.2, RFC 7296 section 2.23). */
import { fromHex, toHex } from '../bytes/text.ts';
import type { HashName } from '../crypto/algorithms.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Endpoint, IpAddress } from '../net/address.ts';
import { natDetectionHash } from '../protection/ikev1-hashes.ts';
import type { Evidence } from './finding.ts';
import { ZERO_COOKIE } from './ike-datagram.ts';
import type { Message, Negotiation, Role } from './negotiation.ts';
import { otherRole } from './negotiation.ts';
import { chosenOf, isPrivate } from './phases.ts';

export interface NatSighting {
  readonly message: Message;
  /** Who is behind it. */
  readonly behind: Role;
}

const HASHES: readonly HashName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];
/** So many bytes of a hash are kept of a notification. */
const KEPT_DIGITS = 32;

/** What shows a NAT before the client without its hashes: its port was changed on the way, or a private address speaks to a public one. */
export function natSign({ initiator, responder, isWhole, messages }: Negotiation): Evidence | undefined {
  const packet = messages[0]!.packet;
  if (isWhole && responder.port === IKE_PORT && initiator.port !== IKE_PORT)
    return { packet, says: `the client's IKE comes from port ${initiator.port}, not ${IKE_PORT}: a NAT changed it` };
  return natSignOf(initiator.address, responder.address);
}

export function natSignOf(client: IpAddress, gateway: IpAddress): Evidence | undefined {
  if (!isPrivate(client) || isPrivate(gateway)) return undefined;
  return {
    packet: 0,
    says: `the client's address ${client.text} is private, the gateway's isn't: a NAT is between them`,
  };
}

const IKE_PORT = 500;

/** Every message whose hashes don't fit the addresses that it was seen with. */
export function natsOf(crypto: CryptoProvider, negotiation: Negotiation): NatSighting[] {
  return negotiation.messages
    .filter(({ repeats }) => repeats === undefined)
    .flatMap((message) => {
      const { destination, source } = hashesIn(negotiation, message);
      if (destination.length === 0 || source.length === 0) return [];
      const fits = (hashes: readonly string[], endpoint: Endpoint) =>
        hashes.includes(hashOf(crypto, negotiation, message, endpoint));
      return [
        ...(fits(source, message.source) ? [] : [{ message, behind: message.from }]),
        ...(fits(destination, message.destination) ? [] : [{ message, behind: otherRole(message.from) }]),
      ];
    });
}

/** IKEv1: the first is of the destination, the others of the source. */
function hashesIn(
  negotiation: Negotiation,
  { payloads }: Message,
): { destination: readonly string[]; source: readonly string[] } {
  if (negotiation.version === 1) {
    const all = payloads.flatMap((fact) => (fact.kind === 'NAT-D' ? [fact.hash.slice(0, KEPT_DIGITS)] : []));
    return { destination: all.slice(0, 1), source: all.slice(1) };
  }
  const named = (name: string) =>
    payloads.flatMap((fact) => (fact.kind === 'N' && fact.name === name ? [fact.detail] : []));
  return { destination: named('NAT_DETECTION_DESTINATION_IP'), source: named('NAT_DETECTION_SOURCE_IP') };
}

function hashOf(crypto: CryptoProvider, negotiation: Negotiation, message: Message, endpoint: Endpoint): string {
  const name = negotiation.version === 1 ? (chosenOf(negotiation)?.integrity[0] ?? 'sha1') : 'sha1';
  const hash = HASHES.find((known) => known === name) ?? 'sha1';
  // in IKE_SA_INIT's request the responder's SPI is zero
  const isRequest = negotiation.version === 2 && !message.isResponse;
  const responder = isRequest ? ZERO_COOKIE : (negotiation.responderCookie ?? ZERO_COOKIE);
  const cookies = [fromHex(negotiation.initiatorCookie), fromHex(responder)] as const;
  return toHex(natDetectionHash(crypto, hash, ...cookies, endpoint)).slice(0, KEPT_DIGITS);
}
