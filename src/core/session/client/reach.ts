/** What a tunnel reaches: the networks that its pairs are made for, and what of them the host is to send through it. */
import type { Selector } from '../../ikev1/selector.ts';
import { type IpAddress, type Prefix, parsePrefix } from '../../net/address.ts';
import type { GivenConfiguration } from './configuration.ts';
import type { ClientOptions } from './events.ts';
import { checkRoutes } from './offered-network.ts';
import { innerNeighbours } from './proof.ts';

/** A gateway that takes no tunnel to everything gets one for each of its networks, as long as they are few. */
export const MAX_SELECTORS = 16;

const EVERYTHING: readonly Selector[] = [{ prefix: parsePrefix('0.0.0.0/0')!, protocol: 0, port: 0 }];

export class Reach {
  readonly #options: Pick<ClientOptions, 'routes'>;
  readonly #call: Selector | undefined;
  #selectors = EVERYTHING;

  /** @param call with L2TP: the gateway's end of it, whatever goes through */
  constructor(options: Pick<ClientOptions, 'routes'>, call: Selector | undefined) {
    this.#options = options;
    this.#call = call;
  }

  /** The gateway's side of the pairs. */
  get selectors(): readonly Selector[] {
    return this.#call ? [this.#call] : this.#selectors;
  }

  /** What its pairs carry of what is wanted. */
  carried(given: GivenConfiguration, gateway: IpAddress): readonly Prefix[] | 'all' {
    const networks = this.#selectors.map(({ prefix }) => prefix);
    return networks.some(({ length }) => length === 0) ? this.#wanted(given, gateway) : networks;
  }

  /** From one pair for everything to one for each network that is wanted; gives how many are too many. Undefined: it can't. */
  narrow(given: GivenConfiguration, gateway: IpAddress): number | undefined {
    const wanted = this.#wanted(given, gateway);
    if (this.#call || this.#selectors !== EVERYTHING || wanted === 'all') return undefined;
    this.#selectors = wanted.slice(0, MAX_SELECTORS).map((prefix) => ({ prefix, protocol: 0, port: 0 }));
    return wanted.length - this.#selectors.length;
  }

  /** Addresses behind the tunnel that answer if anything does. */
  neighbours(given: GivenConfiguration, gateway: IpAddress): IpAddress[] {
    const networks = this.#selectors.map(({ prefix }) => prefix);
    return innerNeighbours(gateway, given, this.#wanted(given, gateway), networks);
  }

  #wanted(given: GivenConfiguration, gateway: IpAddress): readonly Prefix[] | 'all' {
    const { routes = given.routes } = this.#options;
    return routes === 'all' || routes.length === 0 ? routes : checkRoutes(routes, [gateway]).kept;
  }
}
