/** What a peer's error notifications are called (RFC 2408 section 3.14.1), and what they mostly mean to a person. */
import { NotifyType } from '../wire/ikev1.ts';

const NAMES = new Map(Object.entries(NotifyType).map(([name, number]) => [number as number, name]));

const MEANINGS: Readonly<Record<number, string>> = {
  [NotifyType.INVALID_PAYLOAD_TYPE]: 'it could not read what we sent: the secrets differ, or it lacks a feature',
  [NotifyType.INVALID_COOKIE]: 'it knows nothing of this negotiation: it may have restarted',
  [NotifyType.INVALID_EXCHANGE_TYPE]: 'it does not serve this mode; try the other of main and aggressive',
  [NotifyType.INVALID_SPI]: 'it has forgotten the tunnel',
  [NotifyType.NO_PROPOSAL_CHOSEN]: 'it takes none of the algorithms offered, or knows no such group',
  [NotifyType.PAYLOAD_MALFORMED]: 'it could not read what we sent: most often the secrets differ',
  [NotifyType.INVALID_KEY_INFORMATION]: 'the Diffie-Hellman group is none of its own',
  [NotifyType.INVALID_ID_INFORMATION]: 'it does not know the group, or does not serve these networks',
  [NotifyType.INVALID_CERTIFICATE]: 'it does not take our certificate',
  [NotifyType.INVALID_CERT_AUTHORITY]: 'it does not know the authority of our certificate',
  [NotifyType.INVALID_HASH_INFORMATION]: 'the group secrets differ',
  [NotifyType.AUTHENTICATION_FAILED]: 'the group, its secret or the certificate is wrong',
  [NotifyType.INVALID_SIGNATURE]: 'our certificate and key do not fit, or it was changed on the way',
  [NotifyType.UNSUPPORTED_EXCHANGE_TYPE]: 'it does not serve this mode; try the other of main and aggressive',
};

function notifyName(type: number): string {
  return NAMES.get(type) ?? `notification ${type}`;
}

/** "NO_PROPOSAL_CHOSEN (it takes ...)" */
export function notifyExplained(type: number): string {
  const meaning = MEANINGS[type];
  return meaning ? `${notifyName(type)} (${meaning})` : notifyName(type);
}
