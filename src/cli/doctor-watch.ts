/** `doctor PROFILE --watch`: keeps a tunnel up by the first carrier that works, says what is learnt of it, and at the end all of it. */
import type { Asker } from '../client/asker.ts';
import type { Profile } from '../config/profile/profile.ts';
import type { CarrierSurvey } from '../core/diagnosis/carrier-survey.ts';
import { STANDARD_PORTS } from '../core/openings/openings.ts';
import { endedBy } from '../doctor/probe/network.ts';
import { nodeNetwork } from '../doctor/probe/node-network.ts';
import { probe } from '../doctor/probe/probe.ts';
import { watchMapping } from '../doctor/probe/watch.ts';
import type { Table, TableRow } from '../doctor/report/page.ts';
import { nodeCrypto } from '../host/crypto/node-crypto.ts';

export interface ProfileWatch {
  readonly profile: Profile;
  readonly surveys: readonly CarrierSurvey[];
  readonly asker: Asker;
  /** Ends it: what is known by then is told. */
  readonly signal: AbortSignal;
  readonly learnt: (news: { readonly watch: string; readonly text: string }) => void;
}

export interface WatchedProfile {
  readonly table: Table;
  readonly isWell: boolean;
}

/** Undefined: no carrier works, so there is nothing to watch. */
export async function watchProfile(options: ProfileWatch): Promise<WatchedProfile | undefined> {
  const { profile, surveys, asker, signal, learnt } = options;
  const [found] = surveys.flatMap(({ gateway, address, carriers }) =>
    carriers.filter(({ outcome }) => outcome === 'works').map(({ carrier }) => ({ gateway, address, carrier })),
  );
  if (!found || signal.aborted) return undefined;
  const { watchTunnel } = await import('../client/watch-tunnel.ts');
  const over = new AbortController();
  const measured = AbortSignal.any([signal, over.signal]);
  let mapping: Promise<string | undefined> = Promise.resolve(undefined);
  const stands = (isBehindNat: boolean) => {
    if (isBehindNat && hasStandardPorts(profile)) mapping = measureMapping(found.address, measured, learnt);
  };
  try {
    const { rows, isWell } = await watchTunnel({ ...found, profile, asker, signal, learnt, stands });
    const outside = await mapping;
    const more: TableRow[] = outside === undefined ? [] : [{ title: 'NAT mapping, from outside', text: outside }];
    return { table: { title: `Watched: ${found.gateway}`, rows: [...rows, ...more] }, isWell };
  } finally {
    // a tunnel that couldn't be watched has left it behind
    over.abort();
  }
}

/** The probe asks at the usual ports alone. */
function hasStandardPorts({ ports }: Profile): boolean {
  return ports.ike === STANDARD_PORTS.ike && ports.natT === STANDARD_PORTS.natT;
}

/** By sockets beside the tunnel, which tell what its own silence can't. The last sentence; never rejects. */
async function measureMapping(
  address: string,
  signal: AbortSignal,
  learnt: ProfileWatch['learnt'],
): Promise<string | undefined> {
  const tools = { network: endedBy(nodeNetwork, signal), crypto: nodeCrypto, progress: () => undefined };
  let last: string | undefined;
  try {
    for await (const news of watchMapping(await probe(address, tools), tools)) {
      last = news.text.replace(/^NAT mapping: /, '');
      learnt(news);
    }
  } catch (error) {
    if (!signal.aborted) last = `could not be measured: ${(error as Error).message}`;
  }
  return last;
}
