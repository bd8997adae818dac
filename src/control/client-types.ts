/** The client's control API: what one may ask a running client on its local socket, and what it answers. */
import type { Carrier } from '../core/openings/openings.ts';

/** A carrier that doesn't come through, and what of its needs is closed. JSON throughout. */
export interface BlockedCarrier {
  readonly carrier: Carrier;
  /** One word with dashes: "no-answer", "refused", "not-offered", "not-tried". */
  readonly reason: string;
  /** As `sallyport openings` names them, for example "UDP 4500". */
  readonly openings: readonly string[];
}

/** What a tunnel that is up is like. */
export interface TunnelReport {
  readonly carrier: Carrier;
  /** "192.0.2.1:4500"; "192.0.2.1" with native ESP. */
  readonly gateway: string;
  /** The inner address. */
  readonly address: string;
  readonly dns: readonly string[];
  readonly domain: string | null;
  /** Networks that go through the tunnel; "all": everything. */
  readonly routes: readonly string[] | 'all';
  /** For example "aes128-sha1-modp2048" and "aes256gcm16". */
  readonly phase1: string;
  readonly esp: string;
  readonly tun: string;
}

/** What `sallyport status` shows of a running client. */
export interface ClientStatus {
  readonly profile: string;
  readonly pid: number;
  readonly version: string;
  readonly state: 'connecting' | 'up' | 'reconnecting';
  /** ISO 8601: since when the client runs. */
  readonly since: string;
  /** ISO 8601: since when the tunnel is up; null: it isn't. */
  readonly upSince: string | null;
  /** Null: never up yet; while reconnecting the last one. */
  readonly tunnel: TunnelReport | null;
  readonly blocked: readonly BlockedCarrier[];
  /** Why there is no tunnel at the moment. */
  readonly reason: string | null;
  readonly rekeys: number;
  readonly reconnects: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
}

export interface ClientResults {
  readonly status: ClientStatus;
  /** Comes when the tunnel is down and the host's network as it was. */
  readonly disconnect: null;
}

export type ClientVerb = keyof ClientResults;
export type ClientHandlers = { readonly [V in ClientVerb]: () => ClientResults[V] | Promise<ClientResults[V]> };
