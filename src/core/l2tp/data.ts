/**
 * What transport mode carries: UDP from a client to port 1701, in it L2TP, in its data messages PPP, in that IPv4. The
 * readable reference for the dataplane's fast path.
 */
import type { Bytes } from '../bytes/bytes.ts';
import { MalformedError } from '../bytes/reader.ts';
import { encodeL2tpData, L2TP_PORT, type PppCall, parseL2tp } from '../wire/l2tp.ts';
import { encodePppFrame, PppProtocol, parsePppFrame } from '../wire/ppp.ts';
import { encodeUdp, parseUdp } from '../wire/udp.ts';

export type TransportContent =
  /** An IPv4 packet of a call. */
  | { readonly kind: 'packet'; readonly call: PppCall; readonly packet: Bytes }
  /** For the engines: L2TP's control, PPP's other protocols, also of calls not up yet, and all as long as no call is up. */
  | { readonly kind: 'message'; readonly port: number; readonly message: Bytes }
  | { readonly kind: 'drop'; readonly reason: 'malformed' | 'port' | 'session' };

/** @param payload what ESP carried under next header 17; @param calls those of the client's tunnel that are up */
export function readTransport(payload: Bytes, calls: readonly PppCall[]): TransportContent {
  try {
    const { source: port, destination, payload: bytes } = parseUdp(payload);
    if (destination !== L2TP_PORT) return { kind: 'drop', reason: 'port' };
    const message = parseL2tp(bytes);
    if (message.kind === 'control' || calls.length === 0) return { kind: 'message', port, message: bytes };
    const { tunnelId, sessionId } = message;
    const mine = calls.filter(({ localTunnel }) => localTunnel === tunnelId);
    if (mine.length === 0) return { kind: 'drop', reason: 'session' };
    const { protocol, information } = parsePppFrame(message.payload);
    if (protocol !== PppProtocol.IPV4) return { kind: 'message', port, message: bytes };
    const call = mine.find(({ localSession }) => localSession === sessionId);
    return call ? { kind: 'packet', call, packet: information } : { kind: 'drop', reason: 'session' };
  } catch (error) {
    if (error instanceof MalformedError) return { kind: 'drop', reason: 'malformed' };
    throw error;
  }
}

/** An IPv4 packet for the call's client, as ESP carries it under next header 17. */
export function writeTransport(packet: Bytes, call: PppCall): Bytes {
  const whole = encodePppFrame({ protocol: PppProtocol.IPV4, information: packet });
  const protocol = whole.subarray(call.acfc ? 2 : 0);
  const payload = call.pfc ? withoutByte(protocol, call.acfc ? 0 : 2) : protocol;
  const { peerTunnel: tunnelId, peerSession: sessionId, port: destination } = call;
  const message = encodeL2tpData({ tunnelId, sessionId, ns: undefined, payload });
  return encodeUdp({ source: L2TP_PORT, destination, payload: message });
}

function withoutByte(bytes: Bytes, at: number): Bytes {
  return bytes.filter((_, i) => i !== at);
}
