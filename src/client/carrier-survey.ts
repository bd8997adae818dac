/**
 * Each carrier to a gateway, one after the other, with a login and, where ESP has a way of its own, a packet there and back; the host's
 * routes and name servers stay as they are. What crosses the devices meanwhile tells where an opening is shut: here on its way out, here on its
 * way in, or elsewhere.
 */
import type { Profile } from '../config/profile/profile.ts';
import type { CarrierSurvey, OpeningState, SurveyedCarrier } from '../core/diagnosis/carrier-survey.ts';
import type { IpAddress } from '../core/net/address.ts';
import type { SeenOpening } from '../core/openings/missing.ts';
import {
  CARRIER_TITLES,
  type Carrier,
  type CarrierPorts,
  formatOpening,
  type Opening,
  openingsOf,
  openingsOfAll,
  sameOpening,
} from '../core/openings/openings.ts';
import type { ClientFailure } from '../core/session/client/events.ts';
import { HostError } from '../host/errors.ts';
import { openAside } from './aside.ts';
import type { Asker } from './asker.ts';
import { CLIENT_MARK } from './client.ts';
import { Crossings } from './crossings.ts';
import { GatewayNames } from './gateway-names.ts';
import { locate, openCarrierMemory } from './locate.ts';
import { clientOptions } from './options.ts';
import type { TunnelReport } from './report.ts';

export interface SurveyOptions {
  readonly profile: Profile;
  readonly asker: Asker;
  /** A sentence on what is being done. */
  readonly progress: (text: string) => void;
  /** Ends it early: what is known by then is told. */
  readonly signal: AbortSignal;
}

/** How a carrier went. */
type Walk = { readonly tunnel: TunnelReport } | { readonly failure: ClientFailure | undefined };

/**
 * One gateway of the profile. Rejects when the machine lacks something: no rights, no TUN; with a sentence when no route leads to it.
 */
export async function surveyCarriers(gateway: string, options: SurveyOptions): Promise<CarrierSurvey> {
  const { profile, asker, progress, signal } = options;
  const { ports } = profile;
  const memory = openCarrierMemory();
  const location = await locate({ gateway, tried: [] }, CLIENT_MARK, memory, new GatewayNames());
  if ('reason' in location) throw new HostError('NO_ROUTE', location.reason);
  const whole = clientOptions(profile);
  const crossings = new Crossings(location.gateway);
  const carriers: SurveyedCarrier[] = [];
  const seen: SeenOpening[] = [];
  try {
    for (const carrier of whole.carriers) {
      const why = signal.aborted ? 'it was ended' : carriers.some(isLoginRefused) ? 'the login failed' : undefined;
      if (why !== undefined) {
        carriers.push({ carrier, outcome: 'not-tried', detail: `not tried: ${why} before` });
        continue;
      }
      // IKE by the same opening came to nothing a moment ago
      const shut = seen.find(({ opening, sight }) => sight !== 'answered' && sameOpening(opening, firstOf(carrier)));
      if (shut) {
        carriers.push({ carrier, outcome: 'blocked', detail: `blocked: ${formatOpening(shut.opening)}` });
        continue;
      }
      progress(`${CARRIER_TITLES[carrier]} to ${gateway}`);
      const walk = await walkBy(carrier, location.gateway);
      carriers.push(surveyed(carrier, walk));
      seen.push(...openingsSeen(carrier, walk, ports));
    }
  } finally {
    crossings.close();
  }
  const openings = openingsOfAll(whole.carriers, ports, 'ike').map((opening) => ({
    opening,
    state: stateOf(opening, seen, crossings),
  }));
  return { gateway, address: location.gateway.text, ports, login: whole.login, carriers, openings };

  function firstOf(carrier: Carrier): Opening {
    return openingsOf(carrier, ports)[0]!;
  }

  async function walkBy(carrier: Carrier, address: IpAddress): Promise<Walk> {
    const up = Promise.withResolvers<Walk>();
    const client = await openAside(profile, {
      options: { ...whole, carriers: [carrier], gateways: [address.text] },
      asker,
      memory,
      report: (event) => {
        if (event.type === 'up') up.resolve({ tunnel: event });
      },
    });
    const stop = () => client.disconnect();
    signal.addEventListener('abort', stop);
    try {
      client.connect();
      if (signal.aborted) stop();
      return await Promise.race([up.promise, client.ended.then((failure) => ({ failure }))]);
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
      await client.close();
    }
  }
}

/** A password that is wrong stays wrong, and too many of them lock its user out. */
function isLoginRefused({ outcome }: SurveyedCarrier): boolean {
  return outcome === 'login';
}

function surveyed(carrier: Carrier, walk: Walk): SurveyedCarrier {
  if ('tunnel' in walk) {
    const { phase1, esp, address } = walk.tunnel;
    return { carrier, outcome: 'works', detail: `works: ${phase1}, ${esp}, inner address ${address}` };
  }
  const { failure } = walk;
  if (!failure) return { carrier, outcome: 'not-tried', detail: 'not tried: it was ended before' };
  if (failure.kind !== 'blocked')
    return { carrier, outcome: failure.kind === 'ended' ? 'login' : failure.kind, detail: failure.reason };
  const { openings = [], offered = true } = failureOf(carrier, failure) ?? {};
  if (!offered) return { carrier, outcome: 'not-offered', detail: 'the gateway does not offer it' };
  const shut = openings.filter(({ sight }) => sight === 'silent' || sight === 'refused');
  return {
    carrier,
    outcome: 'blocked',
    detail: `blocked: ${shut.map(({ opening }) => formatOpening(opening)).join(', ')}`,
  };
}

function failureOf(carrier: Carrier, { failures }: Extract<ClientFailure, { kind: 'blocked' }>) {
  return failures.find((one) => one.carrier === carrier);
}

/** What the walk says of each opening that the carrier needs. */
function openingsSeen(carrier: Carrier, walk: Walk, ports: CarrierPorts): readonly SeenOpening[] {
  const openings = openingsOf(carrier, ports);
  if ('tunnel' in walk) return openings.map((opening) => ({ opening, sight: 'answered' }));
  if (walk.failure?.kind === 'blocked') return failureOf(carrier, walk.failure)?.openings ?? [];
  // who refuses has answered, where IKE went
  return openings.map((opening, i) => ({ opening, sight: walk.failure && i === 0 ? 'answered' : 'untried' }));
}

function stateOf(opening: Opening, seen: readonly SeenOpening[], crossings: Crossings): OpeningState {
  const sights = seen.filter((one) => sameOpening(one.opening, opening)).map(({ sight }) => sight);
  if (sights.includes('answered')) return 'open';
  if (sights.includes('refused')) return 'refused';
  if (!sights.includes('silent') && !crossings.sawAny(opening)) return 'not-reached';
  if (!crossings.saw(opening, 'outgoing')) return 'blocked-outward';
  return crossings.saw(opening, 'incoming') ? 'blocked-inward' : 'no-answer';
}
