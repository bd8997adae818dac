/** The stage of a suite: a topology and our gateway in it, there before the first test and gone after the last. */
import { after, afterEach, before, beforeEach } from 'node:test';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { Topology } from './topology.ts';

export interface Scene {
  readonly net: Topology;
  readonly gateway: Gateway;
  /** Length of the gateway's log when the running test began. */
  readonly mark: number;
}

/** What node's test context has too and its types don't tell. */
interface Outcome {
  readonly name: string;
  readonly passed: boolean;
}

/** Call it in a `describe`; use what it returns in the tests. */
export function scene(options: GatewayOptions & { readonly label?: string } = {}): Scene {
  const stage: { net?: Topology; gateway?: Gateway; mark: number } = { mark: 0 };
  before(async () => {
    stage.net = await Topology.create(options.label);
    stage.gateway = await Gateway.start(stage.net.gw, options);
  });
  beforeEach(() => {
    stage.mark = stage.gateway?.log.length ?? 0;
  });
  // A test that failed leaves nothing behind that the next one could stumble over.
  afterEach(async (context) => {
    const { passed, name } = context as unknown as Outcome;
    if (passed) return;
    console.error(`--- the gateway's log during "${name}":\n${stage.gateway?.said(stage.mark)}---`);
    await stage.net?.clearClients();
    for (const { id } of (await stage.gateway?.sessions().catch(() => [])) ?? []) {
      await stage.gateway?.command('kick', String(id));
    }
  });
  after(async () => {
    await stage.gateway?.remove();
    stage.net?.remove();
  });
  return stage as Scene;
}
