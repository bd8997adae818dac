/** The capture shows what one side sends and none of the answers, which did come. */
import type { Conversation } from '../conversation.ts';
import type { Finding } from '../finding.ts';
import { halfSeen } from '../half-seen.ts';
import type { Rule } from '../rule.ts';

export const oneSideSeen: Rule = { of: 'pair', judge };

function judge(conversation: Conversation): Finding | undefined {
  const proof = halfSeen(conversation);
  if (!proof) return undefined;
  const [who, other] = proof.from === 'initiator' ? ['client', 'gateway'] : ['gateway', 'client'];
  return {
    rule: 'one-side-seen',
    severity: 'note',
    cause: `Only what the ${who} sends is in this capture: the ${other} spoke too, as the ${who}'s messages show, and went another way or was filtered out. Why it fails, if it does, can't be told from one side.`,
    evidence: [{ packet: proof.packet, says: `${proof.summary}; what it goes on from isn't there` }],
    remedies: [
      {
        where: 'client',
        does: 'Capture again where both directions pass: at one of the two ends, on all its devices, without a filter by direction.',
        lines: ["tcpdump -i any -s 0 -w both.pcap 'udp port 500 or udp port 4500 or esp or icmp'"],
      },
    ],
  };
}
