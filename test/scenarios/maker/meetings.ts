/**
 * How most scenarios of two strongSwans go: the gateway serves, something is spoilt, somebody watches, and the client tries; or it
 * gets in, and more happens.
 */
import type { Netns } from '../../lab/netns.ts';
import type { StrongSwan } from '../../lab/strongswan.ts';
import { clientAddress, gatewayAddress, gatewayPublicAddress } from '../../lab/topology.ts';
import type { CertificateOptions } from './certificates.ts';
import type { Scenario } from './scenario.ts';
import type { Stage, SwanStart } from './stage.ts';
import type { SwanKind } from './swan.ts';

interface Meeting {
  /** Keys of both are kept. */
  readonly keys?: boolean;
  /** Made for both sides. */
  readonly certificates?: CertificateOptions;
  readonly gateway?: SwanStart;
  /** What is done to the network once the gateway serves. */
  readonly fault?: (stage: Stage) => Promise<void>;
  /** The client is in the home behind the NAT, not on the direct cable. */
  readonly behindNat?: boolean;
  /** Whose device is watched; default the client's own. */
  readonly watched?: 'gateway' | 'nat';
  readonly client?: SwanStart;
  /** How long the client tries; without it the client has to get in. */
  readonly seconds?: number;
  readonly afterwards?: (met: Met) => Promise<unknown>;
}

export const NO_IKE_FRAGMENTS: SwanStart = { connection: { fragmentation: 'no' } };

export interface Met {
  readonly stage: Stage;
  readonly gateway: StrongSwan;
  readonly client: StrongSwan;
  /** Where the client is. */
  readonly at: Netns;
}

export function swansMeet(kind: SwanKind, meeting: Meeting): Scenario['play'] {
  return async (stage) => {
    if (meeting.keys) stage.keepKeys();
    const files = meeting.certificates && (await stage.certificates(meeting.certificates));
    const gateway = await stage.swanGateway(kind, { ...(files && { files: files.gateway }), ...meeting.gateway });
    await meeting.fault?.(stage);
    const where = meeting.behindNat ? home(stage) : direct(stage);
    await watch(stage, meeting);
    const client = await stage.swanClient(kind, { ...where, ...(files && { files: files.client }), ...meeting.client });
    if (meeting.seconds === undefined) await client.connect();
    else await client.initiate(meeting.seconds);
    await meeting.afterwards?.({ stage, gateway, client, at: where.netns });
  };
}

/** The gateway's device sees two: one gets in, from a cable of its own, and after that somebody else tries. */
export function afterAnother(
  kind: SwanKind,
  gateway: SwanStart,
  tries: (stage: Stage) => Promise<unknown>,
): Scenario['play'] {
  return async (stage) => {
    await stage.swanGateway(kind, gateway);
    const netns = await stage.net.addClient();
    await stage.watch(stage.net.gw, 'any', 'udp');
    await (await stage.swanClient(kind, { netns, local: '10.8.1.2' })).initiate(15);
    await tries(stage);
  };
}

/** A client behind the NAT. */
export function home(stage: Stage) {
  return { netns: stage.net.c1, local: '10.9.0.11', remote: gatewayPublicAddress };
}

function watch(stage: Stage, { watched, behindNat = false }: Meeting): Promise<void> {
  const { net } = stage;
  if (watched === 'gateway') return stage.watch(net.gw, behindNat ? 'public' : 'direct');
  if (watched === 'nat') return stage.watch(net.nat, 'outside');
  return stage.watch(behindNat ? net.c1 : net.cl, 'eth0');
}

function direct(stage: Stage) {
  return { netns: stage.net.cl, local: clientAddress, remote: gatewayAddress };
}
