/** A capture's diagnosis for programs. Its form is promised in docs/doctor.md: names stay, and new ones may come. */
import type { Conversation, IcmpSighting, L2tpSighting, TcpFlow } from '../../core/diagnosis/conversation.ts';
import type { Diagnosis, PlacedFinding } from '../../core/diagnosis/diagnosis.ts';
import type { EspFlow } from '../../core/diagnosis/esp-flow.ts';
import type { Message, Negotiation } from '../../core/diagnosis/negotiation.ts';
import { exchangeName } from '../../core/diagnosis/notify-words.ts';
import { formatEndpoint } from '../../core/net/address.ts';
import type { CaptureSummary } from '../capture/read-capture.ts';
import { verdictOf } from './verdict.ts';

export function jsonOf(title: string, diagnosis: Diagnosis, summary: CaptureSummary): object {
  const { text: verdict, isHealthy } = verdictOf(diagnosis);
  const { findings, conversations, dropped } = diagnosis;
  return {
    verdict,
    healthy: isHealthy,
    findings: findings.map(findingOf),
    capture: captureOf(title, diagnosis, summary),
    conversations: conversations.map(conversationOf),
    dropped,
  };
}

function findingOf({ rule, severity, cause, evidence, remedies, conversation, alike }: PlacedFinding): object {
  return { rule, severity, cause, evidence, remedies, conversation: conversation?.number ?? null, alike };
}

function captureOf(title: string, { ipsec }: Diagnosis, summary: CaptureSummary): object {
  const { format, packets, firstAt, lastAt, fragments, unknownLinkTypes, learntPorts, problem } = summary;
  return {
    ...{ file: title, format, packets, ipsec, firstAt: firstAt ?? null, lastAt: lastAt ?? null, fragments },
    unknownLinkTypes: [...unknownLinkTypes].map(([linkType, count]) => ({ linkType, packets: count })),
    learntPorts,
    problem: problem ?? null,
  };
}

function conversationOf(conversation: Conversation): object {
  const { number, client, gateway, negotiations, flows, errors, l2tp, tcpFlows } = conversation;
  return {
    ...{ number, client: client.text, gateway: gateway.text },
    negotiations: negotiations.map(negotiationOf),
    esp: flows.map(espOf),
    errors: errors.map(errorOf),
    l2tp: l2tp.map(l2tpOf),
    tcp: tcpFlows.map(tcpOf),
  };
}

function negotiationOf(negotiation: Negotiation): object {
  const { version, initiatorCookie, responderCookie, initiator, responder, skipped, messages } = negotiation;
  return {
    ...{ version, initiatorCookie, responderCookie: responderCookie ?? null },
    ...{ initiator: formatEndpoint(initiator), responder: formatEndpoint(responder), skipped },
    messages: messages.map((message) => messageOf(version, message)),
  };
}

function messageOf(version: Negotiation['version'], message: Message): object {
  const { packet, at, from, way, exchange, messageId, length, fragments, isLost, repeats, summary, trouble } = message;
  return {
    ...{ packet, at, from, way, exchange: exchangeName(version, exchange), messageId, length, fragments },
    ...{ lost: isLost, repeats: repeats ?? null, summary, trouble: trouble ?? null },
  };
}

function espOf({
  spi,
  carrier,
  source,
  destination,
  packets,
  bytes,
  missing,
  reordered,
  late,
  replayed,
}: EspFlow): object {
  const ends = { source: formatEndpoint(source), destination: formatEndpoint(destination) };
  return { spi, carrier, ...ends, packets, bytes, missing, reordered, late, replayed };
}

function errorOf({ packet, at, from, reason, protocol, source, destination, ...rest }: IcmpSighting): object {
  const { sourcePort, destinationPort, mtu } = rest;
  const about = { protocol, source: source.text, destination: destination.text, sourcePort, destinationPort };
  return { packet, at, from: from.text, reason, about, mtu };
}

function l2tpOf({ packet, at, source, destination, what }: L2tpSighting): object {
  return { packet, at, source: formatEndpoint(source), destination: formatEndpoint(destination), what };
}

function tcpOf({ client, server, syns, opened, reset, fromClient, fromServer }: TcpFlow): object {
  const ends = { client: formatEndpoint(client), server: formatEndpoint(server) };
  return {
    ...ends,
    syns: syns.length,
    opened: opened !== undefined,
    reset: reset !== undefined,
    fromClient,
    fromServer,
  };
}
