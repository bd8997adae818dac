/** A certificate that the other side doesn't take: its time, its name, its purpose, or who issued it. */
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding, Remedy } from '../finding.ts';
import { type Message, type Negotiation, otherRole, type Role } from '../negotiation.ts';
import { MAX_WORDS } from '../payload-facts.ts';
import { errorsOf, facts, isEstablished, isInformational, isPhase1Done, of, trailing } from '../phases.ts';
import type { CertificateFacts } from '../reading.ts';
import type { Rule, Scene } from '../rule.ts';

export const certificateExpired: Rule = rule('certificate-expired');
export const certificatePurpose: Rule = rule('certificate-purpose');
export const certificateName: Rule = rule('certificate-name');
export const certificateUntrusted: Rule = rule('certificate-untrusted');

export type CertificateRule =
  | 'certificate-expired'
  | 'certificate-purpose'
  | 'certificate-name'
  | 'certificate-untrusted';

/** RFC 5280 section 4.2.1.12, RFC 4945 section 5.1.3.12: what a gateway's certificate may be for. */
const ANY_PURPOSE = '2.5.29.37.0';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const IKE_INTERMEDIATE = '1.3.6.1.5.5.8.2.2';
const IPSEC_IKE = '1.3.6.1.5.5.7.3.17';
const FOR_GATEWAYS: readonly string[] = [ANY_PURPOSE, SERVER_AUTH, IKE_INTERMEDIATE, IPSEC_IKE];

/** ID types of names and addresses; others aren't compared. */
const COMPARED_IDS: readonly number[] = [1, 2, 3, 5];

function rule(name: CertificateRule): Rule {
  return {
    of: 'pair',
    judge: (conversation, scene) => {
      for (const negotiation of conversation.negotiations) {
        const isShown = negotiation.isWhole && negotiation.answerTo(showsCertificate);
        const told = isShown ? trouble(conversation, negotiation, scene) : undefined;
        if (told?.name === name) return finding(told);
      }
      return undefined;
    },
  };
}

function showsCertificate({ messages }: Negotiation): boolean {
  return messages.some(hasCertificate);
}

function hasCertificate({ payloads }: Message): boolean {
  return payloads.some((fact) => fact.kind === 'CERT' && fact.certificate !== undefined);
}

interface Trouble {
  readonly name: CertificateRule;
  readonly who: 'client' | 'gateway';
  readonly why: string;
  readonly evidence: readonly Evidence[];
}

function trouble(conversation: Conversation, negotiation: Negotiation, scene: Scene): Trouble | undefined {
  for (const role of ['responder', 'initiator'] as const) {
    const message = of(role, negotiation.messages).find(hasCertificate);
    const end = message && refusalOf(conversation, negotiation, message, scene);
    if (!message || !end) continue;
    const who = role === 'initiator' ? 'client' : 'gateway';
    const chain = facts([message], 'CERT').flatMap(({ certificate }) => certificate ?? []);
    const fault = faultOf(chain, negotiation, message, role);
    const name = fault?.name ?? 'certificate-untrusted';
    // what is a fault for everybody may be told early; whether a name or an authority is taken, the other side decides
    if (!end.isSure && name !== 'certificate-expired' && name !== 'certificate-purpose') continue;
    const [own] = chain;
    const says = `the ${who}'s certificate: ${own!.subject}, issued by ${own!.issuer}`;
    return {
      name,
      who,
      why:
        fault?.why ??
        `it leads to no authority that the ${who === 'client' ? 'gateway' : 'client'} trusts (issuer: ${chain.at(-1)!.issuer})`,
      evidence: [{ packet: message.packet, says }, ...end.evidence],
    };
  }
  return undefined;
}

/** The other side ends it once it has the certificate: by a word, by silence, or by beginning anew. */
function refusalOf(
  conversation: Conversation,
  negotiation: Negotiation,
  message: Message,
  scene: Scene,
): { evidence: Evidence[]; isSure: boolean } | undefined {
  const other = otherRole(message.from);
  const word = errorsOf(negotiation).find((one) => one.message.packet > message.packet && one.message.from === other);
  // it has another objection
  if (word && !isAboutProof(word.notify.name)) return undefined;
  const next = negotiation.messages.find(
    ({ packet, from, repeats }) => packet > message.packet && from === other && repeats === undefined,
  );
  // who goes on has taken it
  if (next && !isInformational(next) && next.packet !== word?.message.packet) return undefined;
  if (word)
    return {
      evidence: [{ packet: word.message.packet, says: `the other side answers ${word.notify.name}` }],
      isSure: true,
    };
  if (isEndedBy(negotiation, message, other)) {
    const end = negotiation.messages.find(({ packet, from }) => packet > message.packet && from === other)!;
    return { evidence: [{ packet: end.packet, says: `the other side ends it at once: ${end.summary}` }], isSure: true };
  }
  if (isEstablished(negotiation) || isPhase1Done(negotiation)) return undefined;
  const end = trailing(negotiation);
  if (end?.role !== message.from || message.packet < end.messages[0]!.packet) return undefined;
  const again = conversation.negotiations.some(({ firstAt }) => firstAt > message.at);
  return {
    evidence: [{ packet: 0, says: 'the other side says nothing more' }],
    isSure: again || scene.lastAt - message.at > SILENCE,
  };
}

const SILENCE = 2000;

/** An informational message is the next and the last that it says, though a proof or a tunnel would be due. */
function isEndedBy(negotiation: Negotiation, message: Message, other: Role): boolean {
  const rest = negotiation.messages.filter(
    ({ packet, from, repeats }) => packet > message.packet && from === other && repeats === undefined,
  );
  if (rest.length === 0 || rest.length > 2 || !rest.every(isInformational)) return false;
  return rest[0]!.at - message.at < AT_ONCE;
}

/** A person hangs up later than this. Milliseconds. */
const AT_ONCE = 1000;

function isAboutProof(name: string): boolean {
  return [
    'AUTHENTICATION_FAILED',
    'INVALID_CERTIFICATE',
    'INVALID_CERT_AUTHORITY',
    'INVALID_SIGNATURE',
    'CERTIFICATE_UNAVAILABLE',
    'INVALID_ID_INFORMATION',
  ].includes(name);
}

function faultOf(
  chain: readonly CertificateFacts[],
  negotiation: Negotiation,
  message: Message,
  role: Role,
): { name: CertificateRule; why: string } | undefined {
  const now = message.at;
  for (const { subject, notBefore, notAfter } of chain) {
    if (now > notAfter) return { name: 'certificate-expired', why: `that of ${subject} expired on ${dayOf(notAfter)}` };
    if (now < notBefore)
      return {
        name: 'certificate-expired',
        why: `that of ${subject} isn't valid before ${dayOf(notBefore)}; or a clock is wrong`,
      };
  }
  const [own] = chain;
  if (!own) return undefined;
  if (role === 'responder' && own.purposes && !own.purposes.some((purpose) => FOR_GATEWAYS.includes(purpose)))
    return {
      name: 'certificate-purpose',
      why: 'it lacks the extended key usage serverAuth, which clients want of a gateway',
    };
  // it may have thousands, and be asked for as many
  const names = new Set(own.names.map((name) => name.toLowerCase()));
  const wanted = identities(negotiation, message, role).find((text) => !names.has(text.toLowerCase()));
  if (wanted === undefined) return undefined;
  return { name: 'certificate-name', why: `it is for ${namesText(own.names) || own.subject}, and not for ${wanted}` };
}

/** Our own limit on the names that a finding tells. */
export const MAX_SHOWN_NAMES = 8;

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, MAX_SHOWN_NAMES).map((name) => name.slice(0, MAX_WORDS));
  const more = names.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** What its owner calls itself, and what the other side asked for (IDr). */
function identities(negotiation: Negotiation, message: Message, role: Role): string[] {
  const own = facts([message], 'ID');
  const asked =
    role === 'responder' ? facts(of('initiator', negotiation.messages), 'ID').filter(({ name }) => name === 'IDr') : [];
  return [...own, ...asked].filter(({ type }) => COMPARED_IDS.includes(type)).map(({ text }) => text);
}

/** Without a calendar of the host's: days since the epoch to a date (proleptic Gregorian). */
function dayOf(time: number): string {
  const days = Math.floor(time / 86_400_000) + 719_468;
  const era = Math.floor(days / 146_097);
  const dayOfEra = days - era * 146_097;
  const year = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const two = (number: number) => String(number).padStart(2, '0');
  return `${year + era * 400 + (month <= 2 ? 1 : 0)}-${two(month)}-${two(day)}`;
}

function finding({ name, who, why, evidence }: Trouble): Finding {
  return {
    rule: name,
    severity: 'cause',
    cause: `The ${who === 'client' ? 'gateway' : 'client'} does not take the ${who}'s certificate: ${why}.`,
    evidence,
    remedies: REMEDIES[name],
  };
}

const ISSUE: readonly Remedy[] = [
  {
    where: 'sallyport',
    does: "Issue the gateway's certificate anew, for the name that clients dial, and reload.",
    lines: ['sallyport ca gateway NAME --force', 'sallyport reload'],
  },
  {
    where: 'strongswan',
    does: 'Issue it anew, with the name that clients dial and for a server; then swanctl --load-creds:',
    lines: [
      'pki --issue --cacert ca.pem --cakey ca.key --in gateway.pub --type pub --dn "CN=NAME" --san NAME --flag serverAuth --flag ikeIntermediate --outform pem > gateway.pem',
    ],
  },
  {
    where: 'libreswan',
    does: 'Issue it anew:',
    lines: [
      'certutil -S -c CA -n gateway -s "CN=NAME" -t ",," -v 24 -d sql:/etc/ipsec.d --keyUsage digitalSignature --extKeyUsage serverAuth --extSAN dns:NAME',
    ],
  },
];

export function certificateRemedies(name: CertificateRule): readonly Remedy[] {
  return REMEDIES[name];
}

const REMEDIES: Readonly<Record<CertificateRule, readonly Remedy[]>> = {
  'certificate-expired': [
    ...ISSUE,
    {
      where: 'client',
      does: 'Or set the clock right, if it is the clock.',
      lines: ['timedatectl set-ntp true', 'w32tm /resync'],
    },
  ],
  'certificate-purpose': ISSUE,
  'certificate-name': [
    { where: 'client', does: 'Dial the gateway by a name that is in the certificate.', lines: [] },
    {
      where: 'windows',
      does: 'PowerShell:',
      lines: ['Set-VpnConnection -Name "VPN" -ServerAddress NAME -Force'],
    },
    { where: 'sallyport', does: 'Call the gateway what its certificate calls it.', lines: ['identity: NAME'] },
    ...ISSUE,
  ],
  'certificate-untrusted': [
    {
      where: 'windows',
      does: 'A command prompt as administrator: trust the authority, in the store of the machine.',
      lines: ['certutil -addstore Root ca.crt'],
    },
    {
      where: 'strongswan',
      does: 'Put the authority where it is looked for, then load; at the side that refuses:',
      lines: ['cp ca.crt /etc/swanctl/x509ca/', 'swanctl --load-creds'],
    },
    {
      where: 'libreswan',
      does: 'At the side that refuses:',
      lines: ['certutil -A -n CA -t "CT,," -i ca.crt -d sql:/etc/ipsec.d'],
    },
    {
      where: 'sallyport',
      does: 'Send the certificates between as well, in one file behind the own one; and know the authorities of clients.',
      lines: ['certificate: { file: chain.crt, key: gateway.key }', 'authorities: [ca.crt]'],
    },
  ],
};
