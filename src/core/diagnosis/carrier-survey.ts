/** What somebody with credentials found who tried each carrier to a gateway in turn, data path included. */
import type { Carrier, CarrierPorts, Opening } from '../openings/openings.ts';

/**
 * `blocked-outward`: what we sent never left this machine. `blocked-inward`: the answer came to this machine, and was stopped here.
 * `no-answer`: it left, and nothing came back. `refused`: the gateway said that nobody listens. `not-reached`: what comes before it
 * failed already.
 */
export type OpeningState = 'open' | 'blocked-outward' | 'blocked-inward' | 'no-answer' | 'refused' | 'not-reached';

export interface SurveyedOpening {
  readonly opening: Opening;
  readonly state: OpeningState;
}

/** `login`: name, password or passcode were refused, so no other carrier was tried with them. */
export type CarrierOutcome = 'works' | 'blocked' | 'not-offered' | 'refused' | 'login' | 'silent' | 'not-tried';

export interface SurveyedCarrier {
  readonly carrier: Carrier;
  readonly outcome: CarrierOutcome;
  /** A sentence, in what way. */
  readonly detail: string;
}

export interface CarrierSurvey {
  /** As the profile names it, and its address. */
  readonly gateway: string;
  readonly address: string;
  readonly ports: CarrierPorts;
  /** Who asks for name and password: XAUTH, or PPP in a call of L2TP. */
  readonly login: 'xauth' | 'l2tp' | 'none';
  readonly carriers: readonly SurveyedCarrier[];
  readonly openings: readonly SurveyedOpening[];
}
