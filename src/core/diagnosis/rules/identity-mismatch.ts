/** Who one side says to be isn't who the other awaits: seen in aggressive mode, where the name comes in clear, else with keys. */
import { toHex, utf8 } from '../../bytes/text.ts';
import type { Conversation } from '../conversation.ts';
import type { Evidence, Finding } from '../finding.ts';
import { ofGateway } from '../gateways.ts';
import type { Message, Negotiation } from '../negotiation.ts';
import {
  chosenOf,
  errorsOf,
  facts,
  failedOf,
  groupNameOf,
  isAggressive,
  isAnswered,
  isBySecret,
  isPhase1Done,
  unanswered,
} from '../phases.ts';
import type { Rule, Scene } from '../rule.ts';

export const identityMismatch: Rule = { of: 'pair', judge };

const REFUSALS: readonly string[] = ['AUTHENTICATION_FAILED', 'INVALID_ID_INFORMATION', 'INVALID_HASH_INFORMATION'];

function judge(conversation: Conversation, scene: Scene): Finding | undefined {
  for (const negotiation of failedOf(conversation)) {
    const opened = openedRefusal(negotiation);
    if (opened) return openedFinding(opened);
    if (!isAggressive(negotiation) || chosenOf(negotiation)) continue;
    const evidence = refusal(negotiation) ?? silence(negotiation, scene);
    if (evidence) return finding(negotiation, evidence);
  }
  return undefined;
}

interface Opened {
  readonly message: Message;
  readonly word: string;
  readonly named: readonly { readonly packet: number; readonly says: string }[];
}

/**
 * With keys: in main mode a refusal that the same keys open is of the identity, as the secret fits. With IKEv2 a client that
 * refuses a gateway whose proof it could read awaited another.
 */
function openedRefusal(negotiation: Negotiation): Opened | undefined {
  const told = errorsOf(negotiation).find(({ message, notify }) => message.isOpened && REFUSALS.includes(notify.name));
  if (!told || isPhase1Done(negotiation)) return undefined;
  const { message, notify } = told;
  const shown = negotiation.messages.filter(
    ({ packet, from, payloads }) =>
      packet < message.packet && from !== message.from && payloads.some(({ kind }) => kind === 'ID'),
  );
  const isFitting =
    negotiation.version === 1
      ? isBySecret(chosenOf(negotiation))
      : message.from === 'initiator' && facts(shown, 'CERT').length === 0 && facts(shown, 'EAP').length === 0;
  if (!isFitting || shown.length === 0) return undefined;
  const named = shown.map((one) => {
    // an initiator's IDr is whom it wants to speak to, not who it is
    const own = facts([one], 'ID').filter(({ name }) => name !== 'IDr' || message.from === 'initiator');
    return { packet: one.packet, says: `it calls itself ${own.map(({ text }) => text).join(', ')}` };
  });
  return { message, word: notify.name, named };
}

function openedFinding({ message, word, named }: Opened): Finding {
  const [who, other] = message.from === 'responder' ? ['gateway', 'client'] : ['client', 'gateway'];
  return {
    rule: 'identity-mismatch',
    severity: 'cause',
    cause: `The ${who} doesn't take the ${other}'s identity: it awaits another name, or has no connection for this one.`,
    evidence: [...named, { packet: message.packet, says: `the ${who} answers ${word}, though the secret fits` }],
    remedies: [
      {
        where: 'strongswan',
        does: 'swanctl.conf, in the connection, on the side that refuses: the name that the other one sends (%any: all).',
        lines: ['remote { id = %any }'],
      },
      { where: 'libreswan', does: 'ipsec.conf, in the conn:', lines: ['rightid=%any'] },
      {
        where: 'sallyport',
        does: 'A tunnel without a user is found by this name.',
        lines: ['peers:', '  - { id: NAME, psk_file: FILE, inner: NETWORK }'],
      },
      {
        where: 'client',
        does: "Or have it send the name that is awaited (macOS and iOS: 'Local ID', 'Remote ID').",
        lines: [],
      },
    ],
  };
}

/** Before message 2 nothing else could be refused but the name. */
function refusal(negotiation: Negotiation): Evidence[] | undefined {
  const told = errorsOf(negotiation).find(
    ({ message, notify }) => message.from === 'responder' && !message.isEncrypted && REFUSALS.includes(notify.name),
  );
  return (
    told && [{ packet: told.message.packet, says: `the gateway answers ${told.notify.name} to the very first message` }]
  );
}

/** Of each name that the gateway answers in aggressive mode one negotiation. */
const servedNames = ofGateway((gateway, conversations): readonly Negotiation[] => {
  const served = conversations
    .flatMap(({ negotiations }) => negotiations)
    .filter((one) => one.responder.address.text === gateway && isAggressive(one) && chosenOf(one));
  return [...Map.groupBy(served, groupNameOf).values()].map(([first]) => first!);
});

/** No answer at all, though the same gateway answers aggressive mode with another name. */
function silence(negotiation: Negotiation, scene: Scene): Evidence[] | undefined {
  if (isAnswered(negotiation) || !unanswered(negotiation, scene)) return undefined;
  const gateway = negotiation.responder.address.text;
  const other = servedNames(gateway, scene).find((one) => groupNameOf(one) !== groupNameOf(negotiation));
  return (
    other && [
      { packet: negotiation.messages.at(-1)!.packet, says: 'it gets no answer' },
      { packet: other.messages[0]!.packet, says: `the same gateway answers the name '${groupNameOf(other)}'` },
    ]
  );
}

function finding(negotiation: Negotiation, evidence: readonly Evidence[]): Finding {
  const name = groupNameOf(negotiation);
  return {
    rule: 'identity-mismatch',
    severity: 'cause',
    cause: `The client calls its group '${name}', and the gateway knows no group of that name.`,
    evidence: [
      { packet: negotiation.messages[0]!.packet, says: `aggressive mode with the name '${name}'` },
      ...evidence,
    ],
    remedies: [
      {
        where: 'client',
        does: "Write the group's name as the gateway has it, letter by letter (vpnc: 'IPSec ID'; macOS and iOS: 'Group Name').",
        lines: [],
      },
      {
        where: 'sallyport',
        does: 'Or have a group of that name.',
        lines: ['groups:', `  ${yamlKey(name)}: { psk_file: FILE }`],
      },
      {
        where: 'strongswan',
        does: 'swanctl.conf, in the connection:',
        lines: [`remote { id = @#${hexOf(name)} }`, `remote { id = ${name} }`],
      },
      { where: 'libreswan', does: 'ipsec.conf, in the conn:', lines: [`rightid=@[${name}]`] },
      {
        where: 'cisco-asa',
        does: 'Configuration:',
        lines: [
          `tunnel-group ${name} type remote-access`,
          `tunnel-group ${name} ipsec-attributes`,
          ' ikev1 pre-shared-key SECRET',
        ],
      },
    ],
  };
}

/** A name that YAML would read as something else stands in quotes. */
function yamlKey(name: string): string {
  return /^[A-Za-z][\w.@-]*$/.test(name) && !/^(true|false|null|yes|no|on|off)$/i.test(name)
    ? name
    : JSON.stringify(name);
}

/** strongSwan's spelling of an ID of type KEY_ID. */
function hexOf(name: string): string {
  return toHex(utf8(name));
}
