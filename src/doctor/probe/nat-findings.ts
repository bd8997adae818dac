/** Findings about NATs between us and the gateway. */
import type { Finding } from '../../core/diagnosis/finding.ts';
import { WINDOWS_BEHIND_NAT } from '../../core/diagnosis/rules/gateway-behind-nat.ts';
import type { ProbeRule } from './rule.ts';
import type { Survey } from './survey.ts';

/** NAT_DETECTION_SOURCE_IP, or the later NAT-D payloads: not the address that we asked. */
function gatewayBehindNat({ gateway }: Survey): Finding | undefined {
  if (gateway?.nat.theirs !== 'present') return undefined;
  return {
    rule: 'gateway-behind-nat',
    severity: 'note',
    cause:
      'The gateway sees itself under another address than the one asked: it is behind a NAT, or pretends so to have ESP in UDP. ' +
      'Windows does not dial L2TP to such a gateway as it comes (error 809).',
    evidence: [
      { packet: gateway.nat.packet, says: "the gateway's own NAT detection hash is not of the address that was asked" },
    ],
    remedies: WINDOWS_BEHIND_NAT,
  };
}

function clientBehindNat({ gateway }: Survey): Finding | undefined {
  if (gateway?.nat.ours !== 'present') return undefined;
  return {
    rule: 'client-behind-nat',
    severity: 'note',
    cause:
      'The gateway sees this host under another address or port: a NAT is between, or the gateway pretends so to have ESP in UDP. ' +
      'So data goes through UDP 4500, and IP protocol 50 serves nobody here.',
    evidence: [
      {
        packet: gateway.nat.packet,
        says: 'its NAT detection hash of us is not of the address and port that this host has',
      },
    ],
    remedies: [],
  };
}

export const NAT_RULES: readonly ProbeRule[] = [gatewayBehindNat, clientBehindNat];
