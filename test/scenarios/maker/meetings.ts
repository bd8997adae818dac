/** How most scenarios of two strongSwans go: the gateway serves, something is spoilt, somebody watches, and the client tries. */
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
  /** The client is in the home behind the NAT, not on the direct cable; there it is watched, too. */
  readonly behindNat?: boolean;
  readonly client?: SwanStart;
  /** How long the client tries. */
  readonly seconds: number;
}

export function swansMeet(kind: SwanKind, meeting: Meeting): Scenario['play'] {
  return async (stage) => {
    if (meeting.keys) stage.keepKeys();
    const files = meeting.certificates && (await stage.certificates(meeting.certificates));
    await stage.swanGateway(kind, { ...(files && { files: files.gateway }), ...meeting.gateway });
    await meeting.fault?.(stage);
    const where = meeting.behindNat ? home(stage) : direct(stage);
    await stage.watch(where.netns, 'eth0');
    const client = await stage.swanClient(kind, { ...where, ...(files && { files: files.client }), ...meeting.client });
    await client.initiate(meeting.seconds);
  };
}

/** A client behind the NAT. */
export function home(stage: Stage) {
  return { netns: stage.net.c1, local: '10.9.0.11', remote: gatewayPublicAddress };
}

function direct(stage: Stage) {
  return { netns: stage.net.cl, local: clientAddress, remote: gatewayAddress };
}
